"""Changes a part of an object that others change too: scopes, data stores, and the finalizers of applications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oamkit.kube import Client, Object, Resource
from oamkit.oam.kinds import FIELD_MANAGER

__all__ = ["ATTEMPTS", "CONFLICTS", "change"]

ATTEMPTS = 5
"""How often an object is read and written again when somebody else changed the same part of it in between."""
CONFLICTS = (409, 422)
"""Status codes of a write that came too late; a failing ``test`` of a JSON patch gives 422."""


async def change(
    client: Client,
    resource: Resource,
    live: Object,
    wanted: Object,
    *,
    same: Sequence[str] = (),
    subresource: str = "",
) -> None:
    """Make an object what is wanted, if the parts that differ are still what they were.

    A write on condition of the ``resourceVersion`` would lose against everybody who labels the object or writes its status; this
    one loses against those alone who change the same part, e.g. its ``spec``.

    Args:
        client: The open client.
        resource: The object's kind.
        live: The object as it was read.
        wanted: The same with what shall be changed: its parts (``spec``, ``data`` …) and those of its ``metadata`` are compared.
        same: What else of its ``metadata`` must be as it was, e.g. ``"generation"``.
        subresource: E.g. ``"status"``.

    Raises:
        ApiError: With a status of :data:`CONFLICTS` if a part isn't what it was any more.
    """
    metadata = live["metadata"]
    operations = [
        *({"op": "test", "path": f"/metadata/{name}", "value": metadata[name]} for name in same),
        *_operations("/metadata", metadata, wanted["metadata"]),
        *_operations("", {**live, "metadata": None}, {**wanted, "metadata": None}),
    ]
    await client.json_patch(
        resource,
        metadata["name"],
        operations,
        metadata.get("namespace"),
        subresource=subresource,
        field_manager=FIELD_MANAGER,
    )


def _operations(at: str, live: Object, wanted: Object) -> Iterator[Object]:
    for part in sorted(set(live) | set(wanted)):
        if live.get(part) != wanted.get(part):
            path = f"{at}/{part}"
            yield {
                "op": "test",
                "path": path,
                "value": live.get(part),
            }  # null is also what isn't there
            yield {"op": "add", "path": path, "value": wanted.get(part)}
