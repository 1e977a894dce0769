"""The loop of a worker: take a key, make its pass, give it back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from oamkit.errors import ApiError, ClusterError
from oamkit.kube import Informer, Key
from oamkit.runtime.metrics import Metrics
from oamkit.runtime.queue import WorkQueue

__all__ = ["work"]

log = logging.getLogger(__name__)


async def work(
    name: str,
    queue: WorkQueue[Key],
    reconcile: Callable[[Key], Awaitable[bool]],
    objects: Informer,
    metrics: Metrics,
) -> None:
    """Work until cancelled.

    Args:
        name: The controller's name, in lower case.
        queue: Where keys come from.
        reconcile: Makes one pass; returns whether it reached its end. If not, the key comes again after a pause.
        objects: The objects that keys are of.
        metrics: Counts the passes.
    """
    while True:
        key = await queue.get()
        started = time.monotonic()
        failed = True
        try:
            failed = not await reconcile(key)
        except ClusterError as error:
            log.warning("%s/%s: %s", *key, error.message)
        except ApiError as error:
            # 409: somebody else wrote the object; the change is on its way to us.
            level = logging.DEBUG if error.status in (404, 409) else logging.WARNING
            log.log(level, "%s/%s: %s", *key, error.message)
        except Exception:  # a fault in one object must not stop the others
            log.exception("%s/%s: the pass failed", *key)
        finally:
            queue.done(key, failed=failed)
            if key not in objects.items:
                queue.forget(key)
            metrics.observe(name, "error" if failed else "success", time.monotonic() - started)
        await asyncio.sleep(0)  # passes that change nothing don't wait for anything
