"""Starting and reaping processes as process 1 of a pid namespace, or as its stand-in.

Orphans, e.g. of a Pod's shell, become children of process 1, which must reap them. So all children are reaped in one place, on
``SIGCHLD``, by ``waitpid(-1)``: those that were started here are told of their end, the others are orphans. asyncio's own
subprocesses would compete for the same exit codes, therefore they aren't used in the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["Child", "Children", "adopt_orphans"]

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs (``PR_SET_CHILD_SUBREAPER``, prctl(2)); Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A process that was started here.

    Attributes:
        pid: Its process id.
        ended: Done with the exit code, as a shell reports it, when the process has ended and was reaped.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to it and its process group, unless it has ended: its id may be another's by then."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class Children:
    """All children of this process. Make it in the running loop's thread; it takes ``SIGCHLD``."""

    def __init__(self) -> None:
        self._known: dict[int, Child] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def close(self) -> None:
        """Give ``SIGCHLD`` back."""
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def start(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: IO[bytes]
    ) -> Child:
        """Start a program in a process group of its own, without input.

        Raises:
            OSError: It can't be started.
        """
        process = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        # No await between the start and here: the loop can't have reaped it before it is known.
        child = self._known[process.pid] = Child(process.pid)
        process.returncode = 0  # it is ours to wait for, not Popen's
        return child

    def known(self) -> set[int]:
        """Return the process ids of those that were started here and run."""
        return set(self._known)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                child = self._known.pop(pid, None)
                if child is not None and not child.ended.done():
                    code = os.waitstatus_to_exitcode(status)
                    child.ended.set_result(code if code >= 0 else 128 - code)
