"""Events (core/v1): what the runtime did, told at the object that it did it for.

An event that repeats is counted instead of written anew, and each object has a budget, so that a fault in a loop can't flood the
cluster; both as in client-go (https://pkg.go.dev/k8s.io/client-go/tools/record#EventCorrelator).
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Client, Object, Resource
from oamkit.runtime.kinds import EVENTS

__all__ = ["EventRecorder", "EventType", "now"]

log = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]

BURST = 25
REFILL_SECONDS = 300.0
"""An object may have so many events at once, and one more each time that many seconds have gone by."""
REMEMBERED = 2048
"""How many different events, and how many objects' budgets, are remembered."""
MESSAGE_BYTES = 1024
"""The API server refuses longer messages."""
WAITING = 1000
"""More events than that are dropped rather than kept while the API server is away."""


def now() -> str:
    """The time as the API writes it, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class _Budget:
    left: float = BURST
    at: float = 0.0

    def take(self, moment: float) -> bool:
        self.left = min(BURST, self.left + (moment - self.at) / REFILL_SECONDS)
        self.at = moment
        if self.left < 1:
            return False
        self.left -= 1
        return True


class EventRecorder:
    """Writes events in the background.

    Args:
        client: The open client.
        component: Who they come from, e.g. ``"oam/applicationconfiguration.core.oam.dev"``.
        instance: Which of several replicas, e.g. the Pod's name.
    """

    def __init__(self, client: Client, component: str, instance: str = "") -> None:
        self._client = client
        self._source = {"component": component, **({"host": instance} if instance else {})}
        self._written: OrderedDict[tuple[str, ...], Object] = OrderedDict()
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._waiting: asyncio.Queue[tuple[tuple[str, ...], Object]] = asyncio.Queue(WAITING)

    def emit(
        self,
        resource: Resource,
        obj: Object,
        kind: EventType,
        reason: str,
        message: str,
        annotations: dict[str, str] | None = None,
    ) -> None:
        """Tell an event; it is written soon, or dropped if there are too many.

        Args:
            resource: The kind of ``obj``.
            obj: The object that it is about.
            kind: ``"Normal"`` or ``"Warning"``.
            reason: In one word, e.g. ``"AppliedComponents"``.
            message: In a sentence.
            annotations: The event's annotations.
        """
        metadata = obj["metadata"]
        uid = metadata.get("uid", "")
        budget = self._budgets.setdefault(uid, _Budget(at=time.monotonic()))
        self._budgets.move_to_end(uid)
        if len(self._budgets) > REMEMBERED:
            self._budgets.popitem(last=False)
        if not budget.take(time.monotonic()):
            return
        message = message.encode()[:MESSAGE_BYTES].decode(errors="ignore")
        stamp = now()
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:200]}.{uuid.uuid4().hex[:16]}",
                "namespace": metadata.get("namespace") or "default",
                **({"annotations": annotations} if annotations else {}),
            },
            "involvedObject": {
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "name": metadata["name"],
                "namespace": metadata.get("namespace", ""),
                "uid": uid,
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": self._source,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        about = {
            "kind": resource.kind,
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "reason": reason,
        }
        log.info("event %s/%s %s %s: %s", about["namespace"], about["name"], kind, reason, message, extra={"about": about})  # fmt: skip
        key = (uid, kind, reason, message, *(f"{k}={v}" for k, v in (annotations or {}).items()))
        try:
            self._waiting.put_nowait((key, event))
        except asyncio.QueueFull:
            log.warning("an event was dropped: too many wait")

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            key, event = await self._waiting.get()
            try:
                await self._write(key, event)
            except OamKitError as error:
                # E.g. the namespace is being deleted. Events are a courtesy: work goes on without.
                log.debug("an event couldn't be written: %s", error.message)
            finally:
                self._waiting.task_done()

    async def drain(self) -> None:
        """Wait until all events are written."""
        await self._waiting.join()

    async def _write(self, key: tuple[str, ...], event: Object) -> None:
        before = self._written.get(key)
        if before is not None:
            patch = {"count": before["count"] + 1, "lastTimestamp": event["lastTimestamp"]}
            try:
                self._remember(key, await self._patch(before, patch))
            except ApiError as error:
                if error.status != 404:  # events are deleted after an hour
                    raise
            else:
                return
        self._remember(key, await self._client.create(EVENTS, event))

    async def _patch(self, before: Object, patch: Object) -> Object:
        metadata = before["metadata"]
        return await self._client.merge_patch(
            EVENTS, metadata["name"], patch, metadata["namespace"]
        )

    def _remember(self, key: tuple[str, ...], written: Object) -> None:
        kept = {name: written["metadata"][name] for name in ("name", "namespace")}
        self._written[key] = {"metadata": kept, "count": written["count"]}
        self._written.move_to_end(key)
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)
