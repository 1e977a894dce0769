"""Deletes at once what belongs to an owner that is gone.

Kubernetes' garbage collector does the same, some moments later: it hears of the deletion, puts the object into a queue, reads it, and
asks for its owner. Who made the object knows all that. What is missed here, e.g. after a restart, is left to the collector.
"""

from __future__ import annotations

import asyncio
import logging

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Client, Key
from oamkit.runtime import children
from oamkit.runtime.ledger import Ledger, Place
from oamkit.runtime.watches import Watches

__all__ = ["reap"]

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often an object that changes all the time is looked at again."""


async def reap(
    client: Client, watches: Watches[Key], ledger: Ledger, owner: Key, kind: str
) -> None:
    """Delete the objects of an owner that is gone; what isn't its own any more stays.

    Each is deleted on condition that it is what the local copy shows: an object that was orphaned (``--cascade=orphan``) or taken
    over has another ``resourceVersion`` by then.

    Args:
        client: The open client.
        watches: Over the objects.
        ledger: Which objects were made for whom.
        owner: Namespace and name.
        kind: The owner's kind.
    """
    await asyncio.gather(
        *(_delete(client, watches, place, owner, kind) for place in ledger.places(owner))
    )


async def _delete(
    client: Client, watches: Watches[Key], place: Place, owner: Key, kind: str
) -> None:
    resource, name = place
    live = watches.use(resource, owner).items.get((owner[0], name))
    if live is None:
        return
    controller = children.controller_of(live)
    if controller is None or (controller["kind"], controller["name"]) != (kind, owner[1]):
        return
    try:
        for _ in range(ATTEMPTS):
            if (
                "deletionTimestamp" in live["metadata"]
                or children.controller_of(live) != controller
            ):
                return
            uid, version = (live["metadata"][key] for key in ("uid", "resourceVersion"))
            try:
                await client.delete(resource, name, owner[0], uid=uid, resource_version=version)
            except ApiError as error:
                if error.status != 409:
                    raise
                # Its status, for one, changes often; what counts is whose it is now.
                live = await client.get(resource, name, owner[0])
            else:
                return
    except OamKitError as error:  # gone, or for the collector
        log.debug("%s/%s is left to the garbage collector: %s", owner[0], name, error.message)
