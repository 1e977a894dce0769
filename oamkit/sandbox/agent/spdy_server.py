"""``exec``, ``attach`` and ``port-forward`` for clients that speak SPDY/3.1 rather than WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable

from oamkit.errors import SandboxError
from oamkit.sandbox.agent.agent import NodeAgent
from oamkit.sandbox.agent.kubelet_api import client_name
from oamkit.sandbox.agent.port_forward import PortForwarder
from oamkit.sandbox.agent.spdy import SpdyError
from oamkit.sandbox.agent.spdy_channels import SpdyChannels, expected
from oamkit.sandbox.agent.spdy_front import Upgrade
from oamkit.sandbox.agent.spdy_session import SpdySession
from oamkit.sandbox.agent.streaming import ERROR, RESIZE, STDIN, failure_status, serve_session
from oamkit.sandbox.cri import ContainerRuntime, ExecSession

__all__ = ["SpdyServer"]

CHUNK = 64 * 1024
EXEC_PROTOCOL = "v4.channel.k8s.io"
FORWARD_PROTOCOL = "portforward.k8s.io"


class SpdyServer:
    """Serves SPDY requests.

    Args:
        agent: Knows the Pods.
        runtime: Runs them.
        client: The common name of the only client that may ask.
    """

    def __init__(self, agent: NodeAgent, runtime: ContainerRuntime, client: str) -> None:
        self._agent = agent
        self._runtime = runtime
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(
        self, upgrade: Upgrade, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve a request in a task of its own."""
        task = asyncio.create_task(self._serve(upgrade, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all sessions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self, upgrade: Upgrade, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._dispatch(upgrade, reader, writer)
        except OSError:
            return  # the client has gone
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _dispatch(
        self, upgrade: Upgrade, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if client_name(writer.get_extra_info("peercert")) != self._client:
            await refuse(writer, 403, "only the API server may use the kubelet's API")
            return
        verb, *names = upgrade.path
        worker = self._agent.find(names[0], names[1]) if len(names) > 1 else None
        if worker is None or verb not in ("exec", "attach", "portForward"):
            await refuse(writer, 404, f"{'/'.join(upgrade.path)} not found")
            return
        uid = worker.uid
        if verb == "portForward":
            if await accept(upgrade, writer, FORWARD_PROTOCOL):
                await forward(self._runtime, uid, reader, writer)
        elif await accept(upgrade, writer, EXEC_PROTOCOL):
            container, query = names[-1], upgrade.query
            argv = query.get("command", [])
            stdin, tty = STDIN in expected(query), RESIZE in expected(query)

            async def begin() -> ExecSession:
                if verb == "attach":
                    return await self._runtime.attach(uid, container)
                return await self._runtime.exec(uid, container, argv, stdin=stdin, tty=tty)

            await run_session(begin, upgrade, reader, writer, attached=verb == "attach")


async def accept(upgrade: Upgrade, writer: asyncio.StreamWriter, protocol: str) -> bool:
    """Answer the request; tell whether the client speaks our subprotocol."""
    if upgrade.protocols and protocol not in upgrade.protocols:
        await refuse(
            writer, 403, f"unable to negotiate protocol: client supports {list(upgrade.protocols)}"
        )
        return False
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        + f"X-Stream-Protocol-Version: {protocol}\r\n\r\n".encode()
    )
    await writer.drain()
    return True


async def refuse(writer: asyncio.StreamWriter, code: int, text: str) -> None:
    """Answer with an error."""
    body = text.encode()
    head = f"HTTP/1.1 {code} Error\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    with contextlib.suppress(OSError):
        await writer.drain()


async def pump(session: SpdySession, reader: asyncio.StreamReader) -> None:
    """Feed a session with what its client sends, until it goes."""
    with contextlib.suppress(SpdyError, OSError):
        while data := await reader.read(CHUNK):
            if not await session.feed(data):
                break
    session.close()


async def forward(
    runtime: ContainerRuntime, uid: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve a port-forward."""
    forwarder = PortForwarder(lambda port: runtime.connect(uid, port))

    async def send(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    try:
        await pump(SpdySession(send, forwarder.opened), reader)
    finally:
        await forwarder.close()


async def run_session(
    begin: Callable[[], Awaitable[ExecSession]],
    upgrade: Upgrade,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    attached: bool,
) -> None:
    """Serve an exec or attach."""

    async def send(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    channels = SpdyChannels()
    pumping = asyncio.create_task(pump(SpdySession(send, channels.opened), reader))
    try:
        await channels.complete(expected(upgrade.query))
        try:
            session = await begin()
        except SandboxError as error:
            await channels.send(ERROR, json.dumps(failure_status(error.message)).encode())
            await channels.finish(ERROR)
        else:
            serving = asyncio.create_task(serve_session(session, channels, attached=attached))
            await asyncio.wait({serving, pumping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    except (TimeoutError, OSError):
        return
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
