"""Which addresses stand behind each Service, from EndpointSlices.

The control plane has done the matching of selectors, the named target ports and the question of readiness; a consumer only has
to group the slices by their Service (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from oamkit.kube import EventType, Key, Object

__all__ = ["Endpoint", "EndpointIndex", "ObjectCache", "ready_endpoints"]

SERVICE_NAME = "kubernetes.io/service-name"


class ObjectCache(Protocol):
    """What is used of an :class:`oamkit.kube.Informer`."""

    items: dict[Key, Object]

    def subscribe(
        self, callback: Callable[[EventType, Object | None, Object | None], None]
    ) -> Callable[[], None]:
        """Hear of what there is and of every change; return what ends that."""
        ...  # pragma: no cover - a protocol


@dataclass(frozen=True)
class Endpoint:
    """One address behind a Service.

    Attributes:
        address: Its IPv4 address.
        hostname: The host name that its Pod asked for; ``""`` if none.
        ports: Its ports by name (``""`` for an unnamed one) and protocol, e.g. ``{("http", "TCP"): 8080}``.
    """

    address: str
    hostname: str
    ports: Mapping[tuple[str, str], int]


def ready_endpoints(endpoint_slice: Object) -> list[Endpoint]:
    """Return the endpoints of a slice that take traffic.

    A readiness that isn't told counts as ready, and of several addresses the first is used, as the API's reference has it.

    Example:
        >>> ready_endpoints({
        ...     "addressType": "IPv4",
        ...     "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        ...     "endpoints": [{"addresses": ["10.244.0.7"], "conditions": {"ready": True}}],
        ... })
        [Endpoint(address='10.244.0.7', hostname='', ports={('http', 'TCP'): 8080})]
    """
    if endpoint_slice.get("addressType") != "IPv4":
        return []
    ports = {
        (port.get("name") or "", port.get("protocol") or "TCP"): port["port"]
        for port in endpoint_slice.get("ports") or ()
        if port.get("port")
    }
    return [
        Endpoint(endpoint["addresses"][0], endpoint.get("hostname") or "", ports)
        for endpoint in endpoint_slice.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
    ]


class EndpointIndex:
    """The ready endpoints of every Service, kept up to date.

    Args:
        slices: All EndpointSlices.
        changed: Told the namespace and name of a Service whose endpoints may have changed.
    """

    def __init__(
        self, slices: ObjectCache, changed: Callable[[Key], None] = lambda _key: None
    ) -> None:
        self._slices = slices
        self._changed = changed
        self._by_service: dict[Key, dict[str, list[Endpoint]]] = {}
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Follow the slices."""
        self._unsubscribe = self._slices.subscribe(self._on_change)

    def close(self) -> None:
        """Follow them no longer."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def of(self, service: Key) -> list[Endpoint]:
        """Return the ready endpoints of a Service, by address."""
        slices = self._by_service.get(service, {}).values()
        return sorted(
            (endpoint for endpoints in slices for endpoint in endpoints),
            key=lambda endpoint: endpoint.address,
        )

    def addresses(self, service: Key, port: str, protocol: str) -> list[tuple[str, int]]:
        """Return the addresses behind one port of a Service, without doubles.

        Args:
            service: Its namespace and name.
            port: The port's name; ``""`` for an unnamed one.
            protocol: ``"TCP"`` or ``"UDP"``.
        """
        # An endpoint that moves from one slice to another may be in both for a moment.
        found = {
            (endpoint.address, endpoint.ports[port, protocol]): None
            for endpoint in self.of(service)
            if (port, protocol) in endpoint.ports
        }
        return list(found)

    def holders(self, address: str) -> list[tuple[Key, Endpoint]]:
        """Return the Services that an address stands behind."""
        return [
            (service, endpoint)
            for service, slices in self._by_service.items()
            for endpoints in slices.values()
            for endpoint in endpoints
            if endpoint.address == address
        ]

    def _on_change(self, _type: EventType, old: Object | None, new: Object | None) -> None:
        before, after = _service_of(old), _service_of(new)
        if old is not None and before is not None and before != after:
            slices = self._by_service.get(before, {})
            slices.pop(old["metadata"]["name"], None)
            if not slices:
                self._by_service.pop(before, None)
            self._changed(before)
        if new is not None and after is not None:
            slices = self._by_service.setdefault(after, {})
            slices[new["metadata"]["name"]] = ready_endpoints(new)
            self._changed(after)


def _service_of(endpoint_slice: Object | None) -> Key | None:
    if endpoint_slice is None:
        return None
    metadata = endpoint_slice["metadata"]
    name = (metadata.get("labels") or {}).get(SERVICE_NAME)
    return (metadata["namespace"], name) if name else None
