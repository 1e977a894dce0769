"""What the controllers of one kind have in common: its informer, a queue of its objects, and the watches that they open."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from oamkit.kube import Informer, Key
from oamkit.runtime.events import EventRecorder
from oamkit.runtime.queue import WorkQueue
from oamkit.runtime.watches import Watches
from oamkit.runtime.working import Context, awaited, work

__all__ = ["OneKindController"]


class OneKindController(ABC):
    """Makes passes over the objects of one kind; see :class:`oamkit.runtime.working.Controller`.

    Args:
        context: What it works with.
        objects: The objects that keys are of.
        *others: What else must be known before the first pass.
        watches: What its objects watch; closed at the end.
        events: What it tells of its objects.
    """

    name: ClassVar[str]
    workers: ClassVar[int]

    def __init__(
        self,
        context: Context,
        objects: Informer,
        *others: Informer,
        watches: Watches[Key],
        events: EventRecorder,
    ) -> None:
        self._metrics = context.metrics
        self._queue: WorkQueue[Key] = WorkQueue()
        self._objects = objects
        self._informers = (objects, *others)
        self._watches = watches
        self._events = events

    @abstractmethod
    async def reconcile(self, key: Key) -> bool:
        """Make one pass; returns whether it reached its end."""

    async def run(self) -> None:
        """Watch and work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._events.run())
                for informer in self._informers:
                    group.create_task(informer.run())
                for informer in self._informers:
                    await informer.synced.wait()
                for _ in range(self.workers):
                    group.create_task(
                        work(self.name, self._queue, self.reconcile, self._objects, self._metrics)
                    )
        finally:
            self._queue.close()
            await self._watches.close()

    def not_ready(self) -> str:
        """Why it doesn't see the cluster yet; ``""`` if it does."""
        return awaited(*self._informers)

    def depth(self) -> int:
        """How many objects wait for a worker."""
        return len(self._queue)

    async def finish(self) -> None:
        """Begin no further pass, and wait until those at work are done and told."""
        await self._queue.finish()
        await self._events.drain()
