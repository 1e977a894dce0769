"""Looks up what rendering an application needs: from local copies where a watch keeps them, else from the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Client, Discovery, Informer, Key, Object, Resource
from oamkit.oam import ApplicationConfiguration, KindKey, Needs, ObjectKey, ServedKind, World
from oamkit.oam.dataparts import store_keys
from oamkit.oam.world import KindFact, ObjectFact
from oamkit.runtime.templates import Templates
from oamkit.runtime.uses import Uses
from oamkit.runtime.watches import Watches

__all__ = ["Fact", "Facts"]

Fact: TypeAlias = ObjectKey | KindKey
Asking: TypeAlias = Callable[[World], Needs]
ROUNDS = 8
"""More rounds than facts can lead to one another; a bound, not a tuning knob."""


class Facts:
    """The facts about the cluster, and which application uses which of them.

    Args:
        client: The open client.
        discovery: The kinds that are served.
        informers: Of the kinds that applications are made of: Components and definitions.
        scopes: Watches for the scopes that applications name; they keep what they see.
        stores: Watches for their data stores; these tell changes only, for a store may be any ConfigMap.
        templates: Asks CUE what the templates of definitions make.
    """

    def __init__(
        self,
        client: Client,
        discovery: Discovery,
        informers: Iterable[Informer],
        scopes: Watches[Key],
        stores: Watches[Key],
        templates: Templates,
    ) -> None:
        self.uses: Uses[Key, Fact] = Uses()
        self._client = client
        self._discovery = discovery
        self._scopes = scopes
        self._stores = stores
        self._templates = templates
        self._informers: Mapping[KindKey, Informer] = {
            KindKey(informer.resource.api_version, informer.resource.kind): informer
            for informer in informers
        }

    async def gather(self, user: Key, app: ApplicationConfiguration, asking: Asking) -> World:
        """Return a world that knows all that ``asking`` asks for.

        Args:
            user: The application's key; it is noted as a user of these facts instead of those of its last pass.
            app: The application.
            asking: Names the facts that a world lacks; see :func:`oamkit.oam.needs.needs`.

        Raises:
            ClusterError: The API server doesn't answer.
        """
        world = World()
        watched: set[Resource] = set()
        stored: set[Resource] = set()
        for _ in range(ROUNDS):
            wanted = asking(world)
            if not wanted:
                break
            self.uses.add(user, [*wanted.objects, *wanted.kinds])
            kinds, objects, calls = list(wanted.kinds), list(wanted.objects), list(wanted.calls)
            kind_facts = await asyncio.gather(*(self._kind(key) for key in kinds))
            object_facts = await asyncio.gather(
                *(self._object(key, user, app, watched, stored) for key in objects)
            )
            answers = await asyncio.gather(*(self._templates.answer(call) for call in calls))
            world = world.with_facts(
                dict(zip(objects, object_facts, strict=True)),
                dict(zip(kinds, kind_facts, strict=True)),
                dict(zip(calls, answers, strict=True)),
            )
        self.uses.replace(user, [*world.objects, *world.kinds])
        self._scopes.keep(user, watched)
        self._stores.keep(user, stored)
        return world

    def forget(self, user: Key) -> None:
        """Drop what is noted of an application that is gone."""
        self.uses.replace(user, ())
        self._scopes.keep(user, set())
        self._stores.keep(user, set())

    async def _kind(self, key: KindKey) -> KindFact:
        try:
            resource = await self._discovery.resource_for(key.api_version, key.kind)
        except ApiError as error:
            return error
        return ServedKind(resource.plural, namespaced=resource.namespaced) if resource else None

    async def _object(
        self,
        key: ObjectKey,
        user: Key,
        app: ApplicationConfiguration,
        watched: set[Resource],
        stored: set[Resource],
    ) -> ObjectFact:
        place = key.namespace, key.name
        informer = self._informers.get(KindKey(key.api_version, key.kind))
        if informer is not None:
            return informer.items.get(place)
        try:
            resource = await self._discovery.resource_for(key.api_version, key.kind)
            if resource is None or not key.name:
                return None
            if key in _scopes_of(app):
                watched.add(resource)
                return (await self._scopes.synced(resource, user)).items.get(place)
            if app.passes_data and key in store_keys(app):
                stored.add(resource)
                await self._stores.tried(resource, user)  # first watched, then read: no gap between
            return await self._read(resource, key)
        except OamKitError as error:
            return error

    async def _read(self, resource: Resource, key: ObjectKey) -> Object | None:
        try:
            return await self._client.get(resource, key.name, key.namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise


def _scopes_of(app: ApplicationConfiguration) -> set[ObjectKey]:
    used = [scope for entry in app.components for scope in entry.scopes]
    recorded = [scope for entry in app.recorded for scope in entry.scopes]
    return {ObjectKey.at(scope, app.namespace) for scope in [*used, *recorded]}
