"""The runtime's side of the monitors (:mod:`oamkit.sandbox.shim`): starts them, reads what they wrote, talks to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal as signals
import socket
import struct
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.errors import SandboxError
from oamkit.sandbox import linux
from oamkit.sandbox.cri import ContainerState, ContainerStatus
from oamkit.sandbox.shim_streams import (
    CHUNK,
    CLOSE,
    HEADER,
    REQUEST,
    RESIZE,
    STARTED,
    STATUS,
    STDERR,
    STDIN,
    STDOUT,
    frame,
)

if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Request, Spec, Status

__all__ = ["Container", "Session"]

BOOT = (sys.executable, "-I", "-S", str(Path(__file__).with_name("shim_boot.py")))
_KILLED = 128 + signals.SIGKILL


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
            status["exit_code"], status["signal"] = _KILLED, signals.SIGKILL
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


class Session:
    """The streams of a container or of a program in it; see :class:`oamkit.sandbox.cri.ExecSession`.

    Each stream is one end of a pipe: so whoever reads too slowly holds up the program rather than filling the memory.
    """

    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader | None

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        process: asyncio.subprocess.Process | None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._process = process
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outputs: dict[int, _Channel] = {}
        self._input: _Channel | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        connection: socket.socket,
        *,
        stdin: bool,
        tty: bool,
        process: asyncio.subprocess.Process | None = None,
    ) -> Session:
        """Speak with a monitor by ``connection``."""
        session = cls(*await asyncio.open_connection(sock=connection), process)
        for kind in (STDOUT,) if tty else (STDOUT, STDERR):
            session._outputs[kind] = await _Channel.open()
        if stdin:
            session._input = await _Channel.open()
            session._tasks.append(asyncio.create_task(session._send_input(session._input.reader)))
        session._tasks.append(asyncio.create_task(session._receive()))
        session.stdin = session._input.writer if session._input else None
        session.stdout = session._outputs[STDOUT].reader
        session.stderr = None if tty else session._outputs[STDERR].reader
        return session

    async def request(self, request: Request) -> None:
        """Ask an exec's monitor to start its program.

        Raises:
            SandboxError: It can't be started.
        """
        self._writer.write(frame(REQUEST, json.dumps(request).encode()))
        await self._started

    async def _receive(self) -> None:
        exit_code = _KILLED
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                payload = await self._reader.readexactly(length)
                if kind in self._outputs:
                    with contextlib.suppress(ConnectionError):  # nobody reads this stream any more
                        self._outputs[kind].writer.write(payload)
                        await self._outputs[kind].writer.drain()
                elif kind == STARTED:
                    self._started.set_result(None)
                elif kind == STATUS:
                    status: Status = json.loads(payload)
                    exit_code = status["exit_code"] or 0
                    if self._process is not None and not self._started.done():
                        message = status["message"]
                        self._started.set_exception(SandboxError(message, code="cannot-execute"))
        if self._process is not None and not self._started.done():
            self._started.set_exception(SandboxError("The program's monitor has ended."))
        self._writer.close()
        for channel in self._outputs.values():
            channel.writer.close()
        if self._input is not None:
            self._input.close()
        if not self._ended.done():
            self._ended.set_result(exit_code)

    async def _send_input(self, source: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(CHUNK):
                self._writer.write(frame(STDIN, data))
                await self._writer.drain()
            self._writer.write(frame(CLOSE))

    async def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size in characters."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(frame(RESIZE, struct.pack(">HH", width, height)))
            await self._writer.drain()

    async def wait(self) -> int:
        """Return the exit code."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """End the session."""
        self._writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._ended.done():
            self._ended.set_result(_KILLED)
        if not self._started.done():
            self._started.cancel()
        for channel in (*self._outputs.values(), *((self._input,) if self._input else ())):
            channel.close()
        if self._process is not None:
            await self._process.wait()


class _Channel:
    """A stream of bytes with two ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls) -> _Channel:
        loop = asyncio.get_running_loop()
        channel = cls()
        source, sink = os.pipe()
        channel.reader = asyncio.StreamReader()
        channel._source, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(channel.reader), os.fdopen(source, "rb", 0)
        )
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(sink, "wb", 0)
        )
        channel.writer = asyncio.StreamWriter(transport, protocol, None, loop)
        return channel

    _source: asyncio.ReadTransport

    def close(self) -> None:
        self.writer.close()
        self._source.close()
