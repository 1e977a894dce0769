"""The runtime's side of the monitors (:mod:`oamkit.sandbox.shim`): starts them, reads what they wrote, talks to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal as signals
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.errors import SandboxError
from oamkit.sandbox import linux
from oamkit.sandbox.cri import ContainerState, ContainerStatus
from oamkit.sandbox.shim_session import KILLED, Session

if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Request, Spec, Status

__all__ = ["BOOT", "Container"]

BOOT = (sys.executable, "-I", "-S", str(Path(__file__).with_name("shim_boot.py")))


class Container:
    """One start of a container, as its folder on disk has it.

    Args:
        folder: Its folder; the name is ``<container>.<attempt>``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name, _, attempt = folder.name.rpartition(".")
        self.attempt = int(attempt)

    def spec(self) -> Spec:
        """Return what it was started from."""
        spec: Spec = json.loads((self.folder / "spec.json").read_text())
        return spec

    def _read(self) -> Status | None:
        try:
            status: Status = json.loads((self.folder / "status.json").read_text())
        except FileNotFoundError:
            return None
        return status

    def status(self) -> ContainerStatus | None:
        """Return its status; ``None`` if it was never started."""
        status = self._read()
        if status is not None and status["finished_at"] is None and not _alive(status["shim"]):
            # Read again: it may have ended between the two looks. If not, the monitor was killed, and with it the container.
            status = self._read()
        if status is None:
            return None
        ended = status["finished_at"] is not None
        if not ended and not _alive(status["shim"]):
            written = (self.folder / "status.json").stat().st_mtime
            status["finished_at"] = written
            status["exit_code"], status["signal"] = KILLED, signals.SIGKILL
            status["reason"] = "Error"
            status["message"] = "It was killed together with its monitor."
            ended = True
        return ContainerStatus(
            name=self.name,
            attempt=self.attempt,
            id=status["id"],
            state=ContainerState.EXITED if ended else ContainerState.RUNNING,
            started_at=status["started_at"],
            finished_at=status["finished_at"],
            exit_code=status["exit_code"],
            signal=status["signal"],
            reason=status["reason"],
            message=status.get("message", ""),
        )

    async def start(self, spec: Spec) -> None:
        """Start it; returns when its program runs or couldn't be started.

        Raises:
            SandboxError: Its monitor couldn't be started.
        """
        spec_file = self.folder / "spec.json"
        spec_file.touch(mode=0o600)
        spec_file.write_text(json.dumps({**spec, "id": uuid.uuid4().hex}))
        log = self.folder / "shim.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *BOOT,
                "shim",
                "start",
                str(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        await process.wait()
        if self._read() is None:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise SandboxError(
                f"The monitor of container {self.name} didn't start: {lines[-1] if lines else 'no output'}",
                hint=f"Read {log}.",
                code="sandbox-shim",
            )

    async def wait(self) -> ContainerStatus:
        """Return its status when it has ended.

        Raises:
            SandboxError: It was never started.
        """
        while True:
            status = self.status()
            if status is None:
                raise SandboxError(f"Container {self.name} (attempt {self.attempt}) isn't known.")
            if status.state is ContainerState.EXITED:
                return status
            await self._monitor_ended()

    async def _monitor_ended(self) -> None:
        status = self._read()
        assert status is not None  # noqa: S101 - status() has just read it
        try:
            process = linux.open_process(*status["shim"])
        except ProcessLookupError:
            return
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(process, _settle, ended)
        try:
            await ended
        finally:
            loop.remove_reader(process)
            os.close(process)

    def signal(self, number: int) -> None:
        """Send a signal to its main process, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            process = linux.open_process(*self._main())
            try:
                signals.pidfd_send_signal(process, number)
            finally:
                os.close(process)

    def _main(self) -> tuple[int, int]:
        status = self._read()
        if status is None or status["finished_at"] is not None or "main" not in status:
            raise ProcessLookupError(f"container {self.name} doesn't run")
        pid, started = status["main"]
        return pid, started

    async def attach(self) -> Session:
        """Connect to its streams.

        Raises:
            SandboxError: It doesn't run.
        """
        spec = self.spec()
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        folder = os.open(self.folder, os.O_PATH)
        try:  # by the descriptor, since a socket's path may have no more than 107 bytes (unix(7))
            await asyncio.get_running_loop().sock_connect(
                connection, f"/proc/self/fd/{folder}/attach"
            )
        except OSError as error:
            connection.close()
            raise self._not_running() from error
        finally:
            os.close(folder)
        return await Session.open(connection, stdin=spec["stdin"], tty=spec["tty"])

    async def exec(self, argv: list[str], *, stdin: bool, tty: bool) -> Session:
        """Start a program in it.

        Raises:
            SandboxError: It doesn't run, or the program can't be executed.
        """
        try:
            target = self._main()
        except ProcessLookupError as error:
            raise self._not_running() from error
        spec = self.spec()
        request: Request = {
            "argv": argv,
            "env": {**spec["env"], "TERM": "xterm"} if tty else spec["env"],
            "working_dir": spec["working_dir"],
            "stdin": stdin,
            "tty": tty,
            "isolated": spec["isolated"],
            "target": target,
        }
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *BOOT, "shim", "exec", stdin=theirs.fileno(), start_new_session=True
            )
        session = await Session.open(ours, stdin=stdin, tty=tty, process=process)
        try:
            await session.request(request)
        except BaseException:
            await session.close()
            raise
        return session

    def _not_running(self) -> SandboxError:
        return SandboxError(f"Container {self.name} doesn't run.", code="container-not-running")


def _alive(identity: tuple[int, int]) -> bool:
    pid, started = identity
    return started != 0 and linux.start_time(pid) == started


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
