"""Informers that come and go with the kinds that applications use.

Each is counted by its users, the keys of applications, and ends when the last of them is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from oamkit.errors import ClusterError
from oamkit.kube import Client, EventType, Informer, Object, Resource

__all__ = ["Watches"]

U = TypeVar("U", bound=Hashable)
OnChange = Callable[[Resource, EventType, Object | None, Object | None], None]
SYNC_SECONDS = 10.0
"""How long :meth:`Watches.synced` waits for a kind's first list."""


@dataclass
class _Watch(Generic[U]):
    informer: Informer
    users: set[U] = field(default_factory=set)


class Watches(Generic[U]):
    """Informers of many kinds with the same selector.

    Args:
        client: The open client.
        on_change: Called for each change, as :meth:`~oamkit.kube.Informer.subscribe` has it, with the kind first.
        namespace: Only this namespace; all by default.
        label_selector: Only objects that match.
        transform: What is kept of each object.
    """

    def __init__(
        self,
        client: Client,
        on_change: OnChange,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        transform: Callable[[Object], Object] | None = None,
    ) -> None:
        self._client = client
        self._on_change = on_change
        self._namespace = namespace
        self._label_selector = label_selector
        self._transform = transform
        self._watches: dict[Resource, _Watch[U]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._watches)

    def use(self, resource: Resource, user: U) -> Informer:
        """Return the kind's informer, started if this is its first user. It may not be synced yet."""
        watch = self._watches.get(resource)
        if watch is None:
            informer = Informer(
                self._client,
                resource,
                namespace=self._namespace if resource.namespaced else None,
                label_selector=self._label_selector,
                transform=self._transform,
            )
            informer.subscribe(lambda kind, old, new: self._on_change(resource, kind, old, new))
            informer.start()
            watch = self._watches[resource] = _Watch(informer)
        watch.users.add(user)
        return watch.informer

    async def synced(self, resource: Resource, user: U) -> Informer:
        """Like :meth:`use`, but wait for the first list.

        Raises:
            OamKitError: The kind can't be listed.
        """
        informer = await self.tried(resource, user)
        if not informer.synced.is_set():
            raise informer.error or ClusterError(
                f"{resource.plural} couldn't be listed within {SYNC_SECONDS:.0f} s"
            )
        return informer

    async def tried(self, resource: Resource, user: U) -> Informer:
        """Like :meth:`synced`, but it may have failed: the informer's items are then what was known before, or nothing."""
        informer = self.use(resource, user)
        if not informer.tried.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(SYNC_SECONDS):
                    await informer.tried.wait()
        return informer

    def keep(self, user: U, resources: set[Resource]) -> None:
        """Say which kinds a user still uses: informers that nobody uses any more end."""
        for resource, watch in list(self._watches.items()):
            if resource not in resources:
                watch.users.discard(user)
            if not watch.users:
                del self._watches[resource]
                task = asyncio.create_task(watch.informer.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End all informers, and wait until they have."""
        informers = [watch.informer for watch in self._watches.values()]
        self._watches.clear()
        await asyncio.gather(*self._closing, *(informer.close() for informer in informers))
