"""Listens at an address of a Service and passes TCP connections and UDP datagrams on to its endpoints."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import cast

from oamkit.sandbox.balance import Address, Balancer
from oamkit.sandbox.relay import Accepted, Pipe

__all__ = ["Resolve", "listen_tcp", "listen_udp"]

Resolve = Callable[[str, int], Address]
"""From an endpoint's address and port to where it really is."""

TRIES = 3
"""So many endpoints are tried for one connection: a Pod that just ended may be listed for a moment more."""

CONNECT_SECONDS = 5.0
"""How long to wait for an endpoint to answer."""

IDLE_SECONDS = 60.0
"""How long a client's UDP port stays tied to its endpoint without a datagram; ``nf_conntrack_udp_timeout_stream`` is 120 s."""

MAX_FLOWS = 1024
"""So many UDP clients are served at once; further ones wait for others to fall idle."""


async def listen_tcp(
    address: Address, balancer: Balancer, resolve: Resolve, connections: set[asyncio.Transport]
) -> asyncio.Server:
    """Accept connections and pass each on to an endpoint.

    Args:
        address: Where to listen.
        balancer: Chooses the endpoint.
        resolve: Tells where the endpoint really is.
        connections: The clients' ends of the connections that stand; each is in it while it does.

    Returns:
        The server; closing it lets connections stand.

    Raises:
        OSError: The address can't be listened on.
    """
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: _Client(balancer, resolve, connections), *address, backlog=1024
    )


class _Client(Accepted):
    """The client's end of a connection."""

    def __init__(
        self, balancer: Balancer, resolve: Resolve, connections: set[asyncio.Transport]
    ) -> None:
        self._balancer = balancer
        self._resolve = resolve
        self._connections = connections
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self.transport)
        self._connecting = asyncio.create_task(self._connect())

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self.transport)
        if self._connecting is not None:
            self._connecting.cancel()
        super().connection_lost(exc)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        client = (self.transport.get_extra_info("peername") or ("",))[0]  # it may be gone again
        for backend in self._balancer.candidates(client)[:TRIES]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, endpoint = await loop.create_connection(Pipe, *self._resolve(*backend))
            except OSError:  # a time-out is one, too
                continue
            self._balancer.remember(client, backend)
            self.join(endpoint)
            return
        # A reset rather than an orderly end, so that the client sees an error and not an empty answer.
        with contextlib.suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self.transport.abort()


async def listen_udp(
    address: Address, balancer: Balancer, resolve: Resolve, _: set[asyncio.Transport]
) -> asyncio.DatagramTransport:
    """Take datagrams and pass them on, each client's to the same endpoint while it keeps sending.

    Args:
        address: Where to listen.
        balancer: Chooses the endpoint.
        resolve: Tells where the endpoint really is.

    Returns:
        The transport; closing it ends all flows.

    Raises:
        OSError: The address can't be listened on.
    """
    loop = asyncio.get_running_loop()
    transport, _protocol = await loop.create_datagram_endpoint(
        lambda: _UdpFrontend(balancer, resolve), local_addr=address
    )
    return transport


class _UdpFrontend(asyncio.DatagramProtocol):
    """A Service's side: finds or opens the flow of each client."""

    transport: asyncio.DatagramTransport

    def __init__(self, balancer: Balancer, resolve: Resolve) -> None:
        self._balancer = balancer
        self._resolve = resolve
        self._flows: dict[Address, _Flow] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, client: Address) -> None:
        flow = self._flows.get(client)
        if flow is None or flow.backend not in self._balancer.backends:
            if flow is not None:
                flow.close()
            if len(self._flows) >= MAX_FLOWS:
                return  # UDP may lose datagrams
            flow = self._flows[client] = self._open(client)
        flow.send(data)

    def _open(self, client: Address) -> _Flow:
        backend = self._balancer.candidates(client[0])[0]
        self._balancer.remember(client[0], backend)
        return _Flow(
            backend,
            self._resolve(*backend),
            lambda data: self.transport.sendto(data, client),
            lambda: self._flows.pop(client, None),
        )

    def connection_lost(self, _: Exception | None) -> None:
        for flow in list(self._flows.values()):
            flow.close()


class _Flow(asyncio.DatagramProtocol):
    """One client's datagrams to its endpoint and back, until neither has sent one for a while."""

    def __init__(
        self,
        backend: Address,
        target: Address,
        answer: Callable[[bytes], None],
        forget: Callable[[], object],
    ) -> None:
        self.backend = backend
        self._answer = answer
        self._forget = forget
        self._waiting: list[bytes] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(IDLE_SECONDS, self.close)
        self._opening = self._loop.create_task(self._open(target))

    async def _open(self, target: Address) -> None:
        try:
            transport, _ = await self._loop.create_datagram_endpoint(
                lambda: self, remote_addr=target
            )
        except OSError:
            self.close()
            return
        self._transport = transport
        for data in self._waiting:
            transport.sendto(data)
        self._waiting.clear()

    def send(self, data: bytes) -> None:
        """Send a datagram to the endpoint."""
        self._used()
        if self._transport is not None:
            self._transport.sendto(data)
        elif len(self._waiting) < 16:
            self._waiting.append(data)

    def datagram_received(self, data: bytes, _: Address) -> None:
        self._used()
        self._answer(data)

    def error_received(self, _: Exception) -> None:
        """Nothing listens at the endpoint: the next datagram may find another."""
        self.close()

    def close(self) -> None:
        """End the flow."""
        self._timer.cancel()
        self._opening.cancel()
        self._forget()
        if self._transport is not None:
            self._transport.close()

    def _used(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(IDLE_SECONDS, self.close)
