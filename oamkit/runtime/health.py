"""The controller of HealthScopes (contract 8): it tells how the workloads of a scope are.

Workloads are watched, so that a check is a look at a local copy: a change is told at once, and the regular check between changes,
``probe-interval``, costs no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Discovery, EventType, Informer, Key, Object, Resource, key_of
from oamkit.oam.health import COMPOSED, Health, check, health_status
from oamkit.oam.kinds import FIELD_MANAGER, TypedReference
from oamkit.oam.shape import listing, mapping, quoted, reference
from oamkit.runtime.events import EventRecorder
from oamkit.runtime.healthview import HealthView, Thing, judged, kept, things
from oamkit.runtime.kinds import HEALTH_SCOPES
from oamkit.runtime.onekind import OneKindController
from oamkit.runtime.uses import Uses
from oamkit.runtime.watches import Watches
from oamkit.runtime.working import Context

__all__ = ["HealthScopeController"]

SECONDS = 10.0
"""Between two checks, and for a check, unless the scope says otherwise."""
SHORTEST_SECONDS = 1.0


class HealthScopeController(OneKindController):
    """Reconciles HealthScopes; see :class:`oamkit.runtime.onekind.OneKindController`.

    Args:
        context: What it works with; ``resync`` is of no meaning here: each scope has an interval of its own.
    """

    name = "healthscope"
    workers = 2

    def __init__(self, context: Context) -> None:
        client, namespace = context.client, context.namespace
        self._client = client
        self._discovery = Discovery(client)
        self._scopes = Informer(client, HEALTH_SCOPES, namespace=namespace)
        self._workloads: Watches[Key] = Watches(
            client, self._changed, namespace=namespace, transform=kept
        )
        self._uses: Uses[Key, Thing] = Uses()
        events = EventRecorder(client, f"oam/{self.name}.core.oam.dev", context.instance)
        super().__init__(context, self._scopes, watches=self._workloads, events=events)
        self._scopes.subscribe(lambda _, old, new: self._queue.add(key_of(new or old or {})))

    async def reconcile(self, key: Key) -> bool:
        """Check one scope.

        Raises:
            ApiError: The status can't be written.
        """
        scope = self._scopes.items.get(key)
        if scope is None or scope["metadata"].get("deletionTimestamp"):
            self._uses.replace(key, ())
            self._workloads.keep(key, set())
            return True
        spec = scope["spec"]
        references = [
            reference(mapping(item, "spec.workloadRefs"), "spec.workloadRefs")
            for item in listing(spec.get("workloadRefs"), "spec.workloadRefs")
        ]
        view = await self._look(key, references, _seconds(spec.get("probe-timeout")))
        healths = [check(each, view) for each in references]
        self._uses.replace(key, view.seen)
        await self._write(scope, healths)
        self._queue.add_later(key, max(_seconds(spec.get("probe-interval")), SHORTEST_SECONDS))
        return True

    async def _look(
        self, key: Key, references: Sequence[TypedReference], seconds: float
    ) -> HealthView:
        """Return the local copies of all kinds that the references need, begun at the same time."""
        kinds = {(each.api_version, each.kind) for each in references}
        if kinds & COMPOSED:
            kinds |= {("apps/v1", "Deployment"), ("v1", "Service")}
        copies: dict[tuple[str, str], Informer | OamKitError] = {}

        async def open_one(api_version: str, kind: str) -> None:
            try:
                resource = await self._discovery.resource_for(api_version, kind)
            except OamKitError as error:
                copies[api_version, kind] = error
                return
            if resource is None:
                copies[api_version, kind] = OamKitError(
                    f"no matches for kind {quoted(kind)} in version {quoted(api_version)}"
                )
                return
            copies[api_version, kind] = self._workloads.use(resource, key)
            await self._workloads.tried(resource, key)

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(open_one(*kind) for kind in sorted(kinds)))
        found = {copy.resource for copy in copies.values() if isinstance(copy, Informer)}
        self._workloads.keep(key, found)
        return HealthView(key, copies, lambda thing: self._uses.add(key, [thing]))

    async def _write(self, scope: Object, healths: Sequence[Health]) -> None:
        before = scope.get("status") or {}
        status = health_status(before, healths)
        if status == before:
            return
        try:
            written = await self._client.update_status(
                HEALTH_SCOPES, {**scope, "status": status}, field_manager=FIELD_MANAGER
            )
        except ApiError as error:
            raise ApiError(
                f"cannot update health scope status: {error.message}",
                status=error.status,
                reason=error.reason,
            ) from error
        self._scopes.written(scope, written)
        # The 2020 controller tells this on every pass; here it means that something changed.
        self._events.emit(
            HEALTH_SCOPES, scope, "Normal", "HealthCheck", "Successfully ran health check"
        )

    def _changed(
        self, resource: Resource, _: EventType, old: Object | None, new: Object | None
    ) -> None:
        if old is not None and new is not None and judged(old) == judged(new):
            return
        for obj in (old, new):
            if obj is not None:
                for thing in things(resource, obj):
                    for scope in self._uses.of(thing):
                        self._queue.add(scope)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int) and value > 0 else SECONDS
