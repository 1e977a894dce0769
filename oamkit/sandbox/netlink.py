"""The few messages to the kernel that a node's network needs: links, addresses, routes.

By hand rather than with a library: six messages, also needed where there's no time to import one (the probe and each Pod's
start). Sources: ``rtnetlink(7)``, ``netlink(7)``, ``veth(4)``, ``linux/if_link.h``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from ipaddress import IPv4Address, IPv4Network

_NLMSG_ERROR = 2
_REQUEST, _ACK, _EXCL, _CREATE = 0x1, 0x4, 0x200, 0x400
_NEWLINK, _DELLINK, _NEWADDR, _NEWROUTE = 16, 17, 20, 24
_IFF_UP = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 10, 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_PROTOCOL_STATIC = 4
_SCOPE_UNIVERSE, _SCOPE_HOST = 0, 254
_UNICAST, _LOCAL = 1, 2


def add_bridge(name: str, mac: bytes) -> None:
    """Make a bridge and set it up.

    Args:
        name: The bridge.
        mac: Its hardware address. Without one of its own a bridge takes the lowest of its ports' addresses, which changes as
            ports come and go: whoever remembers the old one then talks to nobody for up to a minute.
    """
    info = _attribute(_IFLA_INFO_KIND, b"bridge")
    message = _link() + _name(name) + _attribute(_IFLA_ADDRESS, mac)
    _new_link(message + _attribute(_IFLA_LINKINFO, info))


def add_veth(name: str, *, bridge: str, peer: str, peer_namespace: int, peer_mac: bytes) -> None:
    """Make a pair of links and set the end on the bridge up; the other one can be set up in its namespace afterwards.

    Args:
        name: The end that is a port of ``bridge``.
        bridge: A bridge.
        peer: The name of the other end.
        peer_namespace: A descriptor of the other end's network namespace.
        peer_mac: The other end's hardware address.
    """
    other = (
        _link(up=False)
        + _name(peer)
        + _attribute(_IFLA_NET_NS_FD, struct.pack("i", peer_namespace))
    )
    other += _attribute(_IFLA_ADDRESS, peer_mac)
    info = _attribute(_IFLA_INFO_KIND, b"veth")
    info += _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, other))
    master = _attribute(_IFLA_MASTER, struct.pack("i", socket.if_nametoindex(bridge)))
    _new_link(_link() + _name(name) + master + _attribute(_IFLA_LINKINFO, info))


def _new_link(message: bytes) -> None:
    _ask(_NEWLINK, message, _CREATE | _EXCL)


def set_up(name: str) -> None:
    """Set a link up."""
    _ask(_NEWLINK, _link(socket.if_nametoindex(name)))


def delete_link(name: str) -> None:
    """Delete a link; one that isn't there is fine."""
    try:
        _ask(_DELLINK, _link() + _name(name))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def add_address(name: str, address: IPv4Address, prefix: int) -> None:
    """Give a link an address; one that it has already is fine."""
    header = struct.pack("BBBBi", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(name))
    both = _attribute(_IFA_LOCAL, address.packed) + _attribute(_IFA_ADDRESS, address.packed)
    _ask_once(_NEWADDR, header + both)


def add_default_route(gateway: IPv4Address) -> None:
    """Send by a gateway what no other route is for."""
    header = _route(0, _TABLE_MAIN, _SCOPE_UNIVERSE, _UNICAST)
    _ask_once(_NEWROUTE, header + _attribute(_RTA_GATEWAY, gateway.packed))


def add_local_route(network: IPv4Network) -> None:
    """Take all addresses of a network for this machine's own."""
    header = _route(network.prefixlen, _TABLE_LOCAL, _SCOPE_HOST, _LOCAL)
    device = _attribute(_RTA_OIF, struct.pack("i", socket.if_nametoindex("lo")))
    _ask_once(_NEWROUTE, header + _attribute(_RTA_DST, network.network_address.packed) + device)


def _route(prefix: int, table: int, scope: int, kind: int) -> bytes:
    return struct.pack(
        "BBBBBBBBI", socket.AF_INET, prefix, 0, 0, table, _PROTOCOL_STATIC, scope, kind, 0
    )


def _link(index: int = 0, *, up: bool = True) -> bytes:
    flags = _IFF_UP if up else 0
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _name(name: str) -> bytes:
    return _attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _attribute(kind: int, value: bytes) -> bytes:
    r"""Return an attribute, padded to a multiple of four bytes.

    Example:
        >>> _attribute(3, b"lo\0").hex(" ")
        '07 00 03 00 6c 6f 00 00'
    """
    length = 4 + len(value)
    return struct.pack("HH", length, kind) + value + bytes(-length % 4)


def _ask_once(kind: int, message: bytes) -> None:
    try:
        _ask(kind, message, _CREATE | _EXCL)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise


def _ask(kind: int, message: bytes, flags: int = 0) -> None:
    """Send a message in the calling thread's network namespace and wait for the kernel's answer."""
    header = struct.pack("IHHII", 16 + len(message), kind, _REQUEST | _ACK | flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as connection:
        connection.send(header + message)
        answer = connection.recv(65536)
    (answer_kind,) = struct.unpack_from("H", answer, 4)
    (code,) = struct.unpack_from("i", answer, 16)
    if answer_kind == _NLMSG_ERROR and code:
        raise OSError(-code, os.strerror(-code))
