"""A local copy of all objects of one kind that a watch keeps up to date."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Literal

from oamkit.errors import ApiError, OamKitError
from oamkit.kube.client import Client
from oamkit.kube.resource import Object, Resource, key_of

__all__ = ["Callback", "EventType", "Informer", "Key"]

log = logging.getLogger(__name__)

EventType = Literal["ADDED", "MODIFIED", "DELETED", "RESYNC"]
Key = tuple[str, str]
"""Namespace (``""`` for cluster-wide kinds) and name."""
Callback = Callable[[EventType, Object | None, Object | None], None]
"""Called with the type, the old object (``None`` when added) and the new one (``None`` when deleted)."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
"""Seconds between two attempts to list or watch: doubled from the first to the longest, with jitter."""
HEALTHY_SECONDS = 5.0
"""A watch that lived this long was a good one: the next pause is short again."""


class Informer:
    """Lists a kind, then watches it, for as long as it runs.

    What it promises: ``items`` is what the server had a moment ago; a subscriber hears of every difference between two states of
    ``items``, also of a deletion that happened while the watch was down; states in between may be skipped. It outlives servers that
    restart, watches that drop, and versions that are too old (410).

    Args:
        client: The open client.
        resource: The kind.
        namespace: Only this namespace; all by default.
        field_selector: Only objects that match, e.g. ``"spec.nodeName=n1"``.
        label_selector: Only objects that match.
        resync: Seconds after which subscribers get every object once more as ``RESYNC``; 0 is never.
        transform: Makes of an object what is kept of it; it must leave ``metadata.name``, ``namespace`` and ``resourceVersion``.

    Attributes:
        items: The objects by namespace and name. They are shared: don't change them.
        synced: Set after the first list.
        tried: Set after the first attempt to list, also if it failed: then ``error`` tells why.
        error: The last failure to list or watch, until it works again.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        namespace: str | None = None,
        field_selector: str = "",
        label_selector: str = "",
        resync: float = 0.0,
        transform: Callable[[Object], Object] | None = None,
    ) -> None:
        self.resource = resource
        self.items: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self.tried = asyncio.Event()
        self.error: OamKitError | None = None
        self._client = client
        self._namespace = namespace
        self._field_selector = field_selector
        self._label_selector = label_selector
        self._resync = resync
        self._transform = transform or (lambda obj: obj)
        self._callbacks: list[Callback] = []
        self._version = ""
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Hear of changes; what is already known comes at once as ``ADDED``.

        Args:
            callback: It must return soon: put work into a queue. What it raises is logged, and goes no further.

        Returns:
            A function that ends the subscription.
        """
        self._callbacks.append(callback)
        for obj in list(self.items.values()):
            self._call(callback, "ADDED", None, obj)
        return lambda: self._callbacks.remove(callback)

    def written(self, old: Object, new: Object) -> None:
        """Take in at once what our own write made of an object, so that the next reader doesn't see the old one.

        Only for writes that the server made on condition of ``old``'s ``resourceVersion``: then nothing can have come between
        the two. Subscribers don't hear of it: they would hear of what they did themselves.
        """
        key = key_of(new)
        if self.items.get(key) is old:
            self.items[key] = self._transform(new)

    def start(self) -> None:
        """Run in a task of its own until :meth:`close`."""
        if self._task is None:
            self._task = asyncio.create_task(self.run(), name=f"informer {self.resource.plural}")

    async def close(self) -> None:
        """Stop, and wait until it has."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> None:
        """List and watch until cancelled."""
        if self._resync:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._resync_forever())
                group.create_task(self._list_and_watch())
        else:
            await self._list_and_watch()

    async def _list_and_watch(self) -> None:
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            try:
                if not self._version:
                    await self._list()
                    pause = FIRST_PAUSE
                await self._watch()
            except ApiError as error:
                # 410, or anything else that this version can't be watched for: begin with a new list.
                self._version = ""
                self._failed(error)
                if error.status == 410 and pause == FIRST_PAUSE:
                    pause *= 2
                    continue
            except OamKitError as error:
                self._failed(error)
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _list(self) -> None:
        listed = await self._client.list(
            self.resource,
            self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )
        found = {key_of(obj): self._transform(obj) for obj in listed["items"]}
        for key in [key for key in self.items if key not in found]:
            self._remove(key)
        for key, obj in found.items():
            self._put(key, obj)
        self._version = listed["metadata"]["resourceVersion"]
        self.error = None
        self.synced.set()
        self.tried.set()

    async def _watch(self) -> None:
        events = self._client.watch(
            self.resource,
            self._namespace,
            resource_version=self._version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )
        async for event in events:
            self.error = None
            if event.type == "DELETED":
                self._remove(key_of(event.object))
            elif event.type != "BOOKMARK":
                self._put(key_of(event.object), self._transform(event.object))
            self._version = event.object["metadata"]["resourceVersion"]

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._resync * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
            for obj in list(self.items.values()):
                self._notify("RESYNC", obj, obj)

    def _put(self, key: Key, obj: Object) -> None:
        old = self.items.get(key)
        self.items[key] = obj
        if old is None:
            self._notify("ADDED", None, obj)
        elif old["metadata"].get("uid") != obj["metadata"].get("uid"):
            # Deleted and made again while nobody watched: two events, as it was.
            self._notify("DELETED", old, None)
            self._notify("ADDED", None, obj)
        elif old["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
            self._notify("MODIFIED", old, obj)

    def _remove(self, key: Key) -> None:
        old = self.items.pop(key, None)
        if old is not None:
            self._notify("DELETED", old, None)

    def _notify(self, kind: EventType, old: Object | None, new: Object | None) -> None:
        for callback in list(self._callbacks):
            self._call(callback, kind, old, new)

    def _call(
        self, callback: Callback, kind: EventType, old: Object | None, new: Object | None
    ) -> None:
        try:
            callback(kind, old, new)
        except Exception:  # a subscriber's fault must not stop the others' news
            log.exception("a subscriber of %s failed on %s", self.resource.plural, kind)

    def _failed(self, error: OamKitError) -> None:
        # Once for each new failure: a server that is away for an hour isn't worth a line a second.
        if self.error is None or self.error.message != error.message:
            log.warning("can't follow %s: %s", self.resource.plural, error.message)
        self.error = error
        self.tried.set()
