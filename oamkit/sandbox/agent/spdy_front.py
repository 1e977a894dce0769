"""Takes the connections of the kubelet's API: those that ask for ``Upgrade: SPDY/3.1`` are served here, all others by aiohttp.

Clients that don't speak WebSockets (kubectl before 1.31, ``KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false``) ask for SPDY, and the API server
passes their bytes on as they are. aiohttp knows no such upgrade, so the first request of a connection is looked at before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["Front", "Upgrade", "read_upgrade"]

MAX_HEAD = 64 * 1024


@dataclass(frozen=True)
class Upgrade:
    """A request that asks for SPDY.

    Attributes:
        path: Its path, in parts.
        query: Its query.
        protocols: The subprotocols that the client speaks.
    """

    path: tuple[str, ...]
    query: dict[str, list[str]]
    protocols: tuple[str, ...]


def read_upgrade(head: bytes) -> Upgrade | None:
    r"""Return what a request asks for; ``None`` if that isn't SPDY.

    Example:
        >>> read_upgrade(b"POST /exec/a/b/c?command=ls HTTP/1.1\r\nUpgrade: SPDY/3.1\r\n\r\n").path
        ('exec', 'a', 'b', 'c')
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    words = first.split(" ")
    if len(words) != 3 or "spdy/3.1" not in (v.lower() for v in fields.get("upgrade", ())):
        return None
    url = urlsplit(words[1])
    wanted = ",".join(fields.get("x-stream-protocol-version", ()))
    return Upgrade(
        path=tuple(unquote(part) for part in url.path.strip("/").split("/")),
        query=parse_qs(url.query),
        protocols=tuple(part.strip() for part in wanted.split(",") if part.strip()),
    )


class Front(asyncio.Protocol):
    """Looks at the first request of a connection and gives the connection to who serves it.

    Args:
        others: Makes the protocol for everything that isn't SPDY.
        serve: Serves a SPDY request.
    """

    def __init__(
        self,
        others: Callable[[], asyncio.Protocol],
        serve: Callable[[Upgrade, asyncio.StreamReader, asyncio.StreamWriter], None],
    ) -> None:
        self._others = others
        self._serve = serve
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a server's transport is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        if self._transport is None:
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(self._head) < MAX_HEAD:
            return
        upgrade = read_upgrade(head) if end else None
        if upgrade is None:
            protocol = self._others()
            self._transport.set_protocol(protocol)
            protocol.connection_made(self._transport)
            protocol.data_received(self._head)
            return
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        streams = asyncio.StreamReaderProtocol(reader, loop=loop)
        self._transport.set_protocol(streams)
        streams.connection_made(self._transport)
        reader.feed_data(rest)
        self._serve(upgrade, reader, asyncio.StreamWriter(self._transport, streams, reader, loop))
