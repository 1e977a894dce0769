"""What happened in the cluster: events and logs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from oamkit.cluster import active, kubectl
from oamkit.errors import ApiError, ClusterError, InputError
from oamkit.show import Table, Text

__all__ = ["event_lines", "events", "logs"]


def events(kind: str = "", name: str = "", *, namespace: str = "default", limit: int = 15) -> Table:
    """List what the cluster says has happened, oldest first.

    Args:
        kind: Only events about objects of this kind, e.g. ``"Deployment"``.
        name: Only events about the object of this name; not those about an earlier one that had it, while it is there.
        namespace: Where.
        limit: At most so many, the newest ones.

    Raises:
        ClusterError: There is no cluster, or it doesn't answer.

    Example::

        events("ApplicationConfiguration", "example")
    """
    rows = tuple(
        (
            _age(event),
            event.get("type", ""),
            event.get("reason", ""),
            _about(event),
            event.get("message", "").strip(),
        )
        for event in _read(kind, name, namespace)[-limit:]
    )
    return Table(("AGE", "TYPE", "REASON", "OBJECT", "MESSAGE"), rows, empty="No events.")


def logs(target: str, *, namespace: str = "default", container: str = "", tail: int = 50) -> Text:
    """Show the last lines that a program wrote, by ``kubectl logs``.

    Args:
        target: A Pod's name, or e.g. ``"deployment/web"``.
        namespace: Where.
        container: Which container of the Pod; its first by default.
        tail: How many lines.

    Raises:
        CommandError: There is no such Pod, or it hasn't started.
    """
    arguments = ["logs", target, f"--tail={tail}"]
    if namespace != "default":
        arguments += ["--namespace", namespace]
    if container:
        arguments += ["--container", container]
    return Text(kubectl.run(arguments, timeout=30).stdout or "(nothing was written yet)")


def event_lines(kind: str, name: str, namespace: str, *, limit: int = 5) -> list[str]:
    """Return the newest events about an object and about what it made, a line each; none if they can't be read.

    What a Deployment makes has its name as a prefix, so ``web`` brings the events of ``web-6d4cf56db6-x2x8v`` too.
    """
    try:
        found = _read("", "", namespace)
    except (ApiError, ClusterError):
        return []
    mine = [
        event
        for event in found
        if (about := event.get("involvedObject", {})).get("name", "") == name
        or (about.get("name", "").startswith(f"{name}-") and about.get("kind") != kind)
    ]
    return [
        f"{event.get('type', '')} {event.get('reason', '')} {_about(event)}: {event.get('message', '').strip()}"
        for event in mine[-limit:]
    ]


def _read(kind: str, name: str, namespace: str) -> list[dict[str, Any]]:
    uid = _uid(kind, name, namespace) if kind and name else ""
    selector = {
        "involvedObject.kind": kind,
        "involvedObject.name": name,
        "involvedObject.uid": uid,
    }
    chosen = ",".join(f"{key}={value}" for key, value in selector.items() if value)
    answer = active.api().request(
        "GET",
        f"/api/v1/namespaces/{namespace}/events",
        query={"fieldSelector": chosen} if chosen else {},
    )
    return sorted(answer.get("items") or [], key=_time)


def _uid(kind: str, name: str, namespace: str) -> str:
    """Return the identity of the object that has this name now; ``""`` if none has."""
    api = active.api()
    try:
        found = api.request("GET", api.resource(kind).path(namespace, name))
    except (ApiError, InputError):
        return ""
    return str(found["metadata"]["uid"])


def _time(event: Mapping[str, Any]) -> str:
    """When it happened last. Clients of the new events API leave ``lastTimestamp`` empty (events.k8s.io/v1)."""
    series = event.get("series") or {}
    found = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
    )
    return str(found or "")


def _age(event: Mapping[str, Any]) -> str:
    try:
        then = datetime.fromisoformat(_time(event))
    except ValueError:
        return ""
    passed = max(0, int((datetime.now(UTC) - then).total_seconds()))
    if passed < 120:
        return f"{passed}s"
    if passed < 7200:
        return f"{passed // 60}m"
    return f"{passed // 3600}h"


def _about(event: Mapping[str, Any]) -> str:
    about = event.get("involvedObject") or {}
    return f"{about.get('kind', '')}/{about.get('name', '')}"
