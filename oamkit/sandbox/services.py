"""ClusterIPs and node ports: what kube-proxy is for on other nodes, without packet filters.

The whole Service range is local to the node's network namespace (``ip route add local``), so each port of a Service can have a
listener of its own, which passes connections on to the endpoints. Kept like the original
(https://kubernetes.io/docs/reference/networking/virtual-ips/):

- only ready endpoints are used, one after another, or always the same one for a client with ``sessionAffinity: ClientIP``;
- a Service without any refuses connections at once: it has no listener, and so the kernel answers;
- a connection that stands goes on when its Service is changed or deleted, until one of its ends ends it.

What differs: a Pod sees the node's address as that of its client. Headless and ExternalName Services are a matter of DNS alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from oamkit.kube import EventType, Key, Object, key_of
from oamkit.sandbox.balance import Balancer
from oamkit.sandbox.endpoints import EndpointIndex, ObjectCache
from oamkit.sandbox.forward import Resolve, listen_tcp, listen_udp

__all__ = ["Frontend", "ServiceProxy", "frontends"]

log = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""After this long, addresses that couldn't be listened on are tried again."""


@dataclass(frozen=True)
class Frontend:
    """An address that a Service is reached at.

    Attributes:
        host: The ClusterIP, or the node's address.
        port: The port there.
        protocol: ``"TCP"`` or ``"UDP"``.
    """

    host: str
    port: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.protocol}"


class _Listener(Protocol):
    def close(self) -> None: ...  # pragma: no cover - a protocol


@dataclass
class _Open:
    """A frontend that is served."""

    service: Key
    balancer: Balancer
    listener: _Listener


def frontends(service: Object, node_ip: str = "") -> dict[Frontend, str]:
    """Return where a Service is to be reached, each with the name of its port.

    Args:
        service: The Service.
        node_ip: The address for node ports; without it they are left out.

    Example:
        >>> for frontend, name in frontends({"spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}}).items():
        ...     print(frontend, repr(name))
        10.96.0.9:80/TCP ''
    """
    spec = service["spec"]
    address = spec.get("clusterIP") or "None"
    if spec.get("type") == "ExternalName" or address == "None" or ":" in address:
        return {}
    found = {}
    for port in spec.get("ports") or ():
        protocol = port.get("protocol") or "TCP"
        if protocol not in {"TCP", "UDP"}:
            continue
        name = port.get("name") or ""
        found[Frontend(address, port["port"], protocol)] = name
        if node_ip and port.get("nodePort"):
            found[Frontend(node_ip, port["nodePort"], protocol)] = name
    return found


class ServiceProxy:
    """Listens on the addresses of all Services and passes connections on to their endpoints.

    Args:
        services: All Services.
        endpoint_slices: All EndpointSlices.
        node_ip: The address for node ports; without it there are none.
        resolve: Tells where an endpoint's address and port really are; in the loopback layout, Pod 10.244.a.b is 127.244.a.b.
    """

    def __init__(
        self,
        services: ObjectCache,
        endpoint_slices: ObjectCache,
        *,
        node_ip: str = "",
        resolve: Resolve = lambda ip, port: (ip, port),
    ) -> None:
        self._services = services
        self._endpoints = EndpointIndex(endpoint_slices, self._touch)
        self._node_ip = node_ip
        self._resolve = resolve
        self._open: dict[Frontend, _Open] = {}
        self._failed: dict[Frontend, Key] = {}
        self._connections: set[asyncio.Transport] = set()
        self._touched: set[Key] = set()
        self._wake = asyncio.Event()
        self._closing = False
        self._unsubscribe: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve what is known, and follow changes until :meth:`close`."""
        self._endpoints.start()
        self._unsubscribe = self._services.subscribe(self._on_service)
        await self._settle()
        self._task = asyncio.create_task(self._run(), name="service proxy")

    async def close(self) -> None:
        """Stop listening, and end the connections that stand."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._endpoints.close()
        if self._task is not None:
            # Not cancelled: a listener that is just being opened would be lost.
            self._closing = True
            self._wake.set()
            await self._task
            self._task = None
        for served in self._open.values():
            served.listener.close()
        self._open.clear()
        for transport in list(self._connections):
            transport.abort()
        await asyncio.sleep(0)  # transports close in the loop's next round

    def _on_service(self, _type: EventType, old: Object | None, new: Object | None) -> None:
        for service in (old, new):
            if service is not None:
                self._touch(key_of(service))

    def _touch(self, service: Key) -> None:
        self._touched.add(service)
        self._wake.set()

    async def _run(self) -> None:
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS if self._failed else None):
                    await self._wake.wait()
            await self._settle()

    async def _settle(self) -> None:
        """Make the listeners of all Services that changed what they should be."""
        self._wake.clear()
        keys = self._touched | set(self._failed.values())
        self._touched = set()
        wanted: dict[Frontend, tuple[Key, Balancer]] = {}
        for key in keys:
            try:
                wanted |= self._wanted(key)
            except Exception:  # one Service that can't be understood must not stop the others
                log.exception("Service %s/%s can't be served", *key)
        # First close, then open: an address may have gone from one Service to another.
        for frontend, served in list(self._open.items()):
            if served.service in keys and wanted.get(frontend, (None,))[0] != served.service:
                served.listener.close()
                del self._open[frontend]
        for frontend in [f for f, key in self._failed.items() if key in keys and f not in wanted]:
            del self._failed[frontend]
        for frontend, (key, balancer) in wanted.items():
            if frontend in self._open:
                self._open[frontend].balancer.update(balancer)
            else:
                await self._listen(frontend, key, balancer)

    def _wanted(self, key: Key) -> dict[Frontend, tuple[Key, Balancer]]:
        service = self._services.items.get(key)
        if service is None:
            return {}
        found = {}
        for frontend, port in frontends(service, self._node_ip).items():
            backends = self._endpoints.addresses(key, port, frontend.protocol)
            if backends:
                found[frontend] = (key, Balancer(backends, _affinity_seconds(service)))
        return found

    async def _listen(self, frontend: Frontend, key: Key, balancer: Balancer) -> None:
        listen = listen_tcp if frontend.protocol == "TCP" else listen_udp
        try:
            listener = await listen(
                (frontend.host, frontend.port), balancer, self._resolve, self._connections
            )
        except OSError as error:
            if frontend not in self._failed:  # once, not at every attempt
                log.warning(
                    "Service %s/%s can't be served at %s: %s",
                    *key,
                    frontend,
                    error.strerror or error,
                )
            self._failed[frontend] = key
            return
        self._failed.pop(frontend, None)
        self._open[frontend] = _Open(key, balancer, listener)


def _affinity_seconds(service: Object) -> float:
    """Return how long a client that went away still gets the same endpoint; 0 without affinity."""
    spec = service["spec"]
    if spec.get("sessionAffinity") != "ClientIP":
        return 0.0
    client_ip = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    # The API server writes its default, three hours, into every Service; this is for completeness.
    return float(client_ip.get("timeoutSeconds", 10_800))
