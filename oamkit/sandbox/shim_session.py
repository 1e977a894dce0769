"""Speaks with a monitor (:mod:`oamkit.sandbox.shim`): the streams of a container, or of a program in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
from typing import TYPE_CHECKING

from oamkit.errors import SandboxError
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
    from oamkit.sandbox.shim_spec import Request, Status

__all__ = ["KILLED", "Session"]

KILLED = 128 + signal.SIGKILL
"""The exit code of what SIGKILL ended."""


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
        exit_code = KILLED
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
            self._ended.set_result(KILLED)
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
