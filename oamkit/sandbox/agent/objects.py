"""The ConfigMaps and Secrets that the Pods of this node refer to, each by a watch of its own.

A node may watch only the very objects that its Pods refer to (Node authorizer,
https://kubernetes.io/docs/reference/access-authn-authz/node/), so there is one watch for each, for as long as a Pod needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from oamkit.kube.client import Client
from oamkit.kube.informer import Informer
from oamkit.sandbox.agent.model import Object, Ref, SourceMissingError
from oamkit.sandbox.agent.resources import CONFIGMAPS, SECRETS

__all__ = ["ObjectCache"]

SYNC_SECONDS = 10.0

_RESOURCES = {"ConfigMap": CONFIGMAPS, "Secret": SECRETS}
Key = tuple[str, Ref]


@dataclass
class _Watched:
    informer: Informer
    owners: dict[str, Callable[[], None]] = field(default_factory=dict)

    def changed(self) -> None:
        for wake in list(self.owners.values()):
            wake()


class ObjectCache:
    """Keeps the objects that Pods refer to up to date.

    Args:
        client: The open client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._watched: dict[Key, _Watched] = {}

    async def want(
        self, owner: str, namespace: str, refs: Iterable[Ref], wake: Callable[[], None]
    ) -> dict[Ref, Object | None]:
        """Return objects, and go on watching them for their owner.

        Args:
            owner: The Pod's UID.
            namespace: Its namespace.
            refs: What it refers to.
            wake: Called when one of them changes.

        Raises:
            SourceMissingError: One of them can't be read at all.
        """
        found: dict[Ref, Object | None] = {}
        for ref in refs:
            watched = self._watch((namespace, ref))
            watched.owners[owner] = wake
            informer = watched.informer
            if not informer.synced.is_set():
                try:
                    async with asyncio.timeout(SYNC_SECONDS):
                        await informer.synced.wait()
                except TimeoutError:
                    why = f": {informer.error.message}" if informer.error else ""
                    text = f'failed to read {ref.kind.lower()} "{ref.name}"{why}'
                    raise SourceMissingError(text) from None
            found[ref] = informer.items.get((namespace, ref.name))
        return found

    async def release(self, owner: str) -> None:
        """Let go of everything that an owner wanted; what nobody wants any more isn't watched any more."""
        for watched in self._watched.values():
            watched.owners.pop(owner, None)
        unwanted = [key for key, watched in self._watched.items() if not watched.owners]
        # Taken out before the first await: another Pod may let go, or want the same object anew, meanwhile.
        informers = [self._watched.pop(key).informer for key in unwanted]
        for informer in informers:
            await informer.close()

    async def close(self) -> None:
        """Stop all watches."""
        watched, self._watched = self._watched, {}
        await asyncio.gather(*(entry.informer.close() for entry in watched.values()))

    def _watch(self, key: Key) -> _Watched:
        if key not in self._watched:
            namespace, ref = key
            informer = Informer(
                self._client,
                _RESOURCES[ref.kind],
                namespace=namespace,
                field_selector=f"metadata.name={ref.name}",
            )
            watched = self._watched[key] = _Watched(informer)
            informer.subscribe(lambda *_: watched.changed())
            informer.start()
        return self._watched[key]
