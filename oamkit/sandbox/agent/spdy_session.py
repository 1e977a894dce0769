"""A SPDY/3.1 connection with its streams, whatever carries its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from oamkit.sandbox.agent.spdy import DATA, GOAWAY, PING, RESET, SYN_STREAM, Frame, SpdyCodec

__all__ = ["SpdySession", "SpdyStream"]

WAITING = 256
"""How many chunks of one stream may wait for their reader: then the whole connection waits, since SPDY here has no flow control."""


class SpdyStream:
    """One stream that the client has opened.

    Attributes:
        number: Its number.
        headers: What it was opened with.
    """

    def __init__(self, session: SpdySession, number: int, headers: dict[str, str]) -> None:
        self.number = number
        self.headers = headers
        self._session = session
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=WAITING)
        self._ended = False
        self._finished = False

    async def arrived(self, data: bytes | None) -> None:
        """Take data from the client, or ``None`` for the end."""
        if self._ended:
            return
        if data is None:
            self._ended = True
        await self._chunks.put(data)

    def abort(self) -> None:
        """End it without waiting: the client has gone."""
        self._ended = True
        if self._chunks.full():
            self._chunks.get_nowait()
        self._chunks.put_nowait(None)

    async def read(self) -> AsyncIterator[bytes]:
        """Yield what the client sends on it, until its end."""
        while (data := await self._chunks.get()) is not None:
            if data:
                yield data

    async def write(self, data: bytes) -> None:
        """Send data on it."""
        if not self._finished:
            await self._session.send(self._session.codec.data(self.number, data))

    async def finish(self) -> None:
        """Say that nothing more comes."""
        if not self._finished:
            self._finished = True
            await self._session.send(self._session.codec.data(self.number, b"", fin=True))


class SpdySession:
    """One connection.

    Args:
        send: Sends bytes to the client, in order.
        opened: Called with each stream that the client opens.
    """

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], opened: Callable[[SpdyStream], None]
    ) -> None:
        self.codec = SpdyCodec()
        self._send = send
        self._opened = opened
        self._lock = asyncio.Lock()
        self._streams: dict[int, SpdyStream] = {}

    async def send(self, data: bytes) -> None:
        """Send bytes, one frame after the other."""
        async with self._lock:
            await self._send(data)

    async def feed(self, data: bytes) -> bool:
        """Take bytes from the client; return whether the connection goes on.

        Raises:
            SpdyError: It isn't SPDY/3.1.
        """
        for frame in self.codec.feed(data):
            if frame.kind == GOAWAY:
                return False
            await self._take(frame)
        return True

    def close(self) -> None:
        """End all streams: the client has gone."""
        for stream in self._streams.values():
            stream.abort()
        self._streams.clear()

    async def _take(self, frame: Frame) -> None:
        if frame.kind == SYN_STREAM:
            stream = self._streams[frame.stream] = SpdyStream(self, frame.stream, frame.headers)
            await self.send(self.codec.syn_reply(frame.stream))
            self._opened(stream)
        elif frame.kind == PING:
            await self.send(self.codec.ping(frame.payload))
        known = self._streams.get(frame.stream)
        if known is None:
            return
        if frame.kind == DATA and frame.payload:
            await known.arrived(frame.payload)
        if frame.fin or frame.kind == RESET:
            await known.arrived(None)
            if frame.kind == RESET:
                del self._streams[frame.stream]
