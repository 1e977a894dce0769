"""``kubectl port-forward``: connections of a client to ports of a Pod, many over one connection.

====================================  ==========================================================================================
subprotocol                           who speaks it
====================================  ==========================================================================================
``SPDY/3.1+portforward.k8s.io``       kubectl since 1.31 (KEP-4006): SPDY's frames in WebSocket messages; a pair of streams, ``error``
                                      and ``data``, for each connection
``v4.channel.k8s.io``                 the Python client: two channels for each port, data and error, each of which begins with
                                      the port's number
====================================  ==========================================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import Awaitable, Callable, Coroutine

from aiohttp import WSMsgType, web

from oamkit.errors import OamKitError
from oamkit.sandbox.agent.spdy import SpdyError
from oamkit.sandbox.agent.spdy_session import SpdySession, SpdyStream

__all__ = ["Connect", "PortForwarder", "serve_port_forward"]

TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = "v4.channel.k8s.io"
CHUNK = 32 * 1024

Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Opens a connection to a port of the Pod."""


class PortForwarder:
    """Serves the streams of one SPDY connection.

    Args:
        connect: Opens a connection to a port of the Pod.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._errors: dict[str, SpdyStream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def opened(self, stream: SpdyStream) -> None:
        """Take a new stream; with its second one a connection begins."""
        request = stream.headers.get("requestid", "")
        if stream.headers.get("streamtype") == "error":
            self._errors[request] = stream
            return
        task = asyncio.create_task(self._forward(stream, self._errors.pop(request, None)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, data: SpdyStream, error: SpdyStream | None) -> None:
        port = data.headers.get("port", "")
        try:
            reader, writer = await self._connect(int(port))
        except (OSError, ValueError, OamKitError) as failure:
            if error is not None:
                text = f"port {port} of the Pod can't be reached: {_reason(failure)}"
                await _quietly(error.write(text.encode()))
        else:
            with contextlib.suppress(OSError):
                await asyncio.gather(_to_pod(data, writer), _to_client(reader, data))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        for stream in (data, error):
            if stream is not None:
                await _quietly(stream.finish())


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else str(error)


async def _quietly(action: Coroutine[object, object, None]) -> None:
    """Do something for a client that may have gone."""
    with contextlib.suppress(OSError):
        await action


async def _to_pod(stream: SpdyStream, writer: asyncio.StreamWriter) -> None:
    async for data in stream.read():
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def _to_client(reader: asyncio.StreamReader, stream: SpdyStream) -> None:
    while data := await reader.read(CHUNK):
        await stream.write(data)
    await stream.finish()


async def serve_port_forward(request: web.Request, connect: Connect) -> web.WebSocketResponse:
    """Serve one client until it goes."""
    socket = web.WebSocketResponse(protocols=(TUNNEL, CHANNELS), max_msg_size=0, compress=False)
    await socket.prepare(request)
    if socket.ws_protocol == TUNNEL:
        await _tunnel(socket, connect)
    else:
        ports = [
            int(p) for p in ",".join(request.query.getall("port", [])).split(",") if p.isdigit()
        ]
        await _channels(socket, ports, connect)
    await socket.close()
    return socket


async def _tunnel(socket: web.WebSocketResponse, connect: Connect) -> None:
    forwarder = PortForwarder(connect)
    session = SpdySession(socket.send_bytes, forwarder.opened)
    try:
        async for message in socket:
            if message.type is not WSMsgType.BINARY or not await session.feed(message.data):
                break
    except (SpdyError, OSError):
        pass
    finally:
        session.close()
        await forwarder.close()


async def _channels(socket: web.WebSocketResponse, ports: list[int], connect: Connect) -> None:
    """Speak the older protocol: one connection for each port that was asked for."""
    writers: dict[int, asyncio.StreamWriter] = {}
    tasks = []
    for index, port in enumerate(ports):
        number = struct.pack("<H", port)
        for channel in (2 * index, 2 * index + 1):
            await socket.send_bytes(bytes([channel]) + number)
        try:
            reader, writers[2 * index] = await connect(port)
        except (OSError, OamKitError) as error:
            text = f"port {port} of the Pod can't be reached: {_reason(error)}"
            await socket.send_bytes(bytes([2 * index + 1]) + text.encode())
        else:
            tasks.append(asyncio.create_task(_from_pod(reader, socket, 2 * index)))
    receiving = asyncio.create_task(_to_writers(socket, writers))
    try:
        pending = {receiving, *tasks}
        while receiving in pending and len(pending) > 1:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (receiving, *tasks):
            task.cancel()
        await asyncio.gather(receiving, *tasks, return_exceptions=True)
        for writer in writers.values():
            writer.close()


async def _from_pod(
    reader: asyncio.StreamReader, socket: web.WebSocketResponse, channel: int
) -> None:
    while data := await reader.read(CHUNK):
        await socket.send_bytes(bytes([channel]) + data)


async def _to_writers(
    socket: web.WebSocketResponse, writers: dict[int, asyncio.StreamWriter]
) -> None:
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            return
        writer = writers.get(message.data[0]) if message.data else None
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.write(message.data[1:])
                await writer.drain()
