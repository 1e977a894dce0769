"""Events of the cluster as rows, newest first; what was said again and again stands there once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oamkit.show import Table
from oamkit.topology.reading import Obj, listing, mapping, number, reference, text

__all__ = ["event_rows", "event_table"]

MOST = 200
"""How many rows are shown."""


def event_rows(objects: Iterable[Obj]) -> list[dict[str, Any]]:
    """Return the events among objects.

    Example:
        >>> pod = {"kind": "Pod", "apiVersion": "v1", "name": "web"}
        >>> said = {"kind": "Event", "metadata": {}, "involvedObject": pod, "reason": "Pulled", "message": "ready"}
        >>> rows = event_rows([said | {"lastTimestamp": "2026-01-01T00:00:01Z"}, said | {"lastTimestamp": "2026-01-01T00:00:09Z"}])
        >>> [(row["about"], row["count"], row["time"]) for row in rows]
        [('pod/web', 2, '2026-01-01T00:00:09Z')]
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for event in objects:
        if text(event, "kind") != "Event":
            continue
        about = mapping(event, "involvedObject")
        said = (text(event, "type"), text(event, "reason"), text(event, "message").strip())
        key = (reference(about), *said)
        time, count = _time(event), _count(event)
        row = rows.get(key)
        if row is None:
            rows[key] = {
                "key": "|".join(key),
                "time": time,
                "first": time,
                "type": said[0] or "Normal",
                "reason": said[1],
                "message": said[2],
                "about": reference(about),
                "kind": text(about, "kind"),
                "name": text(about, "name"),
                "count": count,
            }
        else:
            row["count"] += count
            row["time"] = max(row["time"], time)
            row["first"] = min(row["first"], time)
    ordered = sorted(rows.values(), key=lambda row: row["key"])
    return sorted(ordered, key=lambda row: str(row["time"]), reverse=True)[:MOST]


def event_table(rows: Iterable[dict[str, Any]]) -> Table:
    """Return rows as a table."""
    return Table(
        ("TIME", "TYPE", "REASON", "ABOUT", "COUNT", "MESSAGE"),
        tuple(
            (
                row["time"][11:19],
                row["type"],
                row["reason"],
                f"{row['kind']}/{row['name']}",
                str(row["count"]),
                row["message"],
            )
            for row in rows
        ),
        empty="No events.",
    )


def _time(event: Obj) -> str:
    """When it happened last. Clients of the newer events API leave ``lastTimestamp`` empty (events.k8s.io/v1)."""
    found = (
        text(event, "series", "lastObservedTime")
        or text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(event, "metadata", "creationTimestamp")
    )
    return found[:19] + "Z" if len(found) >= 19 else found


def _count(event: Obj) -> int:
    return number(event, "series", "count") or number(event, "count") or 1


def conditions(obj: Obj) -> list[dict[str, str]]:
    """Return an object's conditions as rows."""
    keys = ("type", "status", "reason", "message", "lastTransitionTime")
    return [
        {key: text(condition, key) for key in keys}
        for condition in listing(obj, "status", "conditions")
        if isinstance(condition, dict)
    ]
