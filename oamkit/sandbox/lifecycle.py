"""The sandbox's public face: start it, stop it, ask it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from oamkit import paths as places
from oamkit.errors import SandboxError
from oamkit.sandbox import control, control_plane, launch, logs, prepare, procfs, programs
from oamkit.sandbox.config import Layout, SandboxPaths
from oamkit.sandbox.state import COMPONENTS, Phase, Ports, State

__all__ = ["Progress", "Sandbox"]

Progress = Callable[[State], None]
"""Called with the sandbox's state after each change."""

START_SECONDS = 120.0
STOP_SECONDS = 15.0


class Sandbox:
    """The Kubernetes of local processes that belongs to this user.

    It runs in a daemon of its own, shared by all shells and notebooks. All verbs may be called at any time and by several
    programs at once.

    Args:
        layout: How Pods are kept apart; by default in namespaces where this machine allows them.
        components: Which processes to start; all by default.

    Example:
        >>> sandbox = Sandbox()
        >>> sandbox.up()                            # doctest: +SKIP
        >>> sandbox.kubeconfig                      # doctest: +SKIP
        PosixPath('/home/me/.local/share/oamkit/sandbox/kubeconfig')
        >>> sandbox.down()                          # doctest: +SKIP
    """

    def __init__(
        self, *, layout: Layout | None = None, components: tuple[str, ...] = COMPONENTS
    ) -> None:
        self._layout = layout
        self._components = components
        self.paths = SandboxPaths(places.data() / "sandbox")
        self._sockets = places.runtime()
        self._lock = launch.DaemonLock(self.paths.root)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it is there after the first :meth:`up`."""
        return self.paths.kubeconfig

    def up(
        self,
        *,
        fast: bool = False,
        progress: Progress | None = None,
        http_port: int | None = None,
        https_port: int | None = None,
        api_port: int | None = None,
    ) -> State:
        """Start the sandbox, or wait until it is ready if it has been started already.

        Args:
            fast: Let etcd write without fsync: for tests, whose objects needn't survive a crash of the machine.
            progress: Called with the state after each change.
            http_port: Where Ingresses answer; 80 if it can be taken, else 8080, else a free one.
            https_port: The same for HTTPS; 443, 8443.
            api_port: Where the Kubernetes API answers; 6443, 16443, else a free one.

        Returns:
            The state, all of whose components are ready.

        Raises:
            SandboxError: It can't be started; the error says why and what to do.
            MissingToolError: A program that it needs isn't installed.
        """
        asked = {"api": api_port, "http": http_port, "https": https_port}
        prepare.folders(self.paths, running=control.daemon_pid(self._sockets) is not None)
        with launch.held(self.paths.lock, START_SECONDS):
            if not self._lock.take():
                state = self._running_state()
                if state is not None and state.phase in (Phase.STARTING, Phase.READY):
                    self._check_ports(state.ports, asked)
                    self._renew(state)
                    return self._await_ready(progress)
                self._stop()
                self._lock.take()
            try:
                launch.end_leftovers(self.paths.root)
                self._start(asked, fast=fast)
            finally:
                self._lock.release()
            return self._await_ready(progress)

    def down(self, *, progress: Progress | None = None) -> bool:
        """Stop the sandbox; its objects stay for the next :meth:`up`.

        Returns:
            Whether it was running.
        """
        if not self.paths.root.is_dir():
            return False
        with launch.held(self.paths.lock, START_SECONDS):
            return self._stop(progress)

    def status(self) -> State | None:
        """Return what runs, with process ids as this shell sees them and each component's memory; ``None`` if nothing does.

        Raises:
            SandboxError: The daemon runs but doesn't answer.
        """
        state = control.ask(self._sockets, {"do": "status", "memory": True})
        if state is None:
            return None
        top = control.daemon_pid(self._sockets)
        seen = procfs.host_pids(top) if top else {}
        for each in state.components:
            each.pid = seen.get(each.pid) if each.pid is not None else None
        return state

    def logs(self, component: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines of a component's log, oldest first.

        Args:
            component: e.g. ``"kube-apiserver"``, or ``"supervisor"`` for the daemon itself.
            follow: Whether to go on as the log grows.

        Raises:
            SandboxError: There is no such component.
        """
        known = (*COMPONENTS, "supervisor")
        if component not in known:
            raise SandboxError(
                f"The sandbox has no component {component!r}.",
                hint=f"Its components are {', '.join(known)}.",
                code="sandbox-unknown-component",
            )
        log = logs.path(self.paths.logs, component)
        if follow:
            return logs.follow(log)
        return iter(log.read_text(errors="replace").splitlines() if log.exists() else [])

    def reset(self) -> None:
        """Stop the sandbox and delete all of its objects, Pods and logs. Images and certificates stay."""
        if not self.paths.root.is_dir():
            return
        self.down()
        with launch.held(self.paths.lock, START_SECONDS):
            for folder in (self.paths.etcd, self.paths.pods, self.paths.logs):
                _remove(folder)

    def _running_state(self) -> State | None:
        """The state of the daemon that holds the lock; one that has just been started is given time to listen."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                state = control.ask(self._sockets, {"do": "status"})
            except SandboxError:
                return None
            if state is not None:
                return state
            if self._lock.take():  # it ended
                self._lock.release()
                return None
            time.sleep(0.05)
        return None

    def _start(self, asked: dict[str, int | None], *, fast: bool) -> None:
        layout = self._layout or prepare.best_layout()
        last = State.read(self.paths.state)
        prepare.check_layout(self.paths, last, layout)
        with contextlib.ExitStack() as listeners:
            plan = prepare.plan(
                self.paths,
                layout,
                listeners=prepare.listeners(asked, last.ports if last else None, layout, listeners),
                fast=fast,
                components=self._components,
            )
            control_plane.components(plan, programs.find)  # a missing program is better said now
            try:
                prepare.write_files(plan)
                if layout is Layout.LOOPBACK:
                    listeners.close()  # the servers themselves listen there
                launch.start(plan, self._lock)
            except OSError as error:
                raise prepare.unwritable(self.paths.root, error) from error

    def _await_ready(self, progress: Progress | None) -> State:
        deadline = time.monotonic() + START_SECONDS
        last: State | None = None
        while time.monotonic() < deadline:
            try:
                for state in control.watch(self._sockets, {"do": "watch"}, timeout=START_SECONDS):
                    last = state
                    if progress is not None:
                        progress(state)
                    if state.phase is Phase.READY:
                        return state
                    if state.phase is Phase.FAILED:
                        self._stop()
                        raise SandboxError(
                            f"The sandbox can't be started: {state.message}",
                            hint=state.hint,
                            code="sandbox-failed",
                        )
            except ConnectionError:
                pass
            if self._lock.take():  # nobody holds it: the daemon ended
                self._lock.release()
                break
            time.sleep(0.02)
        tail = logs.tail(self.paths.logs, "supervisor", 8)
        raise SandboxError(
            "The sandbox's daemon ended while it was starting."
            if last is None
            else f"The sandbox was stopped while it was starting ({last.phase}).",
            hint=f"The last lines of its log:\n{tail}"
            if tail
            else "Run 'oamkit sandbox up' again.",
            code="sandbox-failed",
        )

    def _stop(self, progress: Progress | None = None) -> bool:
        if self._lock.take():
            self._lock.release()
            launch.end_leftovers(self.paths.root)
            return False
        if not self._ask_to_stop(progress):
            launch.kill(self.paths.root, self._lock)
            if not self._lock.wait(10):
                raise SandboxError(
                    f"The sandbox's daemon can't be ended: processes {self._lock.holders()}.",
                    hint="They may wait for a disk that doesn't answer.",
                )
        self._lock.release()
        launch.reap(self.paths.root)
        return True

    def _ask_to_stop(self, progress: Progress | None) -> bool:
        """Ask the daemon to stop, also one that doesn't listen yet; take its lock, and return whether that succeeded."""
        deadline = time.monotonic() + STOP_SECONDS
        while not self._lock.take():
            if time.monotonic() > deadline:
                return False
            try:
                for state in control.watch(self._sockets, {"do": "stop"}, timeout=STOP_SECONDS):
                    if progress is not None and state.phase in (Phase.STOPPING, Phase.STOPPED):
                        progress(state)
            except ConnectionError:
                time.sleep(0.02)
            except SandboxError:
                return False
        return True

    def _renew(self, state: State) -> None:
        """Renew certificates of a sandbox that runs, and let those who use them start again."""
        if prepare.write_credentials(self.paths, state.layout, state.ports):
            names = [name for name in self._components if name != "etcd"]
            control.ask(self._sockets, {"do": "restart", "names": names})

    @staticmethod
    def _check_ports(now: Ports, asked: dict[str, int | None]) -> None:
        for name, port in asked.items():
            if port is not None and getattr(now, name) != port:
                raise SandboxError(
                    f"The sandbox runs already, with its {name} port at {getattr(now, name)}, not at {port}.",
                    hint="Run 'oamkit sandbox down' first: its objects stay.",
                    code="sandbox-other-port",
                )


def _remove(folder: Path) -> None:
    """Delete a folder; overlay file systems leave folders in it that even their owner may not enter until told so."""

    def give_access(_: object, path: str, __: object) -> None:
        for each in (os.path.dirname(path), path):  # noqa: PTH120 - shutil gives strings
            Path(each).chmod(stat.S_IRWXU)
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink()

    if folder.exists():
        shutil.rmtree(folder, onerror=give_access)
