"""The sandbox's public face: start it, stop it, ask it."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from oamkit import paths as places
from oamkit.errors import SandboxError
from oamkit.sandbox import control, launch, logs, ports, procfs, programs
from oamkit.sandbox.config import NODE_NAME, Layout, NodeConfig, SandboxPaths
from oamkit.sandbox.control_plane import components, write_authentication
from oamkit.sandbox.kubeconfig import write_kubeconfig
from oamkit.sandbox.pki import KUBELET_CLIENT, Pki, leaves
from oamkit.sandbox.state import COMPONENTS, Phase, Plan, Ports, State

__all__ = ["Progress", "Sandbox"]

Progress = Callable[[State], None]
"""Called with the sandbox's state after each change."""

NEEDED_BYTES = 200 * 2**20
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
            api_port: Where the Kubernetes API answers; 6443, else a free one.

        Returns:
            The state, all of whose components are ready.

        Raises:
            SandboxError: It can't be started; the error says why and what to do.
            MissingToolError: A program that it needs isn't installed.
        """
        asked = {"api": api_port, "http": http_port, "https": https_port}
        self._make_folders()
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
        self.down()
        with launch.held(self.paths.lock, START_SECONDS):
            for folder in (self.paths.etcd, self.paths.pods, self.paths.logs):
                _remove(folder)

    def _make_folders(self) -> None:
        try:
            for folder in (
                self.paths.root,
                self.paths.pki,
                self.paths.etcd,
                self.paths.logs,
                self.paths.pods,
            ):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            free = shutil.disk_usage(self.paths.root).free
        except OSError as error:
            raise _unwritable(self.paths.root, error) from error
        if free < NEEDED_BYTES and control.daemon_pid(self._sockets) is None:
            raise SandboxError(
                f"{self.paths.root} has only {free // 2**20} MB of disk left; the sandbox needs {NEEDED_BYTES // 2**20} MB.",
                hint="Make room, or let OAMKIT_HOME name a folder on another disk.",
                code="sandbox-disk-full",
            )

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
        layout = self._layout or _best_layout()
        last = State.read(self.paths.state)
        if last is not None and last.layout is not layout and any(self.paths.etcd.iterdir()):
            raise SandboxError(
                f"The sandbox was made in the layout '{last.layout}', and this machine now asks for '{layout}'.",
                hint="Run 'oamkit sandbox reset': it deletes what is in the sandbox. Or allow namespaces again ('oamkit doctor').",
                code="sandbox-layout-changed",
            )
        listeners = _listeners(asked, last.ports if last else None, layout)
        try:
            numbers = {name: each.getsockname()[1] for name, each in listeners.items()}
            if layout is Layout.NAMESPACED:
                numbers["kubelet"] = 10250 if 10250 not in numbers.values() else 10260
            inherited = {each.getsockname()[1]: each.fileno() for each in listeners.values()}
            plan = Plan(
                root=self.paths.root,
                sockets=self._sockets,
                images=places.data() / "images",
                layout=layout,
                ports=Ports(**numbers),
                listeners=inherited if layout is Layout.NAMESPACED else {},
                fast=fast,
                components=self._components,
            )
            components(plan, programs.find)  # a program that is missing is better said now
            try:
                self._write_files(plan)
                if layout is Layout.LOOPBACK:
                    for each in listeners.values():
                        each.close()  # the servers themselves listen there
                launch.start(plan, self._lock)
            except OSError as error:
                raise _unwritable(self.paths.root, error) from error
        finally:
            for each in listeners.values():
                each.close()

    def _write_files(self, plan: Plan) -> None:
        pki = Pki(self.paths.pki)
        pki.ensure(leaves(plan.layout))
        server = f"https://127.0.0.1:{plan.ports.api}"
        write_kubeconfig(self.paths.kubeconfig, pki, "admin", server)
        for user in ("controller-manager", "scheduler", "node", "traefik"):
            write_kubeconfig(self.paths.pki / f"{user}.kubeconfig", pki, user, server)
        write_authentication(self.paths.root / "authentication.json")
        NodeConfig(
            layout=plan.layout,
            node_name=NODE_NAME,
            node_ip=plan.layout.node_ip,
            kubelet_port=plan.ports.kubelet,
            kubeconfig=self.paths.pki / "node.kubeconfig",
            serving_cert=pki.cert("kubelet"),
            serving_key=pki.key("kubelet"),
            client_ca=pki.ca,
            client_name=KUBELET_CLIENT,
            pods_dir=self.paths.pods,
            images_dir=plan.images,
            api_address=f"127.0.0.1:{plan.ports.api}",
            service_cidr=plan.layout.service_cidr,
            dns_ip=plan.layout.dns_ip,
        ).write(self.paths.node_config)

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
        if Pki(self.paths.pki).ensure(leaves(state.layout)):
            pki, server = Pki(self.paths.pki), f"https://127.0.0.1:{state.ports.api}"
            write_kubeconfig(self.paths.kubeconfig, pki, "admin", server)
            for user in ("controller-manager", "scheduler", "node", "traefik"):
                write_kubeconfig(self.paths.pki / f"{user}.kubeconfig", pki, user, server)
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


def _best_layout() -> Layout:
    from oamkit.sandbox.probe import namespaces_refused

    return Layout.LOOPBACK if namespaces_refused() is not None else Layout.NAMESPACED


def _listeners(
    asked: dict[str, int | None], last: Ports | None, layout: Layout
) -> dict[str, socket.socket]:
    wanted: list[tuple[str, str, list[int]]] = [
        ("api", "the Kubernetes API", [6443]),
        ("http", "HTTP", [80, 8080]),
        ("https", "HTTPS", [443, 8443]),
    ]
    if layout is Layout.LOOPBACK:
        wanted.append(("kubelet", "the node agent", [10250]))
    before: dict[str, Any] = dataclasses.asdict(last) if last else {}
    found: dict[str, socket.socket] = {}
    try:
        for name, words, usual in wanted:
            found[name] = ports.listen(
                words, asked=asked.get(name), last=before.get(name), usual=usual
            )
    except SandboxError:
        for each in found.values():
            each.close()
        raise
    return found


def _unwritable(root: Path, error: OSError) -> SandboxError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return SandboxError(
        f"The sandbox's folder {root} can't be written to: {error.strerror}.",
        hint="Make room on that disk, or let OAMKIT_HOME name a folder on another one."
        if full
        else "Give yourself access to it, or let OAMKIT_HOME name another folder.",
        code="sandbox-disk-full" if full else "sandbox-unwritable",
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
