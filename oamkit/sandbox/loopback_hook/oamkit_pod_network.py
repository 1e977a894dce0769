"""Sends a Pod's sockets to where the Pod's address really is.

Binding to all addresses, to the Pod's own or to ``localhost`` binds to 127.244.a.b, so that two Pods can have the same port;
connecting to a Pod's address or to ``localhost`` goes there too, and a bound socket says that it has the Pod's address.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

_ANY = frozenset(("", "0.0.0.0", "localhost", "::", "::1"))  # noqa: S104 - what is replaced
_FAMILIES = frozenset((socket.AF_INET, socket.AF_INET6))
_plain: Any = socket.socket.__mro__[1]  # the class in C, whose methods stay what they are


class Addresses:
    """Translates between a Pod's addresses and those of this machine.

    Args:
        own: The Pod's address.
        home: Where it lives.
        prefix: How the addresses of Pods begin.

    Example:
        >>> addresses = Addresses("10.244.0.5", "127.244.0.5", "10.244.")
        >>> addresses.reached("10.244.0.6"), addresses.reached("127.0.0.1"), addresses.reached("127.96.0.10")
        ('127.244.0.6', '127.244.0.5', '127.96.0.10')
        >>> addresses.bound("0.0.0.0"), addresses.told("127.244.0.5")
        ('127.244.0.5', '10.244.0.5')
    """

    def __init__(self, own: str, home: str, prefix: str) -> None:
        self.own = own
        self.home = home
        self._prefix = prefix

    def reached(self, host: str) -> str:
        """Return where a connection to ``host`` goes."""
        if host in ("127.0.0.1", "localhost", "::1", self.own):
            return self.home
        return "127." + host.partition(".")[2] if host.startswith(self._prefix) else host

    def bound(self, host: str) -> str:
        """Return where a program listens that binds to ``host``."""
        return self.home if host in _ANY else self.reached(host)

    def told(self, host: str) -> str:
        """Return the address that a socket says it has."""
        return self.own if host == self.home else host


def _place(connection: socket.socket, address: Any, translate: Callable[[str], str]) -> Any:  # noqa: ANN401 - as socket has it
    """Translate the address of a socket; an IPv6 one takes an IPv4 address in IPv6 clothes (RFC 4291, 2.5.5.2)."""
    if connection.family not in _FAMILIES or not isinstance(address[0], str):
        return address
    host = address[0].removeprefix("::ffff:")
    place = translate(host)
    if place == host or connection.family == socket.AF_INET:
        return (place, *address[1:])
    connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return (f"::ffff:{place}", *address[1:])


def _is_second(listener: socket.socket, address: Any) -> bool:  # noqa: ANN401 - as socket has it
    """Whether a program that listens on all addresses does so for IPv6 alone, beside a socket for IPv4, as asyncio does.

    Pods have no IPv6 address; in the clothes of the IPv4 one the two would meet. So it gets a port where nobody looks for it. ``::1`` wouldn't
    do: a container of Docker has no IPv6 at all.
    """
    if listener.family != socket.AF_INET6 or address[0] not in _ANY:
        return False
    return bool(listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))


def install(pod: dict[str, Any]) -> None:
    """Change what :class:`socket.socket` does."""
    addresses = Addresses(pod["ip"], pod["home"], pod["prefix"])

    def bind(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - as socket has it
        if _is_second(self, address):
            address = (address[0], 0, *address[2:])
        place = _place(self, address, addresses.bound)
        try:
            _plain.bind(self, place)
        except PermissionError as error:
            if self.family not in _FAMILIES:
                raise
            raise PermissionError(
                error.errno,
                f"port {place[1]} can't be used: without namespaces ports below 1024 are for root; "
                "let the program listen on a port from 1024 on",
            ) from None

    def connect(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - as socket has it
        _plain.connect(self, _place(self, address, addresses.reached))

    def connect_ex(self: socket.socket, address: Any) -> Any:  # noqa: ANN401 - as socket has it
        return _plain.connect_ex(self, _place(self, address, addresses.reached))

    def sendto(self: socket.socket, data: Any, *rest: Any) -> Any:  # noqa: ANN401 - as socket has it
        return _plain.sendto(self, data, *rest[:-1], _place(self, rest[-1], addresses.reached))

    def getsockname(self: socket.socket) -> Any:  # noqa: ANN401 - as socket has it
        name = _plain.getsockname(self)
        return (addresses.told(name[0]), *name[1:]) if self.family == socket.AF_INET else name

    for function in (bind, connect, connect_ex, sendto, getsockname):
        setattr(socket.socket, function.__name__, function)
    socket.gethostname = lambda: str(pod["hostname"])
