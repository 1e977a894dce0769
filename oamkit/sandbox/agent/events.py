"""Events about Pods and the node, without floods: what happens again raises the count of the event that is there.

Sources: API reference of ``Event``; the limits are those of client-go's event correlator (25 at once, then one in five minutes for each
object).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

from oamkit.errors import ApiError, OamKitError
from oamkit.kube.client import Client
from oamkit.sandbox.agent.model import Object, rfc3339
from oamkit.sandbox.agent.resources import EVENTS

__all__ = ["Recorder"]

log = logging.getLogger(__name__)

BURST = 25.0
REFILL = 1 / 300
REMEMBERED = 1024


@dataclass
class _Bucket:
    tokens: float = BURST
    filled: float = 0.0

    def take(self, now: float) -> bool:
        if self.filled:
            self.tokens = min(BURST, self.tokens + (now - self.filled) * REFILL)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Recorder:
    """Writes events, in the background and in order; an event that can't be written is dropped.

    Args:
        client: The open client.
        node: Name of the node, for ``source.host``.
    """

    def __init__(self, client: Client, node: str) -> None:
        self._client = client
        self._node = node
        self._known: OrderedDict[tuple[str, ...], Object] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._queue: asyncio.Queue[tuple[tuple[str, ...], Object]] = asyncio.Queue(
            maxsize=REMEMBERED
        )

    def emit(
        self, obj: Object, kind: str, reason: str, message: str, *, container: str = ""
    ) -> None:
        """Record an event.

        Args:
            obj: The object that it is about.
            kind: ``"Normal"`` or ``"Warning"``.
            reason: In CamelCase, e.g. ``"BackOff"``.
            message: For people.
            container: The container that it is about, with its list: ``"spec.containers{name}"``.
        """
        meta, now = obj["metadata"], time.time()
        involved: Object = {
            "apiVersion": obj.get("apiVersion", "v1"),
            "kind": obj.get("kind", "Pod"),
            "name": meta["name"],
            "uid": meta["uid"],
        }
        if meta.get("namespace"):
            involved["namespace"] = meta["namespace"]
        if container:
            involved["fieldPath"] = container
        bucket = self._buckets.setdefault(meta["uid"], _Bucket())
        self._buckets.move_to_end(meta["uid"])
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if not bucket.take(now) or self._queue.full():
            return
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{meta['name']}.{time.time_ns():x}",
                "namespace": meta.get("namespace") or "default",
            },
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": "kubelet", "host": self._node},
            "reportingComponent": "kubelet",
            "reportingInstance": self._node,
            "firstTimestamp": rfc3339(now),
            "lastTimestamp": rfc3339(now),
            "count": 1,
        }
        self._queue.put_nowait(((meta["uid"], container, kind, reason, event["message"]), event))

    async def run(self) -> None:
        """Write what was recorded, until cancelled."""
        while True:
            key, event = await self._queue.get()
            try:
                await self._write(key, event)
            except OamKitError as error:
                log.debug("an event was dropped: %s", error.message)

    async def _write(self, key: tuple[str, ...], event: Object) -> None:

        known = self._known.get(key)
        if known is not None:
            known["count"] += 1
            patch = {"count": known["count"], "lastTimestamp": event["lastTimestamp"]}
            meta = known["metadata"]
            try:
                await self._client.merge_patch(EVENTS, meta["name"], patch, meta["namespace"])
            except ApiError as error:
                if error.status != 404:  # it has expired meanwhile
                    raise
            else:
                return
        await self._client.create(EVENTS, event)
        self._known[key] = event
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
