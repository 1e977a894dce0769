"""What the sandbox was started with, and what runs: the plain data that the commands and the daemon exchange.

A :class:`Plan` goes from ``up`` to the daemon, as a file. A :class:`State` comes back: by the control socket while the daemon
lives, and from ``state.json`` afterwards, for the ports to use again and the processes that a killed daemon left.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from oamkit.languages import message
from oamkit.sandbox.config import Layout

__all__ = ["COMPONENTS", "ComponentState", "Phase", "Plan", "Ports", "State", "write_json"]

COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "node-agent",
    "traefik",
)
"""All of the sandbox's processes, in the order of their start; they are stopped the other way round."""


class Phase(StrEnum):
    """Where in its life a component, or the whole sandbox, is."""

    WAITING = message("waiting")
    STARTING = message("starting")
    READY = message("ready")
    BACKOFF = message("backoff")
    FAILED = message("failed")
    STOPPING = message("stopping")
    STOPPED = message("stopped")


@dataclass(frozen=True)
class Ports:
    """Where the sandbox listens on this machine's loopback address.

    Attributes:
        api: The Kubernetes API.
        http: The way in for HTTP: Ingresses.
        https: The way in for HTTPS.
        kubelet: The node agent's API; seen from this machine only in the loopback layout.
    """

    api: int
    http: int
    https: int
    kubelet: int


@dataclass(frozen=True)
class Plan:
    """What the daemon is started with.

    Attributes:
        root: :attr:`oamkit.sandbox.config.SandboxPaths.root`.
        sockets: The folder for Unix sockets; short, since their paths may have no more than 107 bytes.
        images: The image store.
        layout: How Pods are kept apart.
        ports: Where it listens.
        listeners: From port to the descriptor of the listener on the host's loopback address; none in the loopback layout.
        fast: Whether etcd may lose what a crash of the machine catches it writing.
        components: The names of the components to start.
    """

    root: Path
    sockets: Path
    images: Path
    layout: Layout
    ports: Ports
    listeners: dict[int, int] = field(default_factory=dict)
    fast: bool = False
    components: tuple[str, ...] = COMPONENTS

    def write(self, path: Path) -> None:
        """Write it as JSON, with mode 0600."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read what :meth:`write` wrote."""
        values = json.loads(path.read_text())
        return cls(
            root=Path(values["root"]),
            sockets=Path(values["sockets"]),
            images=Path(values["images"]),
            layout=Layout(values["layout"]),
            ports=Ports(**values["ports"]),
            listeners={int(port): number for port, number in values["listeners"].items()},
            fast=values["fast"],
            components=tuple(values["components"]),
        )


@dataclass
class ComponentState:
    """One process of the sandbox.

    Attributes:
        name: e.g. ``"kube-apiserver"``.
        phase: Where in its life it is.
        pid: Its process id, as the daemon sees it; ``None`` while it doesn't run.
        start_time: The process's start, in clock ticks since the machine started: with ``pid`` its identity.
        restarts: How often it was started again since the sandbox is up.
        since: Since when it is in its phase, in seconds since the epoch.
        message: What a person should know of it, e.g. why it ended.
        memory: Bytes of memory (PSS); ``None`` where it wasn't asked for.
    """

    name: str
    phase: Phase = Phase.WAITING
    pid: int | None = None
    start_time: int | None = None
    restarts: int = 0
    since: float = 0.0
    message: str = ""
    memory: int | None = None


@dataclass
class State:
    """The whole sandbox.

    Attributes:
        phase: :attr:`Phase.READY` when all components are; :attr:`Phase.FAILED` when one couldn't be started.
        layout: How Pods are kept apart.
        ports: Where it listens.
        fast: Whether etcd runs without fsync.
        since: Since when it is in its phase, in seconds since the epoch.
        message: Why it failed.
        hint: What to do about it.
        components: Its processes, in the order of their start.
        versions: From program to version, e.g. ``{"kubernetes": "v1.37.2"}``.
        memory: Bytes of memory (PSS) of the daemon itself; ``None`` where it wasn't asked for.
    """

    phase: Phase
    layout: Layout
    ports: Ports
    fast: bool = False
    since: float = 0.0
    message: str = ""
    hint: str = ""
    components: list[ComponentState] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    memory: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> State:
        """Return what :meth:`as_dict` was made from."""
        components = [
            ComponentState(**{**each, "phase": Phase(each["phase"])})
            for each in values["components"]
        ]
        return cls(
            **{
                **values,
                "phase": Phase(values["phase"]),
                "layout": Layout(values["layout"]),
                "ports": Ports(**values["ports"]),
                "components": components,
            }
        )

    @classmethod
    def read(cls, path: Path) -> State | None:
        """Read ``state.json``; ``None`` where there is none, or none that this version understands."""
        try:
            return cls.from_dict(json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None


def write_json(path: Path, value: object) -> None:
    """Write a file of mode 0600 as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file, default=str, indent=2)
    temporary.replace(path)
