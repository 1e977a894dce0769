"""The DNS records of a cluster, from its Services and EndpointSlices; no I/O.

They are those of the Kubernetes DNS specification
(https://github.com/kubernetes/dns/blob/master/docs/specification.md), for IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TypeVar

from dnslib import CLASS, CNAME, PTR, QTYPE, RR, SOA, SRV, TXT, A

from oamkit.kube import Key, Object
from oamkit.sandbox.dns_wire import Labels
from oamkit.sandbox.endpoints import Endpoint, EndpointIndex, ObjectCache

__all__ = ["TTL", "Zone"]

TTL = 5
"""Seconds that an answer may be kept: Services come and go, and asking again costs nothing here."""

SCHEMA = "1.1.0"
"""The version of the specification, section 2.2."""

PROTOCOLS = ("_tcp", "_udp", "_sctp")

T = TypeVar("T")


class Zone:
    """Answers for ``<domain>`` and for the addresses of Services and Pods.

    Args:
        services: All Services.
        endpoints: What stands behind them.
        domain: The cluster's domain, e.g. ``"cluster.local"``.
    """

    def __init__(self, services: ObjectCache, endpoints: EndpointIndex, domain: str) -> None:
        self._services = services
        self._endpoints = endpoints
        self.domain = tuple(domain.lower().strip(".").split("."))

    def holds(self, name: Labels) -> bool:
        """Say whether a name is in the zone, so that nobody else can answer for it."""
        return name[-len(self.domain) :] == self.domain

    def records(self, name: Labels) -> list[RR] | None:
        """Return all records at a name.

        Args:
            name: Its labels in lower case, e.g. ``("kubernetes", "default", "svc", "cluster", "local")``.

        Returns:
            The records; an empty list for a name that has none but exists, because it has others below it (RFC 8020);
            ``None`` for a name that doesn't exist.
        """
        if self.holds(name):
            return self._in_zone(name[: -len(self.domain)])
        if name[-2:] == ("in-addr", "arpa"):
            return self._reverse(name[:-2])
        return None

    def soa(self) -> RR:
        """Return the zone's start of authority, which goes with negative answers (RFC 2308)."""
        times = (1, 7200, 1800, 86400, TTL)
        data = SOA(self._name("ns", "dns"), self._name("hostmaster"), times)
        return RR(self._name(), QTYPE.SOA, CLASS.IN, TTL, data)

    def _in_zone(self, name: Labels) -> list[RR] | None:
        match name:
            case ():
                return [self.soa()]
            case ("dns-version",):
                return [self._record(name, QTYPE.TXT, TXT(SCHEMA))]
            case ("svc",) | ("pod",) | (_, "pod"):
                return []
            case (namespace, "svc"):
                return [] if any(key[0] == namespace for key in self._services.items) else None
            case (address, _, "pod"):
                return self._pod(name, address)
            case (*below, service, namespace, "svc"):
                key = (namespace, service)
                found = self._services.items.get(key)
                return None if found is None else self._service(tuple(below), key, found)
        return None

    def _service(self, below: Labels, key: Key, service: Object) -> list[RR] | None:
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            if below:
                return None
            target = spec["externalName"].rstrip(".") + "."
            return [self._record(_labels(key), QTYPE.CNAME, CNAME(target))]
        address = spec.get("clusterIP") or "None"
        headless = address == "None"
        endpoints = self._endpoints.of(key) if headless else []
        if headless and not endpoints:
            return None  # section 2.4.1: NXDOMAIN
        match below:
            case ():
                addresses = _unique(e.address for e in endpoints) if headless else [address]
                return self._addresses(_labels(key), addresses)
            case (protocol,) if protocol in PROTOCOLS:
                ports = spec.get("ports") or ()
                named = any(p.get("name") and _protocol(p) == protocol for p in ports)
                return [] if named else None
            case (hostname,) if headless:
                found = _unique(e.address for e in endpoints if _hostname(e) == hostname)
                return self._addresses((hostname, *_labels(key)), found) if found else None
            case (port, protocol) if protocol in PROTOCOLS and port.startswith("_"):
                if headless:
                    return self._headless_srv(key, endpoints, port[1:], protocol)
                return self._srv(key, spec, port[1:], protocol)
        return None

    def _srv(self, key: Key, spec: Object, port: str, protocol: str) -> list[RR] | None:
        """Section 2.3.2: a ClusterIP's named ports."""
        name = (f"_{port}", protocol, *_labels(key))
        found = [
            self._record(name, QTYPE.SRV, SRV(0, 100, p["port"], self._name(*_labels(key))))
            for p in spec.get("ports") or ()
            if p.get("name") == port and _protocol(p) == protocol
        ]
        return found or None

    def _headless_srv(
        self, key: Key, endpoints: Sequence[Endpoint], port: str, protocol: str
    ) -> list[RR] | None:
        """Section 2.4.2: a record for each endpoint, with the port that is open there."""
        name = (f"_{port}", protocol, *_labels(key))
        wanted = (port, protocol[1:].upper())
        targets = _unique((_hostname(e), e.ports[wanted]) for e in endpoints if wanted in e.ports)
        return [
            self._record(name, QTYPE.SRV, SRV(0, 100, n, self._name(host, *_labels(key))))
            for host, n in targets
        ] or None

    def _pod(self, name: Labels, label: str) -> list[RR] | None:
        """Section 2.6: any address, whether or not a Pod has it."""
        try:
            address = ipaddress.IPv4Address(label.replace("-", "."))
        except ValueError:
            return None
        return self._addresses(name, [str(address)])

    def _reverse(self, octets: Labels) -> list[RR] | None:
        """Sections 2.3.3 and 2.4.3: the Service of a ClusterIP, or an endpoint of a headless Service."""
        try:
            address = str(ipaddress.IPv4Address(".".join(reversed(octets))))
        except ValueError:
            return None
        owner = f"{'.'.join(octets)}.in-addr.arpa."
        names = [
            _labels(key)
            for key, service in self._services.items.items()
            if service["spec"].get("clusterIP") == address
        ]
        for key, endpoint in self._endpoints.holders(address):
            service = self._services.items.get(key)
            if service is not None and service["spec"].get("clusterIP") == "None":
                names.append((_hostname(endpoint), *_labels(key)))
        return [
            RR(owner, QTYPE.PTR, CLASS.IN, TTL, PTR(self._name(*name))) for name in _unique(names)
        ] or None

    def _addresses(self, name: Labels, addresses: Sequence[str]) -> list[RR]:
        return [
            self._record(name, QTYPE.A, A(address)) for address in addresses if ":" not in address
        ]

    def _record(self, name: Labels, rtype: int, data: object) -> RR:
        return RR(self._name(*name), rtype, CLASS.IN, TTL, data)

    def _name(self, *labels: str) -> str:
        return ".".join((*labels, *self.domain)) + "."


def _labels(key: Key) -> Labels:
    namespace, name = key
    return (name, namespace, "svc")


def _hostname(endpoint: Endpoint) -> str:
    """Return an endpoint's label below its Service: its own host name, or else its address with dashes."""
    return endpoint.hostname.lower() or endpoint.address.replace(".", "-")


def _protocol(port: Object) -> str:
    return "_" + str(port.get("protocol") or "TCP").lower()


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
