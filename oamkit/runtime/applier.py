"""Makes the cluster's objects what a plan says, and deletes what it doesn't say any more.

Objects are written by server-side apply; only when they need it: when the desired object is another one than last time, or when the
watch shows that a field of ours was changed or the object is gone.
"""

from __future__ import annotations

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Client, Discovery, EventType, Key, Object, Resource
from oamkit.oam import ApplicationConfiguration, TypedReference
from oamkit.oam.kinds import APPLICATION_CONFIGURATION, FIELD_MANAGER, Obj
from oamkit.oam.pruning import undeclared, without
from oamkit.oam.shape import quoted
from oamkit.runtime import children
from oamkit.runtime.events import EventRecorder
from oamkit.runtime.kinds import APPLICATION_CONFIGURATIONS
from oamkit.runtime.ledger import Ledger, Place
from oamkit.runtime.reaping import reap
from oamkit.runtime.watches import Watches

__all__ = ["Applier"]


class Applier:
    """Writes and deletes the objects of applications.

    Args:
        client: The open client.
        discovery: The kinds that are served.
        watches: Watches over what applications made, with :func:`oamkit.runtime.children.project`.
        events: Tells which fields were left out.
        once: Whether objects that were made are left alone until their application or component changes
            (``--apply-once-only``, contract 2.4).
    """

    def __init__(
        self,
        client: Client,
        discovery: Discovery,
        watches: Watches[Key],
        events: EventRecorder,
        *,
        once: bool = False,
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._watches = watches
        self._events = events
        self._ledger = Ledger()
        self._once = once
        self._waiting: dict[Key, set[Place]] = {}

    async def apply(self, user: Key, app: ApplicationConfiguration, obj: Obj) -> bool:
        """Make an object what is desired.

        Args:
            user: The application's key.
            app: The application.
            obj: The rendered object.

        Returns:
            Whether it had to be written.

        Raises:
            OamKitError: It can't be written, or it belongs to somebody else.
        """
        resource = await self._resource(obj["apiVersion"], obj["kind"])
        if resource is None:
            raise OamKitError(
                f"no matches for kind {quoted(obj['kind'])} in version {quoted(obj['apiVersion'])}"
            )
        name = obj["metadata"]["name"]
        # The first list of a kind is waited for: after a restart of ours it tells what is right already.
        informer = await self._watches.tried(resource, user)
        live = informer.items.get((app.namespace, name))
        if live is not None:
            _check_controller(live, app)
        place = resource, name
        if self._ledger.stands(user, place, obj, live):
            return False
        late = place in self._waiting.get(user, ())
        if live is not None and self._once and not late and children.is_same_release(live, obj):
            self._ledger.note(user, place, obj, live)
            return False
        written = await self._write(resource, obj, app)
        self._ledger.note(user, place, obj, children.project(written))
        if late:
            self._waiting[user].discard(place)
        return live is None or _version(live) != _version(written)

    async def follow(self, user: Key, obj: Obj) -> None:
        """Watch the kind of an object that isn't applied in this pass: what waits for it must hear of it."""
        resource = await self._resource(obj["apiVersion"], obj["kind"])
        if resource is not None:
            await self._watches.tried(resource, user)
            # With ``once`` it is written all the same when the data is there.
            self._waiting.setdefault(user, set()).add((resource, obj["metadata"]["name"]))

    def is_news(self, user: Key, resource: Resource, kind: EventType, new: Object | None) -> bool:
        """Whether a change of a child is worth a pass: it isn't if all that we applied still stands."""
        if kind == "DELETED" or new is None:
            return True
        return self._ledger.is_news(user, (resource, new["metadata"]["name"]), new)

    async def delete(self, app: ApplicationConfiguration, reference: TypedReference) -> bool:
        """Delete an object that the application made; one that belongs to somebody else stays.

        Returns:
            Whether there was one to delete.

        Raises:
            OamKitError: It can't be read or deleted.
        """
        resource = await self._resource(reference.api_version, reference.kind)
        if resource is None:
            return False
        try:
            live = await self._client.get(resource, reference.name, app.namespace)
            controller = children.controller_of(live)
            if controller is None or controller["uid"] != app.uid:
                return False
            uid = live["metadata"]["uid"]
            await self._client.delete(resource, reference.name, app.namespace, uid=uid)
        except ApiError as error:
            if error.status in (404, 409):  # gone, or another one of this name by now
                return False
            raise
        return True

    def live(self, user: Key, resource: Resource) -> list[Object]:
        """The projected objects of a kind in the application's namespace, from the watch."""
        items = self._watches.use(resource, user).items
        return [obj for (namespace, _), obj in items.items() if namespace == user[0]]

    async def keep(self, user: Key, references: list[TypedReference]) -> None:
        """Forget all objects of an application but these, and stop watching kinds that nobody has any more."""
        kept: set[tuple[Resource, str]] = set()
        for reference in references:
            resource = await self._resource(reference.api_version, reference.kind)
            if resource is not None:
                kept.add((resource, reference.name))
        self._ledger.keep(user, kept)
        if user in self._waiting:
            self._waiting[user] &= kept
        self._watches.keep(user, {resource for resource, _ in kept})

    async def reap(self, user: Key) -> None:
        """Delete what an application made that is gone itself, and drop what is remembered of it."""
        await reap(self._client, self._watches, self._ledger, user, APPLICATION_CONFIGURATION)
        self._ledger.forget(user)
        self._waiting.pop(user, None)
        self._watches.keep(user, set())

    async def _resource(self, api_version: str, kind: str) -> Resource | None:
        return await self._discovery.resource_for(api_version, kind)

    async def _write(self, resource: Resource, obj: Obj, app: ApplicationConfiguration) -> Object:
        try:
            return await self._client.apply(resource, obj, field_manager=FIELD_MANAGER, force=True)
        except ApiError as error:
            unknown = undeclared(error.message)
            pruned = without(obj, unknown) if unknown else None
            if pruned is not None:
                written = await self._write(resource, pruned, app)
                self._tell_left_out(app, obj, unknown)
                return written
            # The server itself refuses a second controller, so that no read must come before the write.
            if (
                error.status == 422
                and "Only one reference can have Controller set" in error.message
            ):
                raise _not_ours(app) from error
            raise

    def _tell_left_out(
        self, app: ApplicationConfiguration, obj: Obj, paths: tuple[str, ...]
    ) -> None:
        what = f"{obj['kind']} {quoted(obj['metadata']['name'])}"
        message = f"{what}: its kind has no {', '.join(paths)}, which is left out"
        about = {"metadata": {"name": app.name, "namespace": app.namespace, "uid": app.uid}}
        self._events.emit(APPLICATION_CONFIGURATIONS, about, "Warning", "UnknownField", message)


def _check_controller(live: Object, app: ApplicationConfiguration) -> None:
    controller = children.controller_of(live)
    if controller is not None and controller["uid"] != app.uid:
        raise _not_ours(app)


def _not_ours(app: ApplicationConfiguration) -> OamKitError:
    return OamKitError(
        f"existing object is not controlled by UID {quoted(app.uid)}",
        hint="Rename it in the application, or delete the other one.",
        code="not-controlled",
    )


def _version(obj: Object) -> str:
    text: str = obj["metadata"]["resourceVersion"]
    return text
