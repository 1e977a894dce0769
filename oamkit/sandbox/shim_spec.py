"""What the runtime tells the monitor of a container, and what the monitor tells the runtime; both as JSON files.

Seen by the type checker only: importing :mod:`typing` would add a quarter to the monitor's start.
"""

from __future__ import annotations

from typing import TypedDict, final

__all__ = ["Program", "Request", "Spec", "Status"]


class Program(TypedDict):
    """What a container's start and an exec have in common.

    Attributes:
        argv: The program and its arguments.
        env: Its whole environment.
        working_dir: Where it starts.
        stdin: Whether its standard input can be written to.
        tty: Whether it gets a terminal.
        isolated: Whether it has namespaces of its own: the namespaced layout.
    """

    argv: list[str]
    env: dict[str, str]
    working_dir: str
    stdin: bool
    tty: bool
    isolated: bool


@final
class Spec(Program):
    """``spec.json``: a container to start.

    Attributes:
        id: Its id.
        namespaces: Files to join: the Pod's network, hostname and IPC namespaces.
        rootfs: The unpacked image.
        host_paths: What shows through.
        files: From paths in the container to the Pod's files: ``/etc/hosts`` …
        mounts: Source, target and whether it is read-only.
        read_only: Whether the root is read-only.
        log: The container's log.
        stdin_once: Whether the end of the first attached client ends standard input.
        memory_limit: Bytes; 0 for no limit.
    """

    id: str
    namespaces: list[str]
    rootfs: str
    host_paths: list[str]
    files: dict[str, str]
    mounts: list[tuple[str, str, bool]]
    read_only: bool
    log: str
    stdin_once: bool
    memory_limit: int


@final
class Request(Program):
    """A program to start in a running container.

    Attributes:
        target: Pid and start time of the container's main process.
    """

    target: tuple[int, int]


class Status(TypedDict, total=False):
    """``status.json``: how a container is doing; see :class:`oamkit.sandbox.cri.ContainerStatus`.

    Attributes:
        shim: Pid and start time of the monitor.
        main: Pid and start time of the container's main process.
    """

    id: str
    shim: tuple[int, int]
    main: tuple[int, int]
    started_at: float | None
    finished_at: float | None
    exit_code: int | None
    signal: int | None
    reason: str
    message: str
