"""Connections that are being made when nobody wants them any more."""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.tracing import Trace

__all__ = ["Connector"]

_FORGETFUL = sys.version_info < (3, 12, 8) or (3, 13, 0) <= sys.version_info < (3, 13, 1)
"""These Pythons leave a TLS connection open when a request is cancelled (https://github.com/python/cpython/pull/118960)."""

SECONDS = 1.0
"""How long :meth:`Connector.settle` waits for a server to answer the beginning of a connection."""


class Connector(aiohttp.TCPConnector):
    """Makes each connection in a task of its own, which a cancelled request doesn't take with it.

    asyncio says a polite goodbye to a TLS connection whose maker is cancelled just when it is ready. Nobody waits for the server's
    answer, and nobody knows the connection any more: it stays open as long as the server likes. Made to its end, it can be aborted.

    Args:
        context: How TLS is spoken.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        # Watches hold their connections, so the number of connections isn't limited here.
        super().__init__(limit=0, ssl=context or True, enable_cleanup_closed=_FORGETFUL)
        self._unfinished: set[asyncio.Future[ResponseHandler]] = set()

    async def _create_connection(  # aiohttp's seam for subclasses
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as it is there
    ) -> ResponseHandler:
        making = asyncio.ensure_future(super()._create_connection(req, traces, timeout))
        self._unfinished.add(making)
        making.add_done_callback(self._unfinished.discard)
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(_abort)
            raise

    async def settle(self) -> None:
        """End what has been begun; call it before closing."""
        if self._unfinished:
            _, late = await asyncio.wait(self._unfinished, timeout=SECONDS)
            for each in late:
                each.cancel()
            if late:
                await asyncio.wait(late)


def _abort(making: asyncio.Future[ResponseHandler]) -> None:
    """Close a connection without a word."""
    if not making.cancelled() and making.exception() is None:
        transport = making.result().transport
        if transport is not None:
            transport.abort()
