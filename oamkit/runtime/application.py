"""The controller of ApplicationConfigurations: one pass makes the cluster what one application says (contract 2)."""

from __future__ import annotations

from oamkit.errors import ClusterError, OamKitError
from oamkit.kube import Client, Discovery, Informer, Key, Object
from oamkit.oam import (
    ApplicationConfiguration,
    Flow,
    Plan,
    RenderedComponent,
    RenderedTrait,
    World,
    failed,
    flow,
    garbage,
    history_labels,
    history_of,
    left_memberships,
    needs,
    render,
    succeeded,
)
from oamkit.oam.conditions import CONVERTED
from oamkit.oam.kinds import FIELD_MANAGER
from oamkit.oam.resolve import component_key
from oamkit.oam.revisions import is_recorded
from oamkit.runtime.applier import Applier
from oamkit.runtime.events import EventRecorder, EventType, now
from oamkit.runtime.facts import Facts
from oamkit.runtime.finalizer import ScopeFinalizer
from oamkit.runtime.hooks import Hooks
from oamkit.runtime.kinds import APPLICATION_CONFIGURATIONS
from oamkit.runtime.passes import PassFailedError, wrapping
from oamkit.runtime.revisions import RevisionReconciler
from oamkit.runtime.scopes import ScopeWriter
from oamkit.runtime.stores import StoreWriter

__all__ = ["ApplicationReconciler"]


class ApplicationReconciler:
    """Works on one application at a time for each caller; it holds no state of a pass.

    Args:
        client: The open client.
        discovery: The kinds that are served.
        informer: The local copy of all ApplicationConfigurations.
        facts: What rendering needs.
        applier: Writes objects.
        events: Tells what was done.
        revisions: Records Components.
        hooks: Run before and after each pass.
    """

    def __init__(
        self,
        client: Client,
        discovery: Discovery,
        informer: Informer,
        facts: Facts,
        applier: Applier,
        events: EventRecorder,
        revisions: RevisionReconciler,
        hooks: Hooks,
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._informer = informer
        self._facts = facts
        self._applier = applier
        self._events = events
        self._revisions = revisions
        self._hooks = hooks
        self._scopes = ScopeWriter(client, discovery)
        self._stores = StoreWriter(client, discovery)
        self._finalizer = ScopeFinalizer(client, facts, self._scopes)

    async def reconcile(self, key: Key) -> bool | float:
        """Make one pass.

        Args:
            key: The application's namespace and name.

        Returns:
            Whether it reached its end; if not, it should come again after a pause, or after as many seconds as a hook wants.

        Raises:
            ClusterError: The API server doesn't answer.
            ApiError: The status can't be written.
        """
        obj = self._informer.items.get(key)
        if obj is None:
            self._facts.forget(key)
            await self._applier.reap(key)
            return True
        status = obj.get("status") or {}
        # What the API server doesn't check is read within the pass, so that a fault in it ends up in the status.
        bare = ApplicationConfiguration.parse({**obj, "spec": {}, "status": {}})
        try:
            if obj["metadata"].get("deletionTimestamp"):
                await self._finalizer.let_go(key, obj)
                return True
            if await self._finalizer.add_if_needed(obj):
                return True
            new, outcome = await self._hooked_pass(key, obj, bare)
        except PassFailedError as error:
            new, outcome = self._failed(obj, bare, status, error)
        if new is not None:
            await self._write_status(obj, new)
        return outcome

    async def _hooked_pass(
        self, key: Key, obj: Object, bare: ApplicationConfiguration
    ) -> tuple[Object | None, bool | float]:
        """Make a pass between its hooks; returns the status to write, and the pass's outcome."""
        outcome: bool | float = True
        status = obj.get("status") or {}
        try:
            await self._hooks.before(obj)
            new = await self._pass(key, obj)
        except PassFailedError as error:
            new, outcome = self._failed(obj, bare, status, error)
        try:
            await self._hooks.after(obj)
        except PassFailedError as error:
            ended = status if new is None else new
            error.unsatisfied = ended.get("dependency", {}).get("unsatisfied", ())
            return self._failed(obj, bare, ended, error)
        return new, outcome

    def _failed(
        self, obj: Object, bare: ApplicationConfiguration, status: Object, error: PassFailedError
    ) -> tuple[Object, bool | float]:
        self._emit(obj, "Warning", error.reason, error.cause.message)
        new = failed(bare, status, error.message, now=now(), unsatisfied=error.unsatisfied)
        return new, False if error.retry_after is None else error.retry_after

    async def _pass(self, key: Key, obj: Object) -> Object | None:
        """Return the status to write; ``None`` if a Component's revision must be recorded first, which makes the next pass."""
        try:
            app = ApplicationConfiguration.parse(obj)
            world = await self._facts.gather(key, app, lambda world: needs(app, world))
            if self._waits_for_revision(app, world):
                return None
            passed = flow(app, render(app, world), world)
        except ClusterError:
            raise
        except OamKitError as error:
            raise PassFailedError(
                "CannotRenderComponents", "cannot render components", error
            ) from error
        plan = passed.plan
        self._tell_conversions(obj, plan)
        try:
            changed = await self._apply(key, app, passed, world)
        except ClusterError:
            raise
        except OamKitError as error:
            raise PassFailedError(
                "CannotApplyComponents", "cannot apply components", error, passed.unsatisfied
            ) from error
        if changed:
            # The 2020 controller tells these two on every pass; here they mean that something happened.
            self._emit(obj, "Normal", "RenderedComponents", "Successfully rendered components")
            self._emit(obj, "Normal", "AppliedComponents", "Successfully applied components")
        await self._collect_garbage(obj, app, plan)
        await self._applier.keep(key, [part.reference for part in plan.parts()])
        return succeeded(
            app,
            obj.get("status") or {},
            plan,
            now=now(),
            history=await self._history(key, app, plan),
            unsatisfied=passed.unsatisfied,
        )

    def _waits_for_revision(self, app: ApplicationConfiguration, world: World) -> bool:
        waits = False
        for entry in app.components:
            component = world.objects.get(component_key(app, entry))
            if entry.revision_name or not isinstance(component, dict) or is_recorded(component):
                continue
            waits = True
            fault = self._revisions.fault((app.namespace, entry.name))
            if fault is not None:
                raise fault
        return waits

    async def _apply(
        self, key: Key, app: ApplicationConfiguration, passed: Flow, world: World
    ) -> bool:
        changed = False
        for component in passed.plan.components:
            with wrapping("cannot apply workload", component.reference.name):
                changed |= await self._apply_part(key, app, passed, component)
            for trait in component.traits:
                ref = trait.reference
                with wrapping("cannot apply trait", ref.api_version, ref.kind, ref.name):
                    changed |= await self._apply_part(key, app, passed, trait)
            for scope in component.scopes:
                ref = scope.reference
                with wrapping("cannot apply scope", ref.api_version, ref.kind, ref.name):
                    changed |= await self._scopes.join(
                        world, app.namespace, scope, component.reference
                    )
        for membership in left_memberships(app, passed.plan):
            ref = membership.scope
            with wrapping("cannot apply scope", ref.api_version, ref.kind, ref.name):
                changed |= await self._scopes.leave(world, app.namespace, membership)
        return changed

    async def _apply_part(
        self,
        key: Key,
        app: ApplicationConfiguration,
        passed: Flow,
        part: RenderedComponent | RenderedTrait,
    ) -> bool:
        changed = False
        if part.field in passed.waiting:
            await self._applier.follow(key, part.obj)
        else:
            changed = await self._applier.apply(key, app, part.obj)
        for write in passed.stores.get(part.field, ()):
            changed |= await self._stores.write(write, app.namespace)
        return changed

    async def _collect_garbage(
        self, obj: Object, app: ApplicationConfiguration, plan: Plan
    ) -> None:
        for ref in garbage(app, plan):
            try:
                deleted = await self._applier.delete(app, ref)
            except ClusterError:
                raise
            except OamKitError as error:
                raise PassFailedError(
                    "CannotGarbageCollectComponents", "cannot garbage collect components", error
                ) from error
            if deleted:
                self._emit(
                    obj,
                    "Normal",
                    "GarbageCollectedComponent",
                    "Successfully garbage collected component",
                    {"kind": ref.kind, "name": ref.name},
                )

    async def _history(self, key: Key, app: ApplicationConfiguration, plan: Plan) -> list[Object]:
        entries: list[Object] = []
        for component in plan.components:
            ref = component.reference
            resource = await self._discovery.resource_for(ref.api_version, ref.kind)
            if component.revision_enabled and resource is not None:
                wanted = history_labels(app, component).items()
                live = [
                    child
                    for child in self._applier.live(key, resource)
                    if wanted <= (child["metadata"].get("labels") or {}).items()
                ]
                entries += history_of(component, live)
        return entries

    async def _write_status(self, obj: Object, status: Object) -> None:
        """Write the status if it is another one, on condition that nobody else wrote the object since it was read."""
        if status == (obj.get("status") or {}):
            return
        written = await self._client.update_status(
            APPLICATION_CONFIGURATIONS, {**obj, "status": status}, field_manager=FIELD_MANAGER
        )
        self._informer.written(obj, written)

    def _tell_conversions(self, obj: Object, plan: Plan) -> None:
        told = {
            line
            for condition in (obj.get("status") or {}).get("conditions") or ()
            if condition.get("type") == CONVERTED
            for line in condition.get("message", "").splitlines()
        }
        for conversion in plan.conversions():
            if str(conversion) not in told:
                self._emit(obj, "Normal", "ConvertedAPIVersion", str(conversion))

    def _emit(
        self,
        obj: Object,
        kind: EventType,
        reason: str,
        message: str,
        annotations: dict[str, str] | None = None,
    ) -> None:
        self._events.emit(APPLICATION_CONFIGURATIONS, obj, kind, reason, message, annotations)
