"""The channel protocols over WebSockets: ``v5.channel.k8s.io`` (kubectl) and ``v4.channel.k8s.io`` (the Python client).

Each message begins with the number of its channel. In v5 channel 255 says that another channel has ended (KEP-4006).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from oamkit.sandbox.agent.streaming import STDOUT

__all__ = ["PROTOCOLS", "WebSocketChannels", "accept"]

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")


class WebSocketChannels:
    """A client that speaks one of :data:`PROTOCOLS`.

    Args:
        socket: The accepted connection.
    """

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def send(self, channel: int, data: bytes) -> None:
        """See :meth:`oamkit.sandbox.agent.streaming.Channels.send`."""
        await self._socket.send_bytes(bytes([channel]) + data)

    async def finish(self, channel: int) -> None:
        """Do nothing: the server's channels end with the connection."""

    async def received(self) -> AsyncIterator[tuple[int, bytes]]:
        """See :meth:`oamkit.sandbox.agent.streaming.Channels.received`."""
        async for message in self._socket:
            data = message.data
            if message.type is WSMsgType.TEXT:
                data = data.encode()
            elif message.type is not WSMsgType.BINARY:
                return
            if data:
                yield data[0], data[1:]


async def accept(request: web.Request) -> web.WebSocketResponse:
    """Accept a WebSocket for ``exec`` or ``attach``."""
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0, compress=False)
    await socket.prepare(request)
    # Tells the client that the connection stands, before the program has written anything.
    await socket.send_bytes(bytes([STDOUT]))
    return socket
