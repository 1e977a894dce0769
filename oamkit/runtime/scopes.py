"""Writes workloads into the lists of scopes, and out of them (contract 3.9)."""

from __future__ import annotations

from collections.abc import Callable

from oamkit.errors import ApiError
from oamkit.kube import Client, Discovery, Object
from oamkit.oam import Membership, RenderedScope, TypedReference, World
from oamkit.oam.resolve import resolve_scope_definition
from oamkit.oam.scopes import with_workload, without_workload
from oamkit.oam.world import ObjectKey
from oamkit.runtime import shared

__all__ = ["ScopeWriter"]


class ScopeWriter:
    """Keeps the lists of scopes right.

    The lists are written on condition that nobody changed them, not by server-side apply: several applications share them.
    """

    def __init__(self, client: Client, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery

    async def join(
        self, world: World, namespace: str, scope: RenderedScope, workload: TypedReference
    ) -> bool:
        """Write a workload into a scope's list; returns whether that was needed.

        Raises:
            OamKitError: The scope has no such list, or can't be written.
        """
        path = scope.definition.workload_refs_path
        if not path:
            return False
        return await self._change(
            world, namespace, scope.reference, lambda obj: with_workload(obj, path, workload)
        )

    async def leave(self, world: World, namespace: str, membership: Membership) -> bool:
        """Take a workload out of a scope's list; a scope or a definition that is gone counts as done.

        Raises:
            ApiError: The scope can't be written.
        """
        scope = membership.scope
        if world.object(ObjectKey.at(scope, namespace)) is None:
            return False
        definition = resolve_scope_definition(scope, world)
        path = definition.workload_refs_path if definition else ""
        if not path:  # a definition that was deleted first must not hold the application
            return False
        return await self._change(
            world, namespace, scope, lambda obj: without_workload(obj, path, membership.workload)
        )

    async def _change(
        self,
        world: World,
        namespace: str,
        scope: TypedReference,
        change: Callable[[Object], Object | None],
    ) -> bool:
        resource = await self._discovery.resource_for(scope.api_version, scope.kind)
        found = world.object(ObjectKey.at(scope, namespace))
        if resource is None or found is None or change(found) is None:
            return False
        for attempt in range(shared.ATTEMPTS):
            try:
                # The local copy told that there is something to do; what to write is decided on the object of now.
                live = await self._client.get(resource, scope.name, namespace)
                changed = change(live)
                if changed is None:
                    return False
                await shared.change(self._client, resource, live, changed)
            except ApiError as error:
                if error.status == 404:
                    return False
                if error.status not in shared.CONFLICTS or attempt == shared.ATTEMPTS - 1:
                    raise
            else:
                return True
        raise AssertionError("the last attempt returns or raises")
