"""``doctor``: what this machine has, what it lacks for the course, and what to do about it."""

from __future__ import annotations

from oamkit.diagnosis.checks import CHECKS
from oamkit.diagnosis.machine import Machine
from oamkit.diagnosis.report import Check, Diagnosis, State

__all__ = ["Check", "Diagnosis", "Machine", "State", "doctor"]


def doctor(machine: Machine | None = None) -> Diagnosis:
    """Look at this machine: can the course run here, and if not, why.

    Args:
        machine: What to look at; this machine by default.

    Example::

        print(doctor())
        assert doctor().ok
    """
    machine = machine or Machine()
    return Diagnosis(tuple(found for check in CHECKS if (found := check(machine)) is not None))
