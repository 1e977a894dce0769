"""The daemon: ``python -m oamkit.sandbox.daemon PLAN``, started by ``up``, detached from the terminal.

In the namespaced layout it is process 1 of the sandbox's own pid namespace; when it ends, the kernel ends everything else in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from oamkit.errors import ApiError
from oamkit.sandbox import control, logs, procfs, programs
from oamkit.sandbox.apiclient import ApiClient
from oamkit.sandbox.base_objects import base_objects
from oamkit.sandbox.children import Children, adopt_orphans
from oamkit.sandbox.config import NODE_NAME, Layout, SandboxPaths
from oamkit.sandbox.control_plane import Component, Ready, components, etcd_socket
from oamkit.sandbox.relay import relay
from oamkit.sandbox.state import Phase, Plan, State, write_json
from oamkit.sandbox.supervisor import Supervisor

__all__ = ["main"]

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
RENEWED = 3
"""The exit code of :mod:`oamkit.sandbox.renew` that says that there are new certificates."""
HOUR = 3600.0


class Daemon:
    """One sandbox, from start to stop."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.paths = SandboxPaths(plan.root)
        self.state = State(
            Phase.STARTING, plan.layout, plan.ports, fast=plan.fast, since=time.time()
        )
        self.stopping = asyncio.Event()
        self.children = Children()
        self.supervisor = Supervisor(
            self.state,
            components(plan, programs.find),
            self.children,
            probe=self.is_ready,
            prepare=self.make_objects,
            changed=self.changed,
            env=dict(os.environ),
            logs_dir=self.paths.logs,
            cwd=plan.root,
        )
        self.control = control.ControlServer(
            self.current, self.supervisor.restart, self.stopping.set
        )

    async def run(self) -> None:
        """Run until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        server = await control.serve(self.control, control.socket_path(self.plan.sockets))
        relays = [
            await relay(socket.socket(fileno=number), "127.0.0.1", port)
            for port, number in self.plan.listeners.items()
        ]
        self.supervisor.start()
        upkeep = asyncio.create_task(self.upkeep())
        await self.stopping.wait()
        upkeep.cancel()
        await self.supervisor.stop()
        await self.end_pods()
        for each in (server, *relays):
            each.close()
        control.socket_path(self.plan.sockets).unlink(missing_ok=True)
        await self.control.close()
        self.children.close()

    def current(self, with_memory: bool) -> State:
        """Return the state; with each component's memory if asked."""
        for each in self.state.components:
            each.memory = procfs.memory(each.pid) if with_memory and each.pid else None
        self.state.memory = procfs.memory(os.getpid()) if with_memory else None
        return self.state

    def changed(self) -> None:
        """Write the state down, and tell those who watch."""
        # A full disk must not end the daemon: those who watch still hear of it.
        with contextlib.suppress(OSError):
            write_json(self.paths.state, self.state.as_dict())
        self.control.publish()

    async def is_ready(self, spec: Component) -> bool:
        """Look whether a component that runs is ready."""
        if spec.ready is Ready.RUNNING:
            return True
        if spec.ready is Ready.ETCD:
            return _accepts(socket.AF_UNIX, str(etcd_socket(self.plan)))
        if spec.ready is Ready.HTTP:
            return _accepts(socket.AF_INET, ("127.0.0.1", self.plan.ports.http))
        return await asyncio.to_thread(self._ask_api, spec.ready)

    def _ask_api(self, wanted: Ready) -> bool:
        api = ApiClient(self.plan.ports.api, self.paths.pki)
        if wanted is Ready.API:
            return api.status("/readyz") == 200
        if wanted is Ready.SERVICE_ACCOUNT:
            return api.status("/api/v1/namespaces/default/serviceaccounts/default") == 200
        node = api.get(f"/api/v1/nodes/{NODE_NAME}") or {}
        conditions = node.get("status", {}).get("conditions", [])
        if not any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            return False
        # A Node of last time may say that it is ready: its API says whether it is.
        address = (self.plan.layout.kubelet_host, self.plan.ports.kubelet)
        return _accepts(socket.AF_INET, address)

    async def make_objects(self) -> None:
        """Make the objects that every sandbox has, again while the server or their namespace isn't there yet."""
        api = ApiClient(self.plan.ports.api, self.paths.pki)
        for manifest in base_objects(self.plan.layout):
            while True:
                try:
                    await asyncio.to_thread(api.apply, manifest)
                    break
                except ApiError as error:
                    if error.status in (400, 422):
                        raise
                await asyncio.sleep(0.05)
        version = await asyncio.to_thread(api.get, "/version") or {}
        self.state.versions = {"kubernetes": version.get("gitVersion", "")}

    async def upkeep(self) -> None:
        """Now and then: bound the logs, and renew certificates that end soon."""
        while True:
            await asyncio.sleep(HOUR)
            for each in self.state.components:
                logs.rotate(self.paths.logs, each.name)
            await self.renew()

    async def renew(self) -> None:
        """Renew certificates that end soon, by another process: what it takes would stay in this one's memory."""
        with logs.append(self.paths.logs, "supervisor") as output:
            child = self.children.start(
                [sys.executable, "-m", "oamkit.sandbox.renew", str(self.paths.root / "plan.json")],
                env=os.environ,
                cwd=self.plan.root,
                output=output,
            )
        if await child.ended == RENEWED:
            self.supervisor.restart([each.name for each in self.state.components])

    async def end_pods(self) -> None:
        """Ask the processes of Pods to end, and end those that don't."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = set(procfs.descendants(os.getpid())) - self.children.known()
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            deadline = time.monotonic() + 0.5
            while left and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
                left &= set(procfs.descendants(os.getpid()))


def _accepts(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    """Whether somebody listens; on this machine itself a connection is accepted or refused at once."""
    with socket.socket(family) as connection:
        return connection.connect_ex(address) == 0


def _loopback_up() -> None:
    """Switch on ``lo``: in a new network namespace it is down (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


async def _run(plan: Plan) -> None:
    await Daemon(plan).run()


def main() -> None:
    """Run the daemon of the plan whose file is the first argument."""
    plan = Plan.read(Path(sys.argv[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if plan.layout is Layout.NAMESPACED:
        _loopback_up()
    else:
        adopt_orphans()
    asyncio.run(_run(plan))


if __name__ == "__main__":
    main()
