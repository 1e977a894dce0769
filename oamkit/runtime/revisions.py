"""Keeps the revisions of Components (contract 4): one ControllerRevision for each spec that a Component had."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from oamkit.errors import ApiError, ClusterError, OamKitError
from oamkit.kube import Client, Informer, Key, Object
from oamkit.oam import ApplicationConfiguration, revisions
from oamkit.oam.kinds import FIELD_MANAGER, LABEL_REVISION_COMPONENT
from oamkit.oam.shape import quoted
from oamkit.runtime import shared
from oamkit.runtime.kinds import COMPONENTS, CONTROLLER_REVISIONS

__all__ = ["RevisionReconciler"]

log = logging.getLogger(__name__)


class RevisionReconciler:
    """Records what Components say.

    Applications wait until the Component that they use is recorded: else they would make the workload of the old revision from
    the new spec. What they would wait for in vain is told by :meth:`fault`.

    Args:
        client: The open client.
        components: The local copy of all Components.
        apps: The local copy of all applications.
        limit: How many revisions of a Component are kept, besides those that applications pin.
        changed: Called with a Component's key and its newest revision's name when its applications should have a look;
            with ``""`` when it can't be recorded.
    """

    def __init__(
        self,
        client: Client,
        components: Informer,
        apps: Informer,
        *,
        limit: int,
        changed: Callable[[Key, str], None],
    ) -> None:
        self._client = client
        self._components = components
        self._apps = apps
        self._limit = limit
        self._changed = changed
        self._faults: dict[Key, OamKitError] = {}

    def fault(self, key: Key) -> OamKitError | None:
        """Why a Component that isn't recorded couldn't be; ``None`` if that just takes a moment."""
        return self._faults.get(key)

    async def reconcile(self, key: Key) -> bool:
        """Record one Component; returns whether that is done.

        Raises:
            ClusterError: The API server doesn't answer.
        """
        component = self._components.items.get(key)
        if component is None or revisions.is_recorded(component):
            self._faults.pop(key, None)
            return True
        try:
            name = await self._record(component)
        except ClusterError:
            raise
        except OamKitError as error:
            if isinstance(error, ApiError) and error.status in (404, 409):
                # Changed or gone in the meantime, which the watch tells, or soon will.
                return False
            fault = OamKitError(
                f"cannot record a revision of component {quoted(key[1])}: {error.message}",
                hint=error.hint,
            )
            log.warning("%s/%s: %s", *key, fault.message)
            before = self._faults.get(key)
            self._faults[key] = fault
            if before is None or before.message != fault.message:
                self._changed(key, "")
            return False
        self._faults.pop(key, None)
        self._changed(key, name)
        return True

    async def _record(self, component: Object) -> str:
        latest = await self._latest(component)
        if latest is None or not revisions.holds_spec_of(latest, component):
            number = revisions.base_number(component, latest) + 1
            latest = await self._made(component, number)
        name, number = latest["metadata"]["name"], latest["revision"]
        await self._write(component, revisions.recorded(component, name, number))
        if number > self._limit:
            await self._retire(component)
        return str(name)

    async def _write(self, component: Object, wanted: Object) -> None:
        """Write the status. Who labels the Component again and again mustn't hold it up for ever."""
        try:
            written = await self._client.update_status(
                COMPONENTS, wanted, field_manager=FIELD_MANAGER
            )
        except ApiError as error:
            if error.status != 409:
                raise
        else:
            self._components.written(component, written)
            return
        try:
            await shared.change(
                self._client,
                COMPONENTS,
                component,
                wanted,
                same=("uid", "generation"),
                subresource="status",
            )
        except ApiError as error:
            if error.status not in shared.CONFLICTS:
                raise
            raise ApiError(error.message, status=409, reason="Conflict") from error

    async def _latest(self, component: Object) -> Object | None:
        latest = (component.get("status") or {}).get("latestRevision")
        return await self._read(latest["name"], component) if latest else None

    async def _made(self, component: Object, number: int) -> Object:
        """Return the revision of the Component's spec, made now or by an earlier attempt of which the status doesn't know."""
        while True:
            revision = revisions.revision_of(component, number)
            try:
                return await self._client.create(
                    CONTROLLER_REVISIONS, revision, field_manager=FIELD_MANAGER
                )
            except ApiError as error:
                if error.status != 409:
                    raise
            name = revision["metadata"]["name"]
            existing = await self._read(name, component)
            if existing is None:
                continue
            if not revisions.belongs_to(existing, component):
                raise OamKitError(
                    f"the ControllerRevision {quoted(name)} belongs to something else",
                    hint="That of a deleted Component goes by itself; delete any other one.",
                )
            if revisions.holds_spec_of(existing, component):
                return existing
            number += 1

    async def _read(self, name: str, component: Object) -> Object | None:
        try:
            return await self._client.get(
                CONTROLLER_REVISIONS, name, component["metadata"]["namespace"]
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _retire(self, component: Object) -> None:
        """Delete what is over the limit; what fails is left to the next revision."""
        metadata = component["metadata"]
        try:
            listed = await self._client.list(
                CONTROLLER_REVISIONS,
                metadata["namespace"],
                label_selector=f"{LABEL_REVISION_COMPONENT}={metadata['name']}",
            )
            ours = [item for item in listed["items"] if revisions.belongs_to(item, component)]
            uids = {item["metadata"]["name"]: item["metadata"]["uid"] for item in ours}
            live = revisions.pinned(self._applications(metadata["namespace"]))
            for name in revisions.surplus(ours, self._limit, live):
                await self._client.delete(
                    CONTROLLER_REVISIONS, name, metadata["namespace"], uid=uids[name]
                )
        except OamKitError as error:
            log.warning("old revisions of %s stay: %s", metadata["name"], error.message)

    def _applications(self, namespace: str) -> Iterable[ApplicationConfiguration]:
        for (place, _), obj in self._apps.items.items():
            if place == namespace:
                # Without its status, which says nothing of revisions that are wanted.
                yield ApplicationConfiguration.parse({**obj, "status": {}})
