"""Passes TCP connections on: from listeners on the host's loopback address into the sandbox's private network.

The daemon lives in the private network, where the servers are; the listeners were opened outside and inherited. Both ends are
asyncio protocols rather than streams: a chunk is passed on without being copied, and a slow reader pauses the writer behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

__all__ = ["Accepted", "Pipe", "relay"]


async def relay(listener: socket.socket, host: str, port: int) -> asyncio.Server:
    """Accept connections and pass each on to ``host:port``.

    A side that has said all (half-close) may still hear; when both have, or one breaks, the connection ends. While nothing
    listens at the target, a connection is accepted and closed.

    Args:
        listener: A listening socket; the returned server owns it.
        host: Where to connect to, seen from this process.
        port: The port there.

    Returns:
        The server; close it to stop accepting.
    """
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    return await loop.create_server(lambda: _Incoming(host, port), sock=listener, backlog=1024)


class Pipe(asyncio.Protocol):
    """One end; what it reads it writes to ``other``."""

    transport: asyncio.Transport
    other: Pipe | None = None
    said_all = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; small chunks aren't held back (Nagle's algorithm off)."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio makes TCP transports
        self.transport = transport
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Pass a chunk on."""
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass on that this side has said all."""
        self.said_all = True
        if self.other is None or self.other.said_all:
            return False  # nothing is left to say: close, which takes the other end along
        self.other.transport.write_eof()
        return True  # it may still hear

    def pause_writing(self) -> None:
        """Read no more from the other end while this one is slow."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on from the other end."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other end as this one ended."""
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            if exc is None:
                other.transport.close()  # after what is still to be written
            else:
                other.transport.abort()


class Accepted(Pipe):
    """An end whose other end is still to be made: until :meth:`join` it reads nothing, or keeps what it had to read.

    Early releases of Python 3.11 go on reading although reading was paused in ``connection_made``: what comes then must not be lost.
    """

    _early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, without reading."""
        super().connection_made(transport)
        self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass a chunk on, or keep it."""
        if self.other is None:
            self._early += data
            self.transport.resume_reading()  # what counts as paused can't be paused
            self.transport.pause_reading()
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        """Pass on that this side has said all, or remember it."""
        if self.other is None:
            self.said_all = True
            return True
        return super().eof_received()

    def join(self, other: Pipe) -> None:
        """Take the other end, which is connected now."""
        self.other, other.other = other, self
        if self._early:
            other.transport.write(self._early)
            self._early = b""
        if self.said_all:
            other.transport.write_eof()
        else:
            self.transport.resume_reading()


class _Incoming(Accepted):
    """The host's end."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            transport, outgoing = await asyncio.get_running_loop().create_connection(
                Pipe, *self.target
            )
        except OSError:
            self.transport.abort()
            return
        if self.transport.is_closing():
            transport.abort()
            return
        self.join(outgoing)
