"""What the node agent asks of the layer that runs processes: the sandbox's counterpart of the CRI.

The agent (:mod:`oamkit.sandbox.agent`) knows Pods, and nothing of namespaces; a :class:`ContainerRuntime` knows processes, mounts
and addresses, and nothing of Kubernetes. There are two: :mod:`oamkit.sandbox.namespaced` (a network and mount namespace for each
Pod, without root) and :mod:`oamkit.sandbox.loopback` (plain processes, where namespaces are refused).

The verbs follow the Container Runtime Interface (``k8s.io/cri-api``, ``runtime/v1``), reduced to what processes need. A runtime
keeps what it must know in each Pod's ``directory``, so that another process of it, started after the agent was killed, finds the
Pods that still run (:meth:`ContainerRuntime.pods`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

__all__ = [
    "ContainerConfig",
    "ContainerRuntime",
    "ContainerState",
    "ContainerStatus",
    "ExecSession",
    "Mount",
    "PodConfig",
    "PodStatus",
]


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine that a container sees at another path.

    Attributes:
        source: Where it is on this machine.
        target: The absolute path at which the container sees it.
        read_only: Whether the container may not write to it.
    """

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class PodConfig:
    """What a Pod's containers share.

    Attributes:
        uid: ``metadata.uid``: its identity.
        namespace: ``metadata.namespace``.
        name: ``metadata.name``.
        hostname: What ``hostname`` prints in it.
        directory: A folder of this Pod alone; the runtime keeps its own state in ``directory / "runtime"``.
        host_network: Whether it shares the node's network.
        nameservers: Addresses for its ``resolv.conf``; in the loopback layout, which has none, also ``"address:port"``.
        searches: Search domains for its ``resolv.conf``.
        dns_options: Options for its ``resolv.conf``, e.g. ``"ndots:5"``.
        hosts: Additional lines of its ``/etc/hosts``: address to names.
        memory_limit: Bytes for all of its containers together; ``None`` for no limit. Not enforced: it takes a control group.
    """

    uid: str
    namespace: str
    name: str
    hostname: str
    directory: Path
    host_network: bool = False
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    memory_limit: int | None = None


@dataclass(frozen=True)
class ContainerConfig:
    """One start of one container. A restart is a new configuration with a higher ``attempt``.

    Attributes:
        name: ``spec.containers[].name``.
        attempt: How often it was started before, from 0. ``(name, attempt)`` is its identity within the Pod.
        image: The reference of its image, as written in the Pod.
        rootfs: The unpacked image; the container sees it as ``/`` and may write to a layer above it, which ends with it.
        host_paths: Files and folders of this machine that show through, read-only, where the image itself has nothing, e.g.
            ``/usr``, ``/lib`` and the interpreter's prefix (see :attr:`oamkit.images.Image.host_paths`). What is in both is the image's.
        argv: The program and its arguments.
        env: Its whole environment.
        working_dir: An absolute path in the container; made if missing.
        mounts: Volumes, outermost first.
        log_path: Its log, in the CRI format: ``<RFC 3339 with ns> <stdout|stderr> <F|P> <text>``, a line each.
        stdin: Whether its standard input stays open for ``attach``; ``/dev/null`` otherwise.
        stdin_once: Whether it is closed when the first ``attach`` session ends.
        tty: Whether it gets a pseudo-terminal.
        read_only_rootfs: Whether it may not write to its own ``/``.
        memory_limit: Bytes of anonymous and shared memory; ``None`` for no limit. What is over it is killed (``OOMKilled``), up to a
            second late (see :mod:`oamkit.sandbox.shim`); what ``exec`` started doesn't count.
        cpu_limit: Cores; ``None`` for no limit. Not enforced: it takes a control group.
    """

    name: str
    attempt: int
    image: str
    rootfs: Path
    argv: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str
    log_path: Path
    host_paths: tuple[Path, ...] = ()
    mounts: tuple[Mount, ...] = ()
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    read_only_rootfs: bool = False
    memory_limit: int | None = None
    cpu_limit: float | None = None


class ContainerState(StrEnum):
    """Where in its life a container is."""

    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True)
class ContainerStatus:
    """What is known of one start of a container.

    Attributes:
        name: ``spec.containers[].name``.
        attempt: See :class:`ContainerConfig`.
        id: Unique on this node, e.g. ``"process://1f0c…"``'s last part.
        state: Whether it runs.
        started_at: Seconds since the epoch; ``None`` if it couldn't be started at all.
        finished_at: Seconds since the epoch; ``None`` while it runs.
        exit_code: As a shell reports it: 128 + n for a process that signal n ended; ``None`` while it runs. For ``ContainerCannotRun``
            127 if the program isn't there, 126 if it can't be executed, and 128, as containerd has it for all three, if its
            surroundings can't be made, e.g. a volume is missing.
        signal: The signal that ended it; ``None`` if none did.
        reason: ``"Completed"``, ``"Error"``, ``"OOMKilled"``, ``"ContainerCannotRun"`` (the program isn't there or can't be executed);
            ``""`` while it runs.
        message: What a person should know of it, e.g. why it couldn't be started.
    """

    name: str
    attempt: int
    id: str
    state: ContainerState
    started_at: float | None
    finished_at: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class PodStatus:
    """A Pod that the runtime has set up.

    Attributes:
        config: What it was set up from.
        ip: Its address, e.g. ``"10.244.0.5"``.
        containers: All starts of its containers that the runtime still knows, oldest first.
    """

    config: PodConfig
    ip: str
    containers: tuple[ContainerStatus, ...] = ()


class ExecSession(Protocol):
    """A program that runs in a container for ``exec``, or the container's own one for ``attach``.

    With a terminal everything comes by ``stdout``, and ``stderr`` is ``None``. ``stdin`` is ``None`` if it wasn't asked for.
    """

    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader | None

    async def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size in characters; does nothing without one."""

    async def wait(self) -> int:
        """Return the exit code, as a shell reports it; for ``attach`` the container's."""
        ...

    async def close(self) -> None:
        """End the session: kills an exec's process, leaves an attached container alone. May be called twice."""


class ContainerRuntime(Protocol):
    """Runs Pods as processes. All verbs can be repeated: what is done already is done."""

    async def start(self) -> None:
        """Make the node ready (bridge, routes, limits), and find the Pods that still run.

        Raises:
            SandboxError: The node can't be made ready.
        """

    async def close(self) -> None:
        """Let go of everything that this process holds. Pods go on running."""

    async def pods(self) -> tuple[PodStatus, ...]:
        """Return all Pods that are set up, also those of an earlier process of the agent."""
        ...

    async def start_pod(self, config: PodConfig) -> PodStatus:
        """Set up a Pod: its namespaces, address, ``resolv.conf`` and ``hosts``. A Pod that is there already keeps its address.

        Raises:
            SandboxError: It can't be set up, e.g. because no address is left.
        """
        ...

    async def remove_pod(self, uid: str) -> None:
        """Kill what is left of a Pod and give back its address. A Pod that isn't there is fine."""

    async def start_container(self, uid: str, config: ContainerConfig) -> ContainerStatus:
        """Start a container. A program that can't be executed yields a status (``ContainerCannotRun``), no exception."""
        ...

    async def wait_container(self, uid: str, name: str, attempt: int) -> ContainerStatus:
        """Return the status of a container when it has ended."""
        ...

    async def signal_container(self, uid: str, name: str, signal: int) -> None:
        """Send a signal to the main process of the container's newest start; ``SIGKILL`` ends all of its processes."""

    async def exec(
        self, uid: str, name: str, argv: Sequence[str], *, stdin: bool, tty: bool
    ) -> ExecSession:
        """Start a program in a running container, with the container's environment and file system.

        Raises:
            SandboxError: The container doesn't run, or the program can't be executed.
        """
        ...

    async def attach(self, uid: str, name: str) -> ExecSession:
        """Connect to the streams of a running container: ``stdin`` if it was started with it, new output from now on.

        Raises:
            SandboxError: The container doesn't run.
        """
        ...

    async def connect(
        self, uid: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection to a port of the Pod, as from within it (its loopback address first, then its own).

        Raises:
            OSError: Nothing listens there.
        """
        ...
