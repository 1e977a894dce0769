"""The channels of ``exec`` and ``attach`` as SPDY streams, told apart by the header ``streamtype``.

Source: ``k8s.io/apimachinery/pkg/util/remotecommand``, ``v4.channel.k8s.io``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from oamkit.sandbox.agent.spdy_session import SpdyStream
from oamkit.sandbox.agent.streaming import (
    CLOSE,
    ERROR,
    RESIZE,
    STDERR,
    STDIN,
    STDOUT,
    Channels,
)

__all__ = ["SpdyChannels", "expected"]

STREAMS_SECONDS = 30.0
NUMBERS = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR, "resize": RESIZE}


class SpdyChannels(Channels):
    """A client of ``exec`` or ``attach`` with a stream for each channel."""

    def __init__(self) -> None:
        self._streams: dict[int, SpdyStream] = {}
        self._news = asyncio.Condition()
        self._waiters: set[asyncio.Task[None]] = set()

    def opened(self, stream: SpdyStream) -> None:
        """Take a new stream."""
        number = NUMBERS.get(stream.headers.get("streamtype", ""))
        if number is not None:
            self._streams[number] = stream
            task = asyncio.create_task(self._tell())
            self._waiters.add(task)
            task.add_done_callback(self._waiters.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def complete(self, wanted: set[int]) -> None:
        """Return when the client has opened all its streams.

        Raises:
            TimeoutError: It hasn't.
        """
        async with asyncio.timeout(STREAMS_SECONDS), self._news:
            await self._news.wait_for(lambda: wanted <= set(self._streams))

    async def send(self, channel: int, data: bytes) -> None:
        """See :meth:`Channels.send`."""
        if channel in self._streams:
            await self._streams[channel].write(data)

    async def finish(self, channel: int) -> None:
        """See :meth:`Channels.finish`."""
        if channel in self._streams:
            await self._streams[channel].finish()

    async def received(self) -> AsyncIterator[tuple[int, bytes]]:
        """See :meth:`Channels.received`."""
        queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(maxsize=1)

        async def read(channel: int, stream: SpdyStream) -> None:
            async for data in stream.read():
                await queue.put((channel, data))
            # The error stream is only ever read to its end, which is the client's.
            await queue.put((CLOSE, bytes([channel])))

        tasks = [
            asyncio.create_task(read(c, s))
            for c, s in self._streams.items()
            if c in (STDIN, RESIZE)
        ]
        try:
            while (item := await queue.get()) is not None:
                yield item
        finally:
            for task in tasks:
                task.cancel()


def expected(query: dict[str, list[str]]) -> set[int]:
    """Return the channels that a client will open, from its query."""

    def asked(name: str) -> bool:
        return query.get(name, [""])[0] in ("1", "true")

    channels = {ERROR}
    channels |= {STDIN} if asked("input") else set()
    channels |= {STDOUT} if asked("output") else set()
    channels |= {STDERR} if asked("error") and not asked("tty") else set()
    return channels | ({RESIZE} if asked("tty") else set())
