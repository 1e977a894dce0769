"""Which kinds the API server serves, and under which path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from oamkit.errors import ApiError
from oamkit.kube.client import Client
from oamkit.kube.resource import Resource

__all__ = ["Discovery"]

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
REFRESH_SECONDS = 5.0
"""A kind that isn't there is asked for again after this time, not earlier: a typo must not cost a request each time."""


class Discovery:
    """A cache of the kinds that a server serves.

    It is filled by two requests (aggregated discovery, https://kep.k8s.io/3352), and again when a kind is asked for that isn't in
    it: a CRD may just have been added.

    Args:
        client: The open client.
        refresh_seconds: The shortest time between two refreshes.
    """

    def __init__(self, client: Client, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._client = client
        self._refresh_seconds = refresh_seconds
        self._read_at = float("-inf")
        self._by_kind: dict[tuple[str, str], Resource] = {}
        self._by_plural: dict[tuple[str, str], list[Resource]] = {}
        self._lock = asyncio.Lock()

    async def resource_for(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind, or ``None`` if the server doesn't serve it.

        Raises:
            ApiError: The server refused to say.
            ClusterError: The server can't be reached.
        """
        return await self._look(lambda: self.known(api_version, kind))

    def known(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind as the server was asked last, without asking it."""
        return self._by_kind.get((api_version, kind))

    async def serves(self, api_version: str, kind: str) -> bool:
        """Whether the server serves a kind."""
        return await self.resource_for(api_version, kind) is not None

    async def by_plural(self, plural: str, group: str, version: str = "") -> Resource | None:
        """The resource of a CRD-like name (``plural.group``); the server's preferred version unless one is named."""
        return await self._look(lambda: self.known_plural(plural, group, version))

    def known_plural(self, plural: str, group: str, version: str = "") -> Resource | None:
        """The resource of a CRD-like name as the server was asked last, without asking it."""
        there = self._by_plural.get((plural, group), [])
        return next((found for found in there if version in ("", found.version)), None)

    async def refresh(self) -> None:
        """Ask the server anew."""
        by_kind: dict[tuple[str, str], Resource] = {}
        by_plural: dict[tuple[str, str], list[Resource]] = {}
        for resource in [*await self._group_lists("/api"), *await self._group_lists("/apis")]:
            by_kind[resource.api_version, resource.kind] = resource
            by_plural.setdefault((resource.plural, resource.group), []).append(resource)
        self._by_kind, self._by_plural = by_kind, by_plural
        self._read_at = time.monotonic()

    async def _look(self, find: Callable[[], Resource | None]) -> Resource | None:
        found = find()
        if found is None:
            async with self._lock:
                if time.monotonic() - self._read_at > self._refresh_seconds:
                    await self.refresh()
            found = find()
        return found

    async def _group_lists(self, path: str) -> list[Resource]:
        answer = await self._client.request("GET", path, accept=ACCEPT)
        if answer.get("kind") == "APIGroupDiscoveryList":
            return list(_aggregated(answer.get("items") or []))
        # Servers before 1.26 answer in the old way, with one document for each version.
        versions = answer.get("versions") or [
            version["groupVersion"]
            for group in answer.get("groups") or []
            for version in _preferred_first(group)
        ]
        found: list[Resource] = []
        for version in versions:
            try:
                document = await self._client.request("GET", f"{path}/{version}")
            except ApiError as error:
                if error.status not in (404, 503):  # an aggregated API whose server is away
                    raise
                continue
            found += _legacy(version, document.get("resources") or [])
        return found


def _preferred_first(group: dict[str, Any]) -> list[dict[str, Any]]:
    preferred = (group.get("preferredVersion") or {}).get("version")
    return sorted(group["versions"], key=lambda version: version["version"] != preferred)


def _aggregated(groups: Iterable[dict[str, Any]]) -> Iterator[Resource]:
    for group in groups:
        name = (group.get("metadata") or {}).get("name", "")
        for version in group.get("versions") or []:
            for item in version.get("resources") or []:
                kind = item.get("responseKind") or {}
                if kind.get("kind"):
                    yield Resource(
                        # The parent's group and version: responseKind may name another one.
                        name,
                        version["version"],
                        item["resource"],
                        kind["kind"],
                        namespaced=item.get("scope") == "Namespaced",
                    )


def _legacy(group_version: str, resources: Iterable[dict[str, Any]]) -> Iterator[Resource]:
    group, _, version = group_version.rpartition("/")
    for item in resources:
        if "/" not in item["name"]:
            yield Resource(
                group, version, item["name"], item["kind"], namespaced=item["namespaced"]
            )
