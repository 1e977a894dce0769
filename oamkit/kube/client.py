"""The API client: one HTTP session, plain dicts in and out."""

from __future__ import annotations

import asyncio
import builtins
import json
import random
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Self

import aiohttp
from yarl import URL

from oamkit.errors import ApiError, ClusterError
from oamkit.kube.connection import Connection
from oamkit.kube.resource import Json, Object, Resource

__all__ = ["Client", "Propagation", "WatchEvent"]

Propagation = Literal["Background", "Foreground", "Orphan"]
"""What happens to what an object owns when it is deleted."""

PAGE = 500
"""How many objects one page of a list holds, as in client-go."""
RETRIES = 5
"""How often a request is sent again that certainly did nothing."""
MAX_RETRY_AFTER = 30.0
"""The longest wait, in seconds, that a server may ask for."""
WATCH_SECONDS = (240, 480)
"""How long the server keeps a watch open: a random time, so that many watches don't come back at once."""
_FORGETFUL = sys.version_info < (3, 12, 8) or (3, 13, 0) <= sys.version_info < (3, 13, 1)
"""These Pythons leave a TLS connection open when a request is cancelled (https://github.com/python/cpython/pull/118960)."""


class WatchEvent(NamedTuple):
    """One change: ``type`` is ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``."""

    type: str
    object: Object


class Client:
    """Talks to one API server.

    Errors: :class:`~oamkit.errors.ApiError` when the server refused, :class:`~oamkit.errors.ClusterError` when it can't be
    reached or doesn't answer in time. Only what surely did nothing is sent again: a request that the server answered with 429
    (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/), and a GET whose connection was refused.

    Args:
        connection: The server and our identity.
        user_agent: How we call ourselves in audit logs.

    Example::

        async with Client(Connection.load()) as client:
            pods = Resource("", "v1", "pods", "Pod", namespaced=True)
            for pod in (await client.list(pods, "default"))["items"]:
                ...
    """

    def __init__(self, connection: Connection, *, user_agent: str = "oamkit") -> None:
        self.connection = connection
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        credential = await self.connection.credentials.get()
        context = self.connection.ssl_context(credential)
        self._session = aiohttp.ClientSession(
            # Watches hold their connections, so the number of connections isn't limited here.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=context or True, enable_cleanup_closed=_FORGETFUL
            ),
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
                async with await self._send(method, path, params, headers, data, limit) as response:
                    raw = await response.read()
            except aiohttp.ClientConnectorError as error:
                refused = isinstance(error.os_error, ConnectionRefusedError)
                if refused and method == "GET" and attempt < RETRIES:
                    await asyncio.sleep(_pause(attempt))
                    continue
                raise self._unreachable(error) from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._unreachable(error) from error
            if response.status < 400:
                return _decode(raw, response.content_type)
            again = attempt < RETRIES and await self._may_retry(response, attempt)
            if not again:
                raise _api_error(response.status, raw, f"{method} {path}")
        raise AssertionError("the last attempt returns or raises")

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, subresource: str = ""
    ) -> Object:
        """Read one object.

        Raises:
            ApiError: E.g. with status 404.
        """
        found: Object = await self.request("GET", resource.path(namespace, name, subresource))
        return found

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Object:
        """Read all objects of a kind, page by page.

        Returns:
            The list object; each item carries ``apiVersion`` and ``kind``, which the server leaves out.
        """
        params = {"limit": str(PAGE), **_selectors(label_selector, field_selector)}
        path = resource.path(namespace)
        items: builtins.list[Object] = []
        while True:
            try:
                page: Object = await self.request("GET", path, params=params, timeout=60.0)
            except ApiError as error:
                if error.status != 410 or "limit" not in params:
                    raise
                # The pages were too slow and their snapshot is gone: once more, in one piece.
                params = _selectors(label_selector, field_selector)
                items = []
                continue
            items += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                break
            params["continue"] = token
        for item in items:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        page["items"] = items
        return page

    async def create(
        self, resource: Resource, obj: Object, *, subresource: str = "", field_manager: str = ""
    ) -> Object:
        """Create an object; with ``subresource`` post to that of the object named (e.g. ``"binding"``)."""
        metadata = obj.get("metadata") or {}
        name = metadata.get("name") if subresource else None
        path = resource.path(metadata.get("namespace"), name, subresource)
        made: Object = await self.request("POST", path, params=_manager(field_manager), body=obj)
        return made

    async def update(
        self, resource: Resource, obj: Object, *, subresource: str = "", field_manager: str = ""
    ) -> Object:
        """Replace an object. With ``metadata.resourceVersion`` a change by somebody else gives status 409."""
        metadata = obj["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        made: Object = await self.request("PUT", path, params=_manager(field_manager), body=obj)
        return made

    async def update_status(
        self, resource: Resource, obj: Object, *, field_manager: str = ""
    ) -> Object:
        """Replace an object's status."""
        return await self.update(resource, obj, subresource="status", field_manager=field_manager)

    async def apply(
        self,
        resource: Resource,
        obj: Object,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str = "",
    ) -> Object:
        """Server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/).

        Args:
            resource: The kind.
            obj: The fields that ``field_manager`` wants.
            field_manager: Who owns them.
            force: Whether fields of other managers are taken over instead of status 409.
            subresource: E.g. ``"status"``.
        """
        metadata = obj["metadata"]
        made: Object = await self.request(
            "PATCH",
            resource.path(metadata.get("namespace"), metadata["name"], subresource),
            params={"fieldManager": field_manager, "force": "true" if force else "false"},
            body=obj,
            content_type="application/apply-patch+yaml",
        )
        return made

    async def merge_patch(
        self,
        resource: Resource,
        name: str,
        patch: Object,
        namespace: str | None = None,
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> Object:
        """Change fields by RFC 7396: ``None`` removes one, lists are replaced."""
        made: Object = await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            params=_manager(field_manager),
            body=patch,
            content_type="application/merge-patch+json",
        )
        return made

    async def json_patch(
        self,
        resource: Resource,
        name: str,
        operations: Sequence[Object],
        namespace: str | None = None,
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> Object:
        """Change fields by RFC 6902; a failing ``test`` gives status 422."""
        made: Object = await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            params=_manager(field_manager),
            body=builtins.list(operations),
            content_type="application/json-patch+json",
        )
        return made

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str = "",
        propagation: Propagation = "Background",
        grace: int | None = None,
    ) -> None:
        """Delete an object.

        Args:
            resource: The kind.
            name: Its name.
            namespace: Its namespace.
            uid: Only the object with this UID; another one of the same name gives status 409.
            propagation: What happens to what it owns.
            grace: Seconds that a Pod gets to end; its own by default.
        """
        body: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid:
            body["preconditions"] = {"uid": uid}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        await self.request("DELETE", resource.path(namespace, name), body=body)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent]:
        """The changes since a resource version, until the server or the network ends the watch.

        A watch that just ends is normal: go on with another one from the newest ``resourceVersion`` seen.

        Raises:
            ApiError: E.g. with status 410 when the version is too old: list again.
            ClusterError: The server can't be reached.
        """
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - no secret
        params = {
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true" if bookmarks else "false",
            "timeoutSeconds": str(seconds),
            **_selectors(label_selector, field_selector),
        }
        path = resource.path(namespace)
        limit = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=seconds + 30.0)
        headers = {"Accept": "application/json"}
        try:
            response = await self._send("GET", path, params, headers, None, limit)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            if response.status >= 400:
                raise _api_error(response.status, await response.read(), f"WATCH {path}")
            _keep_alive(response)
            try:
                async for line in _lines(response.content):
                    event = _decode(line, "application/json")
                    obj = event["object"]
                    if event["type"] == "ERROR":
                        raise _api_error(int(obj.get("code") or 500), line, f"WATCH {path}", obj)
                    yield WatchEvent(event["type"], obj)
            finally:
                _abort(response)

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: dict[str, str],
        data: bytes | None,
        limit: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
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
            data=data,
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

    def _unreachable(self, error: BaseException) -> ClusterError:
        if isinstance(error, TimeoutError):
            what = "didn't answer in time"
        else:
            what = f"can't be reached: {error or type(error).__name__}"
        return ClusterError(
            f"The API server {self.connection.server} {what}",
            hint="Is the cluster running, and is the kubeconfig file the right one?",
        )


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


def _decode(raw: bytes, content_type: str) -> Json:
    if not content_type.endswith("json"):
        return raw.decode(errors="replace")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ClusterError(f"The API server answered with broken JSON: {raw[:80]!r}") from error


def _api_error(status: int, raw: bytes, what: str, found: Json = None) -> ApiError:
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


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    both = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in both.items() if value}


def _manager(field_manager: str) -> dict[str, str]:
    return {"fieldManager": field_manager} if field_manager else {}
