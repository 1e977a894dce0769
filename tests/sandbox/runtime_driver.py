"""Runs cases against a container runtime, one after the other: names come by standard input, results go to standard output.

``python runtime_driver.py LAYOUT FOLDER CASES.py…``; for the namespaced layout within a private namespace, as the sandbox's
daemon has it. With ``--agent`` as the last argument it starts a Pod and hangs, to be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.util
import json
import os
import shutil
import socket
import sys
import traceback
from collections.abc import Awaitable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from oamkit.sandbox.cri import (  # noqa: E402 - the path comes first
    ContainerConfig,
    ContainerRuntime,
    ContainerStatus,
    PodConfig,
    PodStatus,
)
from oamkit.sandbox.loopback import LoopbackRuntime  # noqa: E402
from oamkit.sandbox.namespaced import NamespacedRuntime  # noqa: E402

HOST_PATHS = ("/usr", "/bin", "/lib", "/lib64", "/etc/ssl", sys.base_prefix)
PATH = "/usr/local/bin:/usr/bin:/bin"


def command_lines() -> list[str]:
    """Return the command lines of all other processes."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (path / "cmdline").read_bytes()
                found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


class World:
    """What a case works with; its Pods are removed after it."""

    def __init__(self, layout: str, folder: Path) -> None:
        self.layout = layout
        self.folder = folder
        self.pods_dir = folder / "pods"
        self.rootfs = folder / "rootfs"
        self.rootfs.mkdir(exist_ok=True)
        self.runtime = self.new_runtime()
        self.python = os.path.realpath(sys.executable)
        self._count = 0

    def new_runtime(self) -> ContainerRuntime:
        kind = NamespacedRuntime if self.layout == "namespaced" else LoopbackRuntime
        return kind(self.pods_dir)

    def pod_config(self, uid: str = "", **changes: Any) -> PodConfig:
        self._count += 1
        uid = uid or f"pod{self._count}-0000-4000-8000-000000000000"
        values: dict[str, Any] = {
            "uid": uid,
            "namespace": "default",
            "name": f"web-{self._count}",
            "hostname": f"web-{self._count}",
            "directory": self.pods_dir / uid,
            "nameservers": ("10.96.0.10",),
            "searches": ("default.svc.cluster.local", "svc.cluster.local"),
            "dns_options": ("ndots:5",),
        }
        return PodConfig(**{**values, **changes})

    async def pod(self, **changes: Any) -> PodStatus:
        return await self.runtime.start_pod(self.pod_config(**changes))

    def config(self, pod: PodStatus, argv: Iterable[str], **changes: Any) -> ContainerConfig:
        values: dict[str, Any] = {
            "name": "main",
            "attempt": 0,
            "image": "test:v1",
            "rootfs": self.rootfs,
            "argv": tuple(argv),
            "env": {"PATH": PATH, "HOME": "/root", "GREETING": "hello"},
            "working_dir": "/",
            "log_path": pod.config.directory / "main.log",
            "host_paths": tuple(map(Path, HOST_PATHS)),
        }
        return ContainerConfig(**{**values, **changes})

    async def start(self, pod: PodStatus, *argv: str, **changes: Any) -> ContainerStatus:
        return await self.runtime.start_container(pod.config.uid, self.config(pod, argv, **changes))

    async def run(self, *argv: str, pod: PodStatus | None = None, **changes: Any) -> Ended:
        """Run a program to its end."""
        pod = pod or await self.pod()
        status = await self.start(pod, *argv, **changes)
        ended = await self.soon(
            self.runtime.wait_container(pod.config.uid, status.name, status.attempt)
        )
        return Ended(pod, ended, self.log(pod))

    def log(self, pod: PodStatus) -> list[tuple[str, str, bytes]]:
        """Return stream, tag and text of each line of a Pod's log."""
        path = pod.config.directory / "main.log"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        parts = [line.split(b" ", 3) for line in lines]
        return [(stream.decode(), tag.decode(), text) for _, stream, tag, text in parts]

    def output(self, pod: PodStatus) -> str:
        """Return what a Pod's container wrote."""
        return "".join(
            text.decode(errors="replace") + ("\n" if tag == "F" else "")
            for _, tag, text in self.log(pod)
        )

    async def until_output(self, pod: PodStatus, text: str) -> None:
        await self.until(lambda: text in self.output(pod), f"{text!r} in the log")

    async def until(self, condition: Any, what: str) -> None:
        """Wait for a condition of files or processes, which nothing announces."""
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{what} didn't happen within 10 s")

    async def soon(self, awaitable: Awaitable[Any]) -> Any:
        """Return what something gives that must not take long."""
        async with asyncio.timeout(20):
            return await awaitable

    async def exec(
        self, pod: PodStatus, *argv: str, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        """Run a program in a Pod's container; returns exit code, output, errors."""
        session = await self.runtime.exec(
            pod.config.uid, "main", argv, stdin=input is not None, tty=False
        )
        try:
            if session.stdin is not None:
                session.stdin.write(input or b"")
                session.stdin.close()
            assert session.stderr is not None
            out, err = await self.soon(asyncio.gather(session.stdout.read(), session.stderr.read()))
            return await session.wait(), out, err
        finally:
            await session.close()

    async def fetch(self, pod: PodStatus, port: int) -> bytes:
        """Fetch / from a port of a Pod, as soon as something listens there."""
        for _ in range(500):
            try:
                reader, writer = await self.runtime.connect(pod.config.uid, port)
                break
            except OSError:
                await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"nothing listens on port {port}: {self.output(pod)}")
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await self.soon(reader.read())
        writer.close()
        await writer.wait_closed()
        return answer

    def running(self, command: str) -> list[str]:
        """Return the command lines of other processes with these words, monitors aside."""
        return [line for line in command_lines() if command in line and "shim_boot" not in line]

    async def tidy(self) -> None:
        for pod in await self.runtime.pods():
            await self.runtime.remove_pod(pod.config.uid)

    def left(self) -> list[str]:
        """Return what is there that shouldn't be when no Pod is."""
        found = [str(path) for path in self.pods_dir.glob("*/runtime")]
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        found += [line for line in mounts if str(self.folder) in line]
        if self.layout == "namespaced":
            found += [name for _, name in socket.if_nameindex() if name.startswith("pod")]
        found += [line for line in command_lines() if str(self.pods_dir) in line]
        return found


@dataclasses.dataclass
class Ended:
    """A container that has ended: its Pod, its status and its log."""

    pod: PodStatus
    status: ContainerStatus
    log: list[tuple[str, str, bytes]]


async def run_case(case: Any, world: World) -> str:
    try:
        async with asyncio.timeout(60):
            await case(world)
        await world.tidy()
        if left := world.left():
            # The last of a monitor's work, removing the writable layer, nobody waits for.
            await world.until(lambda: not world.left(), f"removing {left}")
    except BaseException:  # noqa: BLE001 - handed to the test
        with contextlib.suppress(Exception):
            await world.tidy()
        return traceback.format_exc()
    return ""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def hang(world: World) -> None:
    """Be an agent that has started a Pod and will be killed."""
    await world.runtime.start()
    pod = await world.pod(uid="of-a-killed-agent")
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    await world.start(pod, "sh", "-c", script)
    print("started", flush=True)
    await asyncio.Event().wait()


async def main() -> None:
    layout, folder, *files = sys.argv[1:]
    world = World(layout, Path(folder))
    if files[-1:] == ["--agent"]:
        await hang(world)
    cases: dict[str, Any] = {}
    for file in files:
        cases.update(vars(load(Path(file))))
    await world.runtime.start()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while name := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        print(json.dumps(await run_case(cases[name], world)), flush=True)
    await world.runtime.close()
    shutil.rmtree(world.pods_dir, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
