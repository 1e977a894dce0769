"""The controller of ContainerizedWorkloads (contract 6): each becomes a Deployment and a Service.

What makes a workload's next pass: a change of itself, or of an object that it made, if that isn't any more what was applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from oamkit.errors import ApiError, ClusterError, OamKitError
from oamkit.kube import EventType, Informer, Key, Object, Resource, key_of
from oamkit.oam.conditions import set_condition, synced
from oamkit.oam.containerized import LABEL_WORKLOAD, Translation, config_maps, translate
from oamkit.oam.kinds import CONTAINERIZED_WORKLOAD, FIELD_MANAGER, TypedReference
from oamkit.runtime import children
from oamkit.runtime.events import EventRecorder, now
from oamkit.runtime.events import EventType as Severity
from oamkit.runtime.kinds import (
    CONFIG_MAPS,
    CONTAINERIZED_WORKLOADS,
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    SERVICES,
)
from oamkit.runtime.ledger import Ledger, Place
from oamkit.runtime.onekind import OneKindController
from oamkit.runtime.owners import emit_at_application
from oamkit.runtime.passes import PassFailedError
from oamkit.runtime.reaping import reap
from oamkit.runtime.watches import Watches
from oamkit.runtime.working import Context, lean

__all__ = ["ContainerizedWorkloadController"]


@dataclass
class _Pass:
    """What one pass makes."""

    key: Key
    workload: Object
    made: list[tuple[Resource, Object]] = field(default_factory=list)

    @property
    def places(self) -> set[Place]:
        return {(resource, obj["metadata"]["name"]) for resource, obj in self.made}


class ContainerizedWorkloadController(OneKindController):
    """Reconciles ContainerizedWorkloads; see :class:`oamkit.runtime.onekind.OneKindController`.

    Args:
        context: What it works with.
    """

    name = "containerizedworkload"
    workers = 4

    def __init__(self, context: Context) -> None:
        client, namespace = context.client, context.namespace
        self._client = client
        self._workloads = Informer(
            client,
            CONTAINERIZED_WORKLOADS,
            namespace=namespace,
            resync=context.resync,
            transform=lean,
        )
        self._keys: dict[str, Key] = {}
        self._children: Watches[Key] = Watches(
            client,
            self._child_changed,
            namespace=namespace,
            label_selector=LABEL_WORKLOAD,
            transform=children.project_by_controller,
        )
        self._ledger = Ledger()
        events = EventRecorder(client, "ContainerizedWorkload", context.instance)
        super().__init__(context, self._workloads, watches=self._children, events=events)
        self._workloads.subscribe(self._changed)

    async def reconcile(self, key: Key) -> bool:
        """Make one pass; returns whether it reached its end.

        Raises:
            ClusterError: The API server doesn't answer.
            ApiError: The status can't be written.
        """
        workload = self._workloads.items.get(key)
        if workload is None or workload["metadata"].get("deletionTimestamp"):
            if workload is None:
                await reap(self._client, self._children, self._ledger, key, CONTAINERIZED_WORKLOAD)
            self._ledger.forget(key)
            self._children.keep(key, set())
            return True
        status = workload.get("status") or {}
        conditions = status.get("conditions") or []
        try:
            this = await self._make(key, workload)
        except PassFailedError as error:
            self._emit(workload, "Warning", error.reason, error.cause.message)
            failed = set_condition(conditions, synced(error.message), now())
            await self._write_status(workload, {**status, "conditions": failed})
            return False
        references = [
            TypedReference(
                resource.api_version,
                resource.kind,
                obj["metadata"]["name"],
                obj["metadata"]["uid"],
            ).to_dict()
            for resource, obj in this.made
            if resource in (DEPLOYMENTS, SERVICES)
        ]
        new = {
            **status,
            "conditions": set_condition(conditions, synced(), now()),
            "resources": references,
        }
        await self._write_status(workload, new)
        return True

    async def _make(self, key: Key, workload: Object) -> _Pass:
        try:
            translation = translate(workload)
        except OamKitError as error:
            outer = "cannot render workload"
            raise PassFailedError(outer, outer, error) from error
        this = _Pass(key, workload)
        await self._make_objects(this, translation)
        try:
            await self._clean_up(this)
        except ClusterError:
            raise
        except OamKitError as error:
            self._emit(workload, "Warning", "cannot clean up", error.message)
        self._ledger.keep(key, this.places)
        used = {resource for resource, _ in this.made}
        self._children.keep(key, used | {DEPLOYMENTS, SERVICES, CONFIG_MAPS})
        return this

    async def _make_objects(self, this: _Pass, translation: Translation) -> None:
        uid = this.workload["metadata"]["uid"]
        for claim in translation.claims:
            await self._apply(this, PERSISTENT_VOLUME_CLAIMS, claim, uid)
        deployment = await self._apply(this, DEPLOYMENTS, translation.deployment, uid)
        owner = deployment["metadata"]["uid"]
        for obj in config_maps(this.workload, translation, owner):
            await self._apply(this, CONFIG_MAPS, obj, owner)
        if translation.service is not None:
            await self._apply(this, SERVICES, translation.service, uid)

    async def _apply(self, this: _Pass, resource: Resource, obj: Object, manager: str) -> Object:
        """Make one object what it should be; the UID of its controller is the field manager."""
        name = obj["metadata"]["name"]
        place = resource, name
        live = (await self._children.tried(resource, this.key)).items.get((this.key[0], name))
        if live is None or not self._ledger.stands(this.key, place, obj, live):
            what = "claim" if resource is PERSISTENT_VOLUME_CLAIMS else resource.kind.lower()
            try:
                written = await self._client.apply(resource, obj, field_manager=manager, force=True)
            except ApiError as error:
                outer = f"cannot apply the {what}"
                raise PassFailedError(outer, outer, error) from error
            child = children.project_by_controller(written)
            self._ledger.note(this.key, place, obj, child)
            before = live["metadata"]["resourceVersion"] if live is not None else ""
            if child["metadata"]["resourceVersion"] != before:
                self._emit(
                    this.workload,
                    "Normal",
                    f"{resource.kind} created",  # no message
                    f"Workload `{this.key[1]}` successfully server side patched a {what} `{name}`",
                )
            live = child
        this.made.append((resource, live))
        return live

    async def _clean_up(self, this: _Pass) -> None:
        """Delete the Services and ConfigMaps that the workload doesn't need any more. Claims hold data: they stay."""
        namespace, _ = this.key
        for resource in (SERVICES, CONFIG_MAPS):
            copy = await self._children.tried(resource, this.key)
            for (place, name), obj in list(copy.items.items()):
                metadata = obj["metadata"]
                if (
                    place == namespace
                    and (resource, name) not in this.places
                    and "deletionTimestamp" not in metadata
                    and metadata["labels"][LABEL_WORKLOAD] == this.workload["metadata"]["uid"]
                    and self._is_ours(this, obj)
                ):
                    await self._delete(resource, name, namespace, metadata["uid"])

    @staticmethod
    def _is_ours(this: _Pass, obj: Object) -> bool:
        controller = children.controller_of(obj)
        owners = {this.workload["metadata"]["uid"]} | {
            made["metadata"]["uid"] for resource, made in this.made if resource is DEPLOYMENTS
        }
        return controller is not None and controller["uid"] in owners

    async def _delete(self, resource: Resource, name: str, namespace: str, uid: str) -> None:
        try:
            await self._client.delete(resource, name, namespace, uid=uid)
        except ApiError as error:
            if error.status not in (404, 409):  # gone, or another one of this name by now
                raise

    async def _write_status(self, workload: Object, status: Object) -> None:
        if status == (workload.get("status") or {}):
            return
        written = await self._client.update_status(
            CONTAINERIZED_WORKLOADS, {**workload, "status": status}, field_manager=FIELD_MANAGER
        )
        self._workloads.written(workload, written)

    def _changed(self, _: EventType, old: Object | None, new: Object | None) -> None:
        key = key_of(new or old or {})
        if old is not None:
            self._keys.pop(old["metadata"]["uid"], None)
        if new is not None:
            self._keys[new["metadata"]["uid"]] = key
        self._queue.add(key)

    def _child_changed(
        self, resource: Resource, _: EventType, old: Object | None, new: Object | None
    ) -> None:
        for obj in (old, new):
            uid = (obj or {"metadata": {}})["metadata"].get("labels", {}).get(LABEL_WORKLOAD, "")
            key = self._keys.get(uid)
            if key is not None and (
                new is None or self._ledger.is_news(key, (resource, new["metadata"]["name"]), new)
            ):
                self._queue.add(key)

    def _emit(self, workload: Object, kind: Severity, reason: str, message: str) -> None:
        emit_at_application(self._events, CONTAINERIZED_WORKLOADS, workload, kind, reason, message)
