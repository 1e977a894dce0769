"""Watches: a response that never ends, a line of JSON for each change."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import aiohttp

from oamkit.kube.resource import Object
from oamkit.kube.session import Session, api_error, decode

__all__ = ["WatchEvent", "follow"]


class WatchEvent(NamedTuple):
    """One change: ``type`` is ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``."""

    type: str
    object: Object


async def follow(
    session: Session, path: str, params: Mapping[str, str], silence: float
) -> AsyncIterator[WatchEvent]:
    """The events of one watch, until the server or the network ends it.

    Args:
        session: The open session.
        path: The collection.
        params: The query.
        silence: Seconds without a byte after which the server counts as gone.

    Raises:
        ApiError: The server refused or ended the watch with an error.
        ClusterError: The server can't be reached.
    """
    limit = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=silence)
    headers = {"Accept": "application/json"}
    try:
        response = await session.send("GET", path, params, headers, None, limit)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise session.unreachable(error) from error
    async with response:
        if response.status >= 400:
            raise api_error(response.status, await response.read(), f"WATCH {path}")
        _keep_alive(response)
        try:
            async for line in _lines(response.content):
                event = decode(line, "application/json")
                obj = event["object"]
                if event["type"] == "ERROR":
                    raise api_error(int(obj.get("code") or 500), line, f"WATCH {path}", obj)
                yield WatchEvent(event["type"], obj)
        finally:
            _abort(response)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines. What is left of half a line when the connection ends is dropped: the next watch brings it again."""
    rest: list[bytes] = []
    try:
        async for chunk in content.iter_any():
            *whole, last = chunk.split(b"\n")
            for line in whole:
                yield b"".join([*rest, line])
                rest.clear()
            if last:
                rest.append(last)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return


def _keep_alive(response: aiohttp.ClientResponse) -> None:
    """Notice within a minute when the network dropped an idle watch without a word."""
    transport = _transport(response)
    sock = transport.get_extra_info("socket") if transport else None
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):  # not everywhere
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _abort(response: aiohttp.ClientResponse) -> None:
    """End a watch's connection at once; a polite end of TLS would wait for a server that may be gone."""
    transport = _transport(response)
    if transport is not None:
        transport.abort()


def _transport(response: aiohttp.ClientResponse) -> asyncio.Transport | None:
    return response.connection.transport if response.connection else None
