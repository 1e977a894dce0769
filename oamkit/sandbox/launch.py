"""Starting the daemon, in namespaces of its own where the layout says so, and ending one that doesn't listen any more."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from oamkit.errors import MissingToolError, SandboxError
from oamkit.sandbox import logs, procfs
from oamkit.sandbox.config import Layout, SandboxPaths
from oamkit.sandbox.loopback import end_pods
from oamkit.sandbox.state import Plan, State

__all__ = ["DaemonLock", "end_leftovers", "held", "kill", "reap", "start"]

# Everything below the first process ends with it: --kill-child, and the kernel ends a pid namespace with its process 1.
UNSHARE = (
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
# What a proxy or another cluster's settings would do to the sandbox's own traffic nobody wants.
DROPPED_ENVIRONMENT = frozenset(
    {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "kubeconfig", "kubernetes_service_host"}
)

# Daemons that this very process started: they are its children, which somebody must wait for.
_started: dict[Path, subprocess.Popen[bytes]] = {}


class DaemonLock:
    """A lock that a daemon holds as long as it lives.

    The lock belongs to the open file, not to a process (flock(2)): ``up`` takes it and the daemon inherits it. So there is no
    moment in which a daemon runs without it, even if ``up`` is killed in the middle.
    """

    def __init__(self, root: Path) -> None:
        self._path = (root / "daemon.lock").resolve()
        self.descriptor = -1

    def take(self) -> bool:
        """Take it; return whether it was free."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self.descriptor = descriptor
        return True

    def holders(self) -> list[int]:
        """Return the processes that hold it: a daemon, and the one that made its namespaces."""
        return procfs.holders(self._path)

    def release(self) -> None:
        """Let go of our share of it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def wait(self, seconds: float) -> bool:
        """Take it within some seconds; return whether that succeeded."""
        deadline = time.monotonic() + seconds
        while not self.take():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of the commands that start and stop the sandbox.

    Raises:
        SandboxError: Another command holds it for too long.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"Another command has been starting or stopping the sandbox for {seconds:.0f} s.",
                        hint="Wait for it or end it, then try again.",
                        code="sandbox-busy",
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def start(plan: Plan, lock: DaemonLock) -> None:
    """Start the daemon, which inherits the lock and the listeners.

    Raises:
        MissingToolError: ``unshare`` isn't installed.
    """
    paths = SandboxPaths(plan.root)
    plan_file = plan.root / "plan.json"
    plan.write(plan_file)
    argv = [sys.executable, "-m", "oamkit.sandbox.daemon", str(plan_file)]
    if plan.layout is Layout.NAMESPACED:
        argv = [*UNSHARE, *argv]
    logs.rotate(paths.logs, "supervisor")
    env = {name: value for name, value in os.environ.items() if _wanted(name)}
    with logs.append(paths.logs, "supervisor") as output:
        try:
            process = subprocess.Popen(
                argv,
                env=env,
                cwd=plan.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.descriptor, *plan.listeners.values()],
            )
        except FileNotFoundError as error:
            raise MissingToolError(
                "The program unshare isn't there.", hint="Install the package util-linux."
            ) from error
    reap(plan.root)
    _started[plan.root] = process


def reap(root: Path) -> None:
    """Wait for a daemon that this process started and that is ending."""
    process = _started.get(root)
    if process is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            del _started[root]


def kill(root: Path, lock: DaemonLock) -> None:
    """End a daemon that doesn't listen any more, and what it left. Nothing is signalled but who holds its lock."""
    for pid in lock.holders():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end_leftovers(root)


def end_leftovers(root: Path) -> None:
    """End the components and Pods of a daemon of the loopback layout that was killed; in the namespaced layout the kernel did."""
    state = State.read(SandboxPaths(root).state)
    if state is None or state.layout is not Layout.LOOPBACK:
        return
    left = [(each.pid, each.start_time) for each in state.components]
    for pid, started in left:
        if pid is not None and procfs.alive(pid, started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    end_pods(SandboxPaths(root).pods)
    deadline = time.monotonic() + 5
    while any(procfs.alive(*each) for each in left) and time.monotonic() < deadline:
        time.sleep(0.02)


def _wanted(name: str) -> bool:
    return name.lower() not in DROPPED_ENVIRONMENT
