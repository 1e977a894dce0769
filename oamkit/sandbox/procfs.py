"""What the kernel tells of processes, by ``proc(5)``."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = [
    "alive",
    "children",
    "cpu_seconds",
    "descendants",
    "holders",
    "host_pids",
    "memory",
    "start_time",
]

PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """Fields 3… of ``/proc/<pid>/stat``: those behind the program's name, which may contain anything."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the machine did; ``None`` if it isn't there."""
    try:
        return int(_stat(pid)[19])
    except (OSError, IndexError):
        return None


def alive(pid: int | None, started: int | None) -> bool:
    """Whether this very process still runs: another one of the same id, or a dead one that nobody waited for, doesn't count."""
    if pid is None or started is None:
        return False
    try:
        fields = _stat(pid)
        return int(fields[19]) == started and fields[0] not in "ZX"
    except (OSError, IndexError):
        return False


def cpu_seconds(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int | None:
    """Return a process's memory in bytes, shared pages by their share (PSS); ``None`` if it isn't known."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _parents() -> dict[int, int]:
    found: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int(_stat(int(entry.name))[1])
            except (OSError, IndexError):
                continue  # it ended while we looked
    return found


def children(pid: int) -> list[int]:
    """Return the processes whose parent a process is."""
    return [child for child, parent in _parents().items() if parent == pid]


def descendants(pid: int) -> list[int]:
    """Return a process's children, and theirs."""
    parents = _parents()
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for child, parent in parents.items() if parent in level]
        found += level
    return found


def holders(path: Path) -> list[int]:
    """Return the processes, other than this one, that have a file open, as far as we may know."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if any(link.readlink() == path for link in (entry / "fd").iterdir()):
                    found.append(int(entry.name))
    return found


def host_pids(top: int) -> dict[int, int]:
    """Return, for the processes below ``top``, from the id that each sees itself to the one that we see.

    A process of a pid namespace has an id in each of the namespaces around it (``NSpid`` in ``/proc/<pid>/status``).
    """
    found: dict[int, int] = {}
    for pid in descendants(top):
        try:
            lines = (PROC / str(pid) / "status").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("NSpid:"):
                found.setdefault(int(line.split()[2]) if len(line.split()) > 2 else pid, pid)
    return found
