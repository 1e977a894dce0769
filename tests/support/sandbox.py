"""A sandbox in a home of its own, and ways to look at it from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oamkit import paths
from oamkit.sandbox import control, procfs
from oamkit.sandbox.apiclient import ApiClient
from oamkit.sandbox.lifecycle import Sandbox
from oamkit.sandbox.state import COMPONENTS, State

# The node agent has its own tests; without it the sandbox is up sooner.
CONTROL_PLANE = tuple(name for name in COMPONENTS if name != "node-agent")
# Where only starting and stopping matters.
API_ONLY = ("etcd", "kube-apiserver")


class Bench:
    """A sandbox in an ``OAMKIT_HOME`` of its own, and what a test asks of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "data" / "sandbox"

    def sandbox(self, **options: Any) -> Sandbox:
        return Sandbox(**{"components": CONTROL_PLANE, **options})

    def api(self, state: State) -> ApiClient:
        return ApiClient(state.ports.api, self.folder / "pki")

    def put(self, state: State, name: str) -> None:
        """Make a ConfigMap in the namespace ``default``."""
        manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"},
        }
        self.api(state).apply(manifest)

    def has(self, state: State, name: str) -> bool:
        return self.api(state).status(f"/api/v1/namespaces/default/configmaps/{name}") == 200

    def daemon(self) -> int:
        pid = control.daemon_pid(paths.runtime())
        assert pid is not None
        return pid

    def processes(self) -> list[tuple[int, int | None]]:
        """The daemon, the one above it that made its namespaces, and all below: with their start times."""
        above = procfs.holders((self.folder / "daemon.lock").resolve())
        pids = {*above, *procfs.descendants(self.daemon())}
        return [(pid, procfs.start_time(pid)) for pid in pids]

    def script(self, *calls: str) -> subprocess.Popen[str]:
        """Another program that uses the same sandbox; ``calls`` are methods of :class:`Sandbox`."""
        lines = [
            "from oamkit.sandbox.lifecycle import Sandbox",
            f"sandbox = Sandbox(components={API_ONLY!r})",
            *(f"print(sandbox.{call}, flush=True)" for call in calls),
        ]
        return subprocess.Popen(
            [sys.executable, "-c", "\n".join(lines)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def eventually(condition: Callable[[], Any], *, within: float = 20.0, what: str = "") -> Any:
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"didn't happen within {within} s: {what or condition}"
        time.sleep(0.05)


def listening() -> dict[int, tuple[str, int]]:
    """All TCP listeners of this machine's network: from inode to address and port (proc_net(5))."""
    found = {}
    for table in ("tcp", "tcp6"):
        for line in (Path("/proc/self/net") / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address, port = fields[1].split(":")
                found[int(fields[9])] = (address, int(port, 16))
    return found


def sockets_of(pid: int) -> set[int]:
    """The inodes of a process's sockets."""
    found = set()
    for link in (Path("/proc") / str(pid) / "fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return found


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())
