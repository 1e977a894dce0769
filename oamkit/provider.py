"""Which place a cluster runs in: the one decision that building an image and making a cluster share.

================  ==========================================  ===================================================
name              what                                        chosen when
================  ==========================================  ===================================================
``sandbox``       real control plane, Pods as processes here  no Docker answers
``kind``          containers, by kind and Docker or Podman    Docker or Podman answers
``kubeconfig``    any cluster that you can reach              never by itself: it may be somebody's production
================  ==========================================  ===================================================

An argument wins over what this process used before, that over ``OAMKIT_PROVIDER``, and that over looking.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from oamkit.engine import find_engine
from oamkit.errors import InputError
from oamkit.process import Runner

__all__ = ["Choice", "ProviderName", "choose", "forget", "select"]

VARIABLE = "OAMKIT_PROVIDER"


class ProviderName(StrEnum):
    """The places; see the table above."""

    SANDBOX = "sandbox"
    KIND = "kind"
    KUBECONFIG = "kubeconfig"


@dataclass(frozen=True)
class Choice:
    """A place, and why it was taken.

    Attributes:
        name: The place.
        reason: Why, in words that can follow "because".
    """

    name: ProviderName
    reason: str

    def __str__(self) -> str:
        return f"{self.name}, because {self.reason}"


_selected: Choice | None = None


def choose(
    name: str | None = None,
    *,
    runner: Runner | None = None,
    environ: Mapping[str, str] | None = None,
) -> Choice:
    """Choose a place, by the order that this module's docstring names.

    Args:
        name: The place by name; ``None`` or ``""`` to choose.
        runner: Runs ``docker info``; really by default.
        environ: Environment variables; this process's by default.

    Raises:
        InputError: There is no place of that name.

    Example:
        >>> choose("kind").name
        <ProviderName.KIND: 'kind'>
        >>> str(choose(environ={"OAMKIT_PROVIDER": "sandbox"}))
        'sandbox, because the variable OAMKIT_PROVIDER says so'
    """
    if name:
        return Choice(_parse(name, "provider"), "you asked for it")
    if _selected is not None:
        return _selected
    value = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if value:
        return Choice(_parse(value, VARIABLE), f"the variable {VARIABLE} says so")
    engine = find_engine(runner)
    if engine is not None:
        return Choice(ProviderName.KIND, f"on this machine {engine.title} answers")
    return Choice(ProviderName.SANDBOX, "no Docker answers on this machine")


def select(choice: Choice) -> None:
    """Let every later :func:`choose` of this process give the same answer, so that a cluster's images are built for it."""
    global _selected
    _selected = choice


def forget() -> None:
    """Take back :func:`select`."""
    global _selected
    _selected = None


def _parse(value: str, field: str) -> ProviderName:
    try:
        return ProviderName(value.strip().lower())
    except ValueError as error:
        names = ", ".join(ProviderName)
        raise InputError(
            f"expected one of {names}, got {value!r}",
            field=field,
            hint="'oamkit doctor' says which of them this machine can use.",
        ) from error
