"""Which place a cluster runs in: the one decision that building an image and making a cluster share.

================  ==========================================  ===================================================
name              what                                        chosen when
================  ==========================================  ===================================================
``sandbox``       real control plane, Pods as processes here  no Docker answers
``kind``          containers, by kind and Docker              Docker answers
``kubeconfig``    any cluster that you can reach              never by itself: it may be somebody's production
================  ==========================================  ===================================================

An argument wins over what this process used before, that over ``OAMKIT_PROVIDER``, and that over looking.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from oamkit.errors import InputError, OamKitError
from oamkit.process import Runner, SubprocessRunner

__all__ = ["Choice", "ProviderName", "choose", "docker_answers", "forget", "select"]

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
        'sandbox, because OAMKIT_PROVIDER says so'
    """
    if name:
        return Choice(_parse(name, "provider"), "you asked for it")
    if _selected is not None:
        return _selected
    value = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if value:
        return Choice(_parse(value, VARIABLE), f"{VARIABLE} says so")
    if docker_answers(runner):
        return Choice(ProviderName.KIND, "Docker answers on this machine")
    return Choice(ProviderName.SANDBOX, "no Docker answers on this machine")


def select(choice: Choice) -> None:
    """Let every later :func:`choose` of this process give the same answer, so that a cluster's images are built for it."""
    global _selected
    _selected = choice


def forget() -> None:
    """Take back :func:`select`."""
    global _selected
    _selected = None


def docker_answers(runner: Runner | None = None) -> bool:
    """Return whether a Docker engine answers, within 5 seconds."""
    try:
        command = ["docker", "info", "--format", "{{.ServerVersion}}"]
        done = (runner or SubprocessRunner()).run(command, timeout=5)
    except OamKitError:
        return False
    return bool(done.stdout.strip())


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
