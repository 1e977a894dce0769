"""Looks up the names of a Pod's ``hosts`` and of the cluster's Services; all other names as ever."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

_SECONDS = 2.0
_A, _IN = 1, 1
_RECURSION_DESIRED = 0x0100
_POINTER = 0xC0
_connection: Any = socket.socket.__mro__[
    1
]  # the class in C: a name server's address isn't translated


def candidates(name: str, searches: list[str], ndots: int) -> list[str]:
    """Return the names to ask for, in order (``resolv.conf(5)``, ``search`` and ``ndots``).

    Example:
        >>> candidates("db", ["ns.svc.cluster.local", "svc.cluster.local"], 5)
        ['db.ns.svc.cluster.local', 'db.svc.cluster.local', 'db']
        >>> candidates("db.", ["ns.svc.cluster.local"], 5)
        ['db']
    """
    if name.endswith("."):
        return [name.rstrip(".")]
    found = [f"{name}.{search}" for search in searches]
    found.insert(0 if name.count(".") >= ndots else len(found), name)
    return found


def ask(name: str, servers: list[str]) -> list[str]:
    """Return the IPv4 addresses of a name (RFC 1035, section 4); none if no server knows it."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = os.urandom(2) + struct.pack(">5H", _RECURSION_DESIRED, 1, 0, 0, 0)
    query += labels + b"\0" + struct.pack(">2H", _A, _IN)
    for server in servers:
        host, _, port = server.partition(":")
        connection = _connection(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            connection.settimeout(_SECONDS)
            connection.connect((host, int(port or 53)))
            connection.send(query)
            answer = connection.recv(4096)
        except OSError:
            continue
        finally:
            connection.close()
        if answer[:2] == query[:2]:
            return list(_addresses(answer))
    return []


def _addresses(answer: bytes) -> Iterator[str]:
    questions, answers = struct.unpack_from(">2H", answer, 4)
    offset = 12
    for _ in range(questions):
        offset = _after_name(answer, offset) + 4
    for _ in range(answers):
        offset = _after_name(answer, offset)
        kind, _, _, length = struct.unpack_from(">2HIH", answer, offset)
        offset += 10
        if kind == _A:
            yield socket.inet_ntoa(answer[offset : offset + length])
        offset += length


def _after_name(answer: bytes, offset: int) -> int:
    while 0 < answer[offset] < _POINTER:
        offset += answer[offset] + 1
    return offset + (2 if answer[offset] else 1)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def install(pod: dict[str, Any]) -> None:
    """Change what :func:`socket.getaddrinfo` and :func:`socket.gethostbyname` know."""
    plain = socket.getaddrinfo

    def of_cluster(name: str) -> list[str]:
        if name in ("", "localhost") or _is_address(name):
            return []
        if name in pod["hosts"]:
            return [pod["hosts"][name]]
        for candidate in candidates(name, pod["searches"], pod["ndots"]):
            if candidate.endswith("." + pod["domain"]) and (
                found := ask(candidate, pod["nameservers"])
            ):
                return found
        return []

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as socket has it
        name = host.decode() if isinstance(host, bytes) else host or ""
        found = [entry for each in of_cluster(name) for entry in plain(each, *args, **kwargs)]
        return found or plain(host, *args, **kwargs)

    def gethostbyname(host: str) -> str:
        return str(getaddrinfo(host, None, socket.AF_INET)[0][4][0])

    socket.getaddrinfo = getaddrinfo
    socket.gethostbyname = gethostbyname
