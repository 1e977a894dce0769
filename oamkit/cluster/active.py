"""The cluster that this process works with: what ``apply``, ``get`` and the other verbs mean by "the cluster"."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oamkit.cluster.api import Api, connect
from oamkit.cluster.base import Provider
from oamkit.cluster.programs import ProgramRunner
from oamkit.process import Runner
from oamkit.provider import Choice, ProviderName, choose, select

__all__ = ["acting", "api", "environ", "kubeconfig", "provider", "runner", "substituted", "user"]

_provider: Provider | None = None
_runner: Runner = ProgramRunner()
_user: tuple[str, Path] | None = None


def provider(name: str | None = None) -> Provider:
    """Return the place in use; ``name`` changes it for this process."""
    global _provider
    if _provider is None or (name and name != _provider.name):
        choice = choose(name)
        _provider = _make(choice)
        select(choice)
    return _provider


def runner() -> Runner:
    """Return what runs kubectl, helm, docker and kind."""
    return _runner


def kubeconfig() -> Path:
    """Return the kubeconfig of the cluster in use: its administrator's, or of whom :func:`acting` says.

    Raises:
        ClusterError: There is no cluster.
    """
    return _user[1] if _user else provider().kubeconfig()


def user() -> str:
    """Return the name of the person that the verbs act for; ``""`` for the cluster's administrator."""
    return _user[0] if _user else ""


@contextmanager
def acting(name: str, file: Path) -> Iterator[None]:
    """Work as somebody else in the cluster in use, for the length of a ``with`` block.

    Args:
        name: Who, for the prompt of the commands that are shown.
        file: That person's kubeconfig.
    """
    global _user
    before = _user
    _user = name, file
    try:
        yield
    finally:
        _user = before


def api() -> Api:
    """Return the connection to the cluster in use."""
    return connect(kubeconfig())


def environ() -> dict[str, str]:
    """Return the environment in which kubectl and helm find the cluster in use."""
    return {**os.environ, "KUBECONFIG": str(kubeconfig())}


@contextmanager
def substituted(other: Provider, other_runner: Runner | None = None) -> Iterator[None]:
    """Work with another place, and another runner, for the length of a ``with`` block. For tests and for comparing clusters."""
    global _provider, _runner
    before = _provider, _runner
    _provider, _runner = other, other_runner or _runner
    try:
        yield
    finally:
        _provider, _runner = before


def _make(choice: Choice) -> Provider:
    match choice.name:
        case ProviderName.SANDBOX:
            from oamkit.cluster.providers.sandbox import SandboxProvider

            return SandboxProvider(choice)
        case ProviderName.KIND:
            from oamkit.cluster.providers.kind import KindProvider

            return KindProvider(choice, runner())
        case ProviderName.KUBECONFIG:
            from oamkit.cluster.providers.kubeconfig import KubeconfigProvider

            return KubeconfigProvider(choice, runner())
