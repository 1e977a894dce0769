"""One HTTP session with the API server: identity, errors, and what may be sent again."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from oamkit.errors import ApiError, ClusterError
from oamkit.kube.connection import Connection
from oamkit.kube.connector import Connector
from oamkit.kube.resource import Json

__all__ = ["Session", "api_error", "decode"]

RETRIES = 5
"""How often a request is sent again that certainly did nothing."""
LARGE = 2**20
"""Bytes."""
MAX_RETRY_AFTER = 30.0
"""The longest wait, in seconds, that a server may ask for."""


class Session:
    """Sends requests to one API server.

    Args:
        connection: The server and our identity.
        user_agent: How we call ourselves in audit logs.
    """

    def __init__(self, connection: Connection, *, user_agent: str = "oamkit") -> None:
        self.connection = connection
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._connector: Connector | None = None

    async def __aenter__(self) -> Self:
        credential = await self.connection.credentials.get()
        self._connector = Connector(self.connection.ssl_context(credential))
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            headers={"User-Agent": self._user_agent},
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            if self._connector is not None:
                await self._connector.settle()
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # aborted connections are closed in the loop's next round

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = 30.0,  # noqa: ASYNC109 - it is the HTTP request's own
    ) -> Json:
        """Send one request.

        Args:
            method: E.g. ``"GET"``.
            path: The path below the server, e.g. ``"/api/v1/nodes"``.
            params: The query.
            body: What is sent as JSON; nothing by default.
            content_type: The type of the body, e.g. ``"application/merge-patch+json"``.
            accept: The type of the answer.
            timeout: Seconds for the whole request.

        Returns:
            The decoded JSON, or text if the server answered with something else.

        Raises:
            ApiError: The server refused.
            ClusterError: The server can't be reached, or didn't answer in time.
        """
        headers = {"Accept": accept}
        data = None
        if body is not None:
            data = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = content_type
        limit = aiohttp.ClientTimeout(total=timeout)
        for attempt in range(RETRIES + 1):
            try:
                async with await self.send(method, path, params, headers, data, limit) as response:
                    raw = await response.read()
            except aiohttp.ClientConnectorError as error:
                refused = isinstance(error.os_error, ConnectionRefusedError)
                if refused and method == "GET" and attempt < RETRIES:
                    await asyncio.sleep(_pause(attempt))
                    continue
                raise self.unreachable(error) from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self.unreachable(error) from error
            if response.status < 400:
                return decode(raw, response.content_type)
            again = attempt < RETRIES and await self._may_retry(response, attempt)
            if not again:
                raise api_error(response.status, raw, f"{method} {path}")
        raise AssertionError("the last attempt returns or raises")

    async def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: dict[str, str],
        data: bytes | None,
        limit: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """Send one request once; the caller reads and closes the answer, whatever its status is."""
        if self._session is None:
            raise RuntimeError("The client isn't open: use 'async with Client(...)'.")
        credential = await self.connection.credentials.get()
        if credential.token:
            headers = {**headers, "Authorization": f"Bearer {credential.token}"}
        return await self._session.request(
            method,
            URL(self.connection.server + path, encoded=True),
            params=params,
            headers=headers,
            # Of large bodies aiohttp wants a file, which it sends piece by piece.
            data=io.BytesIO(data) if data is not None and len(data) >= LARGE else data,
            timeout=limit,
            server_hostname=self.connection.server_name or None,
            allow_redirects=False,
        )

    async def _may_retry(self, response: aiohttp.ClientResponse, attempt: int) -> bool:
        """Whether to send the request again, after the wait that the server asks for."""
        if response.status == 401 and attempt == 0:
            self.connection.credentials.forget()
            return True
        if response.status != 429:
            return False
        try:
            asked = float(response.headers.get("Retry-After", ""))
        except ValueError:
            asked = 1.0
        await asyncio.sleep(min(asked, MAX_RETRY_AFTER) + _pause(attempt))
        return True

    def unreachable(self, error: BaseException) -> ClusterError:
        """The error that says in words why there was no answer."""
        if isinstance(error, TimeoutError):
            what = "didn't answer in time"
        else:
            what = f"can't be reached: {error or type(error).__name__}"
        return ClusterError(
            f"The API server {self.connection.server} {what}",
            hint="Is the cluster running, and is the kubeconfig file the right one?",
        )


def decode(raw: bytes, content_type: str) -> Json:
    """Read a body: JSON, or text if it is of another type.

    Raises:
        ClusterError: It isn't JSON, although it says so.
    """
    if not content_type.endswith("json"):
        return raw.decode(errors="replace")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ClusterError(f"The API server answered with broken JSON: {raw[:80]!r}") from error


def api_error(status: int, raw: bytes, what: str, found: Json = None) -> ApiError:
    """The error of an answer, made from its ``Status`` object if it holds one.

    Args:
        status: The HTTP status code.
        raw: The body.
        what: The request, in words.
        found: The body, if it was decoded already.
    """
    if found is None:
        try:
            found = json.loads(raw)
        except ValueError:
            found = None
    if not isinstance(found, dict) or found.get("kind") != "Status":
        text = raw[:200].decode(errors="replace").strip()
        return ApiError(f"{what}: HTTP {status} {text}".rstrip(), status=status)
    return ApiError(
        found.get("message") or f"{what}: HTTP {status}",
        status=status,
        reason=found.get("reason") or "",
        details=found.get("details"),
    )


def _pause(attempt: int) -> float:
    return random.uniform(0.05, 0.1) * 2**attempt  # type: ignore[no-any-return]  # noqa: S311
