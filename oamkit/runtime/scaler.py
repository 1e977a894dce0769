"""The controller of ManualScalerTraits (contract 7): it gives workloads, or what they are made of, a number.

What makes a trait's next pass: a change of its spec; an object to scale that comes, the workload itself or a child of it; a
change of a WorkloadDefinition. That somebody changes the number by hand doesn't: an autoscaler may.
"""

from __future__ import annotations

from collections import Counter

from oamkit.errors import ApiError, ClusterError, OamKitError
from oamkit.kube import Discovery, EventType, Informer, Key, Object, Resource, key_of
from oamkit.oam import scaling
from oamkit.oam.conditions import set_condition, synced
from oamkit.oam.kinds import FIELD_MANAGER, LABEL_APP
from oamkit.oam.shape import quoted
from oamkit.runtime.events import EventRecorder, now
from oamkit.runtime.events import EventType as Severity
from oamkit.runtime.kinds import CRDS, MANUAL_SCALER_TRAITS, WORKLOAD_DEFINITIONS
from oamkit.runtime.onekind import OneKindController
from oamkit.runtime.owners import emit_at_application
from oamkit.runtime.passes import PassFailedError
from oamkit.runtime.uses import Uses
from oamkit.runtime.watches import Watches
from oamkit.runtime.working import Context, lean

__all__ = ["ManualScalerController"]

PATIENCE = 3
"""How many passes wait in silence for the first child of a workload: its controller has just begun, too."""

Candidate = tuple[Resource, Object]


class ManualScalerController(OneKindController):
    """Reconciles ManualScalerTraits; see :class:`oamkit.runtime.onekind.OneKindController`.

    Args:
        context: What it works with.
    """

    name = "manualscalertrait"
    workers = 2

    def __init__(self, context: Context) -> None:
        client, namespace = context.client, context.namespace
        self._client = client
        self._discovery = Discovery(client)
        self._traits = Informer(client, MANUAL_SCALER_TRAITS, namespace=namespace, transform=lean)
        self._definitions = Informer(client, WORKLOAD_DEFINITIONS, transform=lean)
        self._candidates: Watches[Key] = Watches(
            client,
            self._candidate_changed,
            namespace=namespace,
            label_selector=LABEL_APP,
            transform=_bare,
        )
        self._uses: Uses[Key, object] = Uses()
        self._early: Counter[Key] = Counter()
        self._with_scale: set[Resource] = set()
        super().__init__(
            context,
            self._traits,
            self._definitions,
            watches=self._candidates,
            events=EventRecorder(client, "ManualScalarTrait", context.instance),
        )
        self._traits.subscribe(self._changed)
        self._definitions.subscribe(self._definition_changed)

    async def reconcile(self, key: Key) -> bool:
        """Make one pass; returns whether it reached its end.

        Raises:
            ClusterError: The API server doesn't answer.
            ApiError: The status can't be written.
        """
        trait = self._traits.items.get(key)
        if trait is None or trait["metadata"].get("deletionTimestamp"):
            self._uses.replace(key, ())
            self._candidates.keep(key, set())
            self._early.pop(key, None)
            return True
        try:
            changed = await self._scale(key, trait)
        except PassFailedError as error:
            self._emit(trait, "Warning", error.reason, error.cause.message)
            await self._write_status(trait, error.message)
            return False
        if changed is None:
            return False
        self._early.pop(key, None)
        if changed:
            name, count = key[1], trait["spec"]["replicaCount"]
            message = f"Trait `{name}` successfully scaled a resource to {count} instances"
            self._emit(trait, "Normal", "Manual scalar applied", message)
        await self._write_status(trait)
        return True

    async def _scale(self, key: Key, trait: Object) -> bool | None:
        """Scale all that can be; returns whether something had to be changed, ``None`` if nothing is there to scale yet."""
        resource, workload = await self._workload(key, trait)
        kinds, owned = await self._children(key, resource, workload)
        found = owned or [(resource, workload)]
        can = [(each, path) for each in found if (path := await self._replicas_path(each[0]))]
        if not can:
            self._early[key] += 1
            if kinds and not owned and self._early[key] <= PATIENCE:
                return None
            names = ", ".join(
                f"{each.kind} {quoted(obj['metadata']['name'])}" for each, obj in found
            )
            raise _failed("cannot scale the resource", OamKitError(f"{names}: no spec.replicas"))
        changed = False
        for (each, obj), path in can:
            try:
                if scaling.is_scaled(obj, trait, path):
                    continue
                wanted = scaling.scaled(obj, trait, path)
            except OamKitError as error:
                raise _failed("cannot patch the resource for scale", error) from error
            try:
                await self._client.apply(
                    each, wanted, field_manager=trait["metadata"]["uid"], force=True
                )
            except ApiError as error:
                raise _failed("cannot scale the resource", error) from error
            changed = True
        return changed

    async def _workload(self, key: Key, trait: Object) -> Candidate:
        try:
            ref = scaling.workload_of(trait)
            resource = await self._resource(ref.api_version, ref.kind)
            # Noted and watched before it is read: no change in between is missed.
            self._uses.replace(key, [(resource, key[0], ref.name)])
            await self._candidates.tried(resource, key)
            return resource, await self._client.get(resource, ref.name, key[0])
        except ClusterError:
            raise
        except OamKitError as error:
            outer = "cannot find the workload that the trait is referencing to"
            raise _failed(outer, error) from error

    async def _children(
        self, key: Key, resource: Resource, workload: Object
    ) -> tuple[bool, list[Candidate]]:
        """Return whether the workload's definition names kinds of children, and the children."""
        watched = {resource}
        found: list[Candidate] = []
        try:
            name = scaling.workload_definition_name(workload, resource.plural)
            kinds = scaling.child_kinds(self._definitions.items.get(("", name)))
            self._uses.add(key, [workload["metadata"]["uid"]])
            for child in kinds:
                kind = await self._resource(child.api_version, child.kind)
                watched.add(kind)
                await self._candidates.tried(kind, key)
                selector = ",".join(f"{label}={value}" for label, value in child.selector.items())
                listed = await self._client.list(kind, key[0], label_selector=selector)
                found += [(kind, obj) for obj in listed["items"] if scaling.is_child(obj, workload)]
        except ClusterError:
            raise
        except OamKitError as error:
            raise _failed("failed to fetch workload child resources", error) from error
        self._candidates.keep(key, watched)
        return bool(kinds), found

    async def _resource(self, api_version: str, kind: str) -> Resource:
        found = await self._discovery.resource_for(api_version, kind)
        if found is None:
            raise OamKitError(
                f"no matches for kind {quoted(kind)} in version {quoted(api_version)}"
            )
        return found

    async def _replicas_path(self, resource: Resource) -> str:
        """Where a kind keeps its number, ``""`` if it has none: by its CRD, else by its ``scale`` subresource."""
        if resource in self._with_scale:
            return scaling.REPLICAS
        try:
            if resource.group:
                try:
                    crd = await self._client.get(CRDS, f"{resource.plural}.{resource.group}")
                except ApiError as error:
                    if error.status != 404:
                        raise
                else:
                    return scaling.replicas_path(crd, resource.version)
            root = resource.path().rpartition("/")[0]
            served = (await self._client.request("GET", root)).get("resources") or ()
        except ApiError as error:
            raise _failed("failed to query openAPI", error) from error
        if any(each["name"] == f"{resource.plural}/scale" for each in served):
            self._with_scale.add(resource)
            return scaling.REPLICAS
        return ""

    async def _write_status(self, trait: Object, error: str = "") -> None:
        status = trait.get("status") or {}
        conditions = set_condition(status.get("conditions") or [], synced(error), now())
        if conditions == status.get("conditions"):
            return
        written = await self._client.update_status(
            MANUAL_SCALER_TRAITS,
            {**trait, "status": {**status, "conditions": conditions}},
            field_manager=FIELD_MANAGER,
        )
        self._traits.written(trait, written)

    def _changed(self, _: EventType, old: Object | None, new: Object | None) -> None:
        if old is None or new is None or old["spec"] != new["spec"]:
            self._queue.add(key_of(new or old or {}))

    def _definition_changed(self, _: EventType, old: Object | None, new: Object | None) -> None:
        if old is None or new is None or old["spec"] != new["spec"]:
            for key in self._traits.items:
                self._queue.add(key)

    def _candidate_changed(
        self, resource: Resource, kind: EventType, _: Object | None, new: Object | None
    ) -> None:
        if kind != "ADDED" or new is None:
            return
        namespace, name = key_of(new)
        things: list[object] = [(resource, namespace, name)]
        things += [owner["uid"] for owner in new["metadata"].get("ownerReferences") or ()]
        for thing in things:
            for key in self._uses.of(thing):
                self._queue.add(key)

    def _emit(self, trait: Object, kind: Severity, reason: str, message: str) -> None:
        emit_at_application(self._events, MANUAL_SCALER_TRAITS, trait, kind, reason, message)


def _failed(outer: str, error: OamKitError) -> PassFailedError:
    return PassFailedError(outer, outer, error)


def _bare(obj: Object) -> Object:
    kept = ("name", "namespace", "uid", "resourceVersion", "ownerReferences")
    return {"metadata": {key: obj["metadata"][key] for key in kept if key in obj["metadata"]}}
