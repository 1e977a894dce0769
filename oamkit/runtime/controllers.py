"""The controller of applications: what it watches, its queue, and its workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from oamkit.errors import ApiError, ClusterError
from oamkit.kube import Discovery, EventType, Informer, Key, Object, Resource, key_of
from oamkit.oam import KindKey, ObjectKey
from oamkit.oam.kinds import LABEL_APP
from oamkit.oam.revisions import CONTROLLER_REVISION, is_recorded
from oamkit.runtime import children
from oamkit.runtime.application import ApplicationReconciler
from oamkit.runtime.applier import Applier
from oamkit.runtime.events import EventRecorder
from oamkit.runtime.facts import Facts
from oamkit.runtime.kinds import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CRDS,
    DEFINITIONS,
    WORKLOAD_DEFINITIONS,
)
from oamkit.runtime.queue import WorkQueue
from oamkit.runtime.revisions import RevisionReconciler
from oamkit.runtime.watches import Watches
from oamkit.runtime.working import Context, awaited, lean, work

__all__ = ["ApplicationController"]

log = logging.getLogger(__name__)

WORKERS = 8
"""How many applications are worked on at the same time: a pass waits for the API server most of its time."""
RECORDERS = 4
"""How many Components are recorded at the same time."""


class ApplicationController:
    """Reconciles ApplicationConfigurations.

    Components are recorded here too (contract 4): their applications wait for it.

    What makes an application's next pass: a change of itself; of a Component, definition, scope, data store or kind that
    its last pass asked for, found or not; of an object that it made, if that isn't any more what was applied or gives data; the safety net ``resync``.

    Args:
        context: What it works with.
    """

    name: Final = "applicationconfiguration"

    def __init__(self, context: Context) -> None:
        client, namespace = context.client, context.namespace
        self._metrics = context.metrics
        self._discovery = Discovery(client)
        self._queue: WorkQueue[Key] = WorkQueue()
        self._unrecorded: WorkQueue[Key] = WorkQueue()
        self._apps = Informer(
            client,
            APPLICATION_CONFIGURATIONS,
            namespace=namespace,
            resync=context.resync,
            transform=lean,
        )
        self._components = Informer(client, COMPONENTS, namespace=namespace, transform=lean)
        self._parts = [
            self._components,
            *(
                Informer(client, resource, transform=lean)
                for resource in (*DEFINITIONS, WORKLOAD_DEFINITIONS)
            ),
        ]
        self._crds = Informer(client, CRDS, transform=_lean_crd)
        self._scopes: Watches[Key] = Watches(
            client, self._scope_changed, namespace=namespace, transform=lean
        )
        self._children: Watches[Key] = Watches(
            client,
            self._child_changed,
            namespace=namespace,
            label_selector=LABEL_APP,
            transform=children.project,
        )
        self._stores: Watches[Key] = Watches(
            client, self._fact_changed, namespace=namespace, transform=_bare
        )
        self._facts = Facts(
            client, self._discovery, self._parts, self._scopes, self._stores, context.templates
        )
        self._events = EventRecorder(client, f"oam/{self.name}.core.oam.dev", context.instance)
        self._applier = Applier(
            client,
            self._discovery,
            self._children,
            self._events,
            once=context.apply_once_only,
        )
        self._revisions = RevisionReconciler(
            client,
            self._components,
            self._apps,
            limit=context.revision_limit,
            changed=self._revision_changed,
        )
        self._reconciler = ApplicationReconciler(
            client,
            self._discovery,
            self._apps,
            self._facts,
            self._applier,
            self._events,
            self._revisions,
            context.hooks,
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """See :meth:`Controller.run`."""
        self._apps.subscribe(lambda _, old, new: self._queue.add(key_of(new or old or {})))
        self._components.subscribe(self._component_changed)
        for informer in self._parts[1:]:
            informer.subscribe(self._follow(informer.resource))
        self._crds.subscribe(self._crd_changed)
        informers = [self._apps, *self._parts, self._crds]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._events.run())
                for informer in informers:
                    group.create_task(informer.run())
                # Not before all parts are known: else an application would be told that its Components are missing.
                for informer in [self._apps, *self._parts]:
                    await informer.synced.wait()
                for _ in range(RECORDERS):
                    group.create_task(
                        work(
                            COMPONENTS.kind.lower(),
                            self._unrecorded,
                            self._revisions.reconcile,
                            self._components,
                            self._metrics,
                        )
                    )
                for _ in range(WORKERS):
                    group.create_task(
                        work(
                            self.name,
                            self._queue,
                            self._reconciler.reconcile,
                            self._apps,
                            self._metrics,
                        )
                    )
        finally:
            self._queue.close()
            self._unrecorded.close()
            await self._children.close()
            await self._scopes.close()
            await self._stores.close()

    def not_ready(self) -> str:
        """See :meth:`Controller.not_ready`."""
        return awaited(self._apps, *self._parts)

    def depth(self) -> int:
        """See :meth:`Controller.depth`."""
        return len(self._queue) + len(self._unrecorded)

    async def finish(self) -> None:
        """See :meth:`Controller.finish`."""
        await asyncio.gather(self._queue.finish(), self._unrecorded.finish())
        await self._events.drain()

    def _follow(
        self, resource: Resource
    ) -> Callable[[EventType, Object | None, Object | None], None]:
        return lambda kind, old, new: self._fact_changed(resource, kind, old, new)

    def _fact_changed(
        self, resource: Resource, _: EventType, old: Object | None, new: Object | None
    ) -> None:
        namespace, name = key_of(new or old or {})
        fact = ObjectKey(resource.api_version, resource.kind, namespace, name)
        for user in self._facts.uses.of(fact):
            self._queue.add(user)

    def _component_changed(self, kind: EventType, old: Object | None, new: Object | None) -> None:
        """Have its spec recorded, or tell its applications of what was; a label isn't their concern."""
        if new is not None and not is_recorded(new):
            self._unrecorded.add(key_of(new))
        if old is None or new is None or _recorded(old) != _recorded(new):
            self._fact_changed(COMPONENTS, kind, old, new)

    def _revision_changed(self, component: Key, revision: str) -> None:
        namespace, name = component
        facts = [ObjectKey(COMPONENTS.api_version, COMPONENTS.kind, namespace, name)]
        if revision:
            facts.append(ObjectKey(*CONTROLLER_REVISION, namespace, revision))
        for fact in facts:
            for user in self._facts.uses.of(fact):
                self._queue.add(user)

    def _scope_changed(
        self, resource: Resource, kind: EventType, old: Object | None, new: Object | None
    ) -> None:
        generations = {obj["metadata"].get("generation") for obj in (old, new) if obj is not None}
        if kind != "MODIFIED" or len(generations) > 1 or None in generations:
            self._fact_changed(resource, kind, old, new)  # else only its status changed

    def _child_changed(
        self, resource: Resource, kind: EventType, old: Object | None, new: Object | None
    ) -> None:
        names: set[str] = set()
        for obj in (old, new):
            if obj is not None:
                names |= children.application_names(obj)
        self._fact_changed(resource, kind, old, new)  # who waits for its data
        namespace, _ = key_of(new or old or {})
        for name in names:
            user = namespace, name
            if user in self._apps.items and self._applier.is_news(user, resource, kind, new):
                self._queue.add(user)

    def _crd_changed(self, _: EventType, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and old["spec"] == new["spec"]:
            return
        spec = (new or old or {})["spec"]
        users = {
            user
            for version in spec["versions"]
            for user in self._facts.uses.of(KindKey(f"{spec['group']}/{version}", spec["kind"]))
        }
        if users:
            task = asyncio.create_task(self._look_again(users))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look_again(self, users: set[Key]) -> None:
        try:
            await self._discovery.refresh()
        except (ApiError, ClusterError) as error:
            log.warning("the served kinds can't be read: %s", error.message)
        for user in users:
            self._queue.add(user)


def _recorded(component: Object) -> object:
    return (component.get("status") or {}).get("latestRevision"), is_recorded(component)


def _bare(obj: Object) -> Object:
    """Of an object, which one it is and in which state."""
    kept = ("name", "namespace", "uid", "resourceVersion")
    return {"metadata": {key: obj["metadata"][key] for key in kept if key in obj["metadata"]}}


def _lean_crd(crd: Object) -> Object:
    """Of a CRD, which kinds it serves by now: its schemas are large."""
    spec = crd["spec"]
    conditions = (crd.get("status") or {}).get("conditions") or ()
    established = any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
    metadata = {key: crd["metadata"][key] for key in ("name", "uid", "resourceVersion")}
    return {
        "metadata": metadata,
        "spec": {
            "group": spec["group"],
            "kind": spec["names"]["kind"],
            "versions": [version["name"] for version in spec["versions"] if version["served"]],
            "established": established,
        },
    }
