"""The loop of a worker: take a key, make its pass, give it back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from oamkit.errors import ApiError, ClusterError
from oamkit.kube import Client, Informer, Key, Object
from oamkit.runtime.hooks import Hooks
from oamkit.runtime.metrics import Metrics
from oamkit.runtime.queue import WorkQueue
from oamkit.runtime.templates import Templates

__all__ = ["Context", "Controller", "awaited", "lean", "work"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """What a controller works with.

    ===================  ================================================================
    ``client``           the open client
    ``metrics``          counts the passes
    ``namespace``        only this namespace; ``None`` is all of them
    ``resync``           seconds between two safety looks at everything; 0 is never
    ``instance``         which of several replicas this is, for events
    ``revision_limit``   how many revisions of a Component are kept, besides those in use
    ``apply_once_only``  whether objects are left alone until their application changes
    ``hooks``            what is run before and after each pass over an application
    ``templates``        asks CUE what the templates of definitions make
    ===================  ================================================================
    """

    client: Client
    metrics: Metrics
    namespace: str | None = None
    resync: float = 600.0
    instance: str = ""
    revision_limit: int = 50
    apply_once_only: bool = False
    hooks: Hooks = field(default_factory=Hooks)
    templates: Templates = field(default_factory=Templates)


class Controller(Protocol):
    """A part of the runtime that watches kinds of its own."""

    @property
    def name(self) -> str:
        """What its figures are called, in lower case."""
        ...  # pragma: no cover - a protocol

    async def run(self) -> None:
        """Watch and work until cancelled."""
        ...  # pragma: no cover - a protocol

    def not_ready(self) -> str:
        """Why it doesn't see the cluster yet; ``""`` if it does."""
        ...  # pragma: no cover - a protocol

    def depth(self) -> int:
        """How many objects wait for a worker."""
        ...  # pragma: no cover - a protocol

    async def finish(self) -> None:
        """Begin no further pass, and wait until those at work are done and told."""
        ...  # pragma: no cover - a protocol


def awaited(*informers: Informer) -> str:
    """Say which informer hasn't seen the cluster yet, and why if that is known; ``""`` if all have."""
    for informer in informers:
        if not informer.synced.is_set():
            why = f": {informer.error.message}" if informer.error else ""
            return f"waiting for {informer.resource.plural}{why}"
    return ""


async def work(
    name: str,
    queue: WorkQueue[Key],
    reconcile: Callable[[Key], Awaitable[bool | float]],
    objects: Informer,
    metrics: Metrics,
) -> None:
    """Work until cancelled.

    Args:
        name: The controller's name, in lower case.
        queue: Where keys come from.
        reconcile: Makes one pass; returns whether it reached its end. If not, the key comes again after a pause, or after as
            many seconds as it returns.
        objects: The objects that keys are of.
        metrics: Counts the passes.
    """
    while True:
        key = await queue.get()
        about = {"about": {"controller": name, "namespace": key[0], "name": key[1]}}
        started = time.monotonic()
        outcome: bool | float = False
        try:
            outcome = await reconcile(key)
        except ClusterError as error:
            log.warning("%s/%s: %s", *key, error.message, extra=about)
        except ApiError as error:
            # 409: somebody else wrote the object; the change is on its way to us.
            level = logging.DEBUG if error.status in (404, 409) else logging.WARNING
            log.log(level, "%s/%s: %s", *key, error.message, extra=about)
        except Exception:  # a fault in one object must not stop the others
            log.exception("%s/%s: the pass failed", *key, extra=about)
        finally:
            queue.done(key, failed=outcome is False)
            if not isinstance(outcome, bool):
                queue.add_later(key, outcome)
            if key not in objects.items:
                queue.forget(key)
            metrics.observe(
                name, "success" if outcome is True else "error", time.monotonic() - started
            )
        await asyncio.sleep(0)  # passes that change nothing don't wait for anything


def lean(obj: Object) -> Object:
    """An object without the record of who wrote what: it is as large as the rest, and not read."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}
