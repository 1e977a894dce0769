"""The API client: plain dicts in and out."""

from __future__ import annotations

import builtins
import random
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from oamkit.errors import ApiError
from oamkit.kube.resource import Object, Resource
from oamkit.kube.session import Session
from oamkit.kube.watching import WatchEvent, follow

__all__ = ["Client", "Propagation"]

Propagation = Literal["Background", "Foreground", "Orphan"]
"""What happens to what an object owns when it is deleted."""

PAGE = 500
"""How many objects one page of a list holds, as in client-go."""
WATCH_SECONDS = (240, 480)
"""How long the server keeps a watch open: a random time, so that many watches don't come back at once."""


class Client(Session):
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
        resource_version: str = "",
        propagation: Propagation = "Background",
        grace: int | None = None,
    ) -> None:
        """Delete an object.

        Args:
            resource: The kind.
            name: Its name.
            namespace: Its namespace.
            uid: Only the object with this UID; another one of the same name gives status 409.
            resource_version: Only the object as it was then; a changed one gives status 409.
            propagation: What happens to what it owns.
            grace: Seconds that a Pod gets to end; its own by default.
        """
        body: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        conditions = {"uid": uid, "resourceVersion": resource_version}
        if any(conditions.values()):
            body["preconditions"] = {name: value for name, value in conditions.items() if value}
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
        async for event in follow(self, resource.path(namespace), params, seconds + 30.0):
            yield event


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    both = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in both.items() if value}


def _manager(field_manager: str) -> dict[str, str]:
    return {"fieldManager": field_manager} if field_manager else {}
