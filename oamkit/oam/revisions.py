"""Revisions: what a Component's spec was, kept as ControllerRevisions (contract 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from oamkit.errors import RenderError
from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.kinds import API_VERSION, COMPONENT, LABEL_REVISION_COMPONENT, Obj
from oamkit.oam.naming import revision_name
from oamkit.oam.shape import kind_of

__all__ = [
    "CONTROLLER_REVISION",
    "base_number",
    "belongs_to",
    "component_of",
    "holds_spec_of",
    "is_recorded",
    "pinned",
    "recorded",
    "revision_of",
    "surplus",
]

CONTROLLER_REVISION: Final = ("apps/v1", "ControllerRevision")


def is_recorded(component: Obj) -> bool:
    """Tell whether the newest revision is what the Component says now.

    A Component that was just written isn't for a moment; what is made of it then would carry the wrong revision.

    Example:
        >>> is_recorded({"metadata": {"generation": 1}, "spec": {}})
        False
    """
    status = component.get("status") or {}
    generation = component["metadata"].get("generation", 0)
    return "latestRevision" in status and status.get("observedGeneration") == generation


def component_of(revision: Obj) -> Obj:
    """Return the Component that a ControllerRevision holds.

    Raises:
        RenderError: It holds something else.
    """
    data = revision.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("spec"), dict):
        name = revision["metadata"]["name"]
        raise RenderError(
            f"invalid type of revision {name}, type should not be {kind_of(data)}",
            hint="The data of a Component's ControllerRevision is the whole Component.",
        )
    return data


def holds_spec_of(revision: Obj, component: Obj) -> bool:
    """Tell whether a revision has the Component's spec of now; metadata and status don't count."""
    try:
        return bool(component_of(revision)["spec"] == component["spec"])
    except RenderError:
        return False


def belongs_to(revision: Obj, component: Obj) -> bool:
    """Tell whether a revision was made of this very Component, not of an earlier one of its name."""
    owners = revision["metadata"].get("ownerReferences") or ()
    uid = component["metadata"]["uid"]
    return any(owner.get("controller") and owner["uid"] == uid for owner in owners)


def base_number(component: Obj, latest: Obj | None) -> int:
    """Return the number after which a new revision's number comes.

    Args:
        component: The Component.
        latest: The revision that its status names, if there is one.

    Example:
        >>> base_number({"status": {"latestRevision": {"name": "web-v3", "revision": 3}}}, None)
        3
    """
    if latest is not None:
        return int(latest.get("revision") or 0)
    recorded_one = (component.get("status") or {}).get("latestRevision") or {}
    return int(recorded_one.get("revision") or 0)


def recorded(component: Obj, name: str, number: int) -> Obj:
    """Return the Component with this revision in its status as the newest."""
    status = {
        **(component.get("status") or {}),
        "observedGeneration": component["metadata"].get("generation", 0),
        "latestRevision": {"name": name, "revision": number},
    }
    return {**component, "status": status}


def revision_of(component: Obj, number: int) -> Obj:
    """Return the ControllerRevision to create for what the Component says now.

    Args:
        component: The Component.
        number: The revision's number, from 1.
    """
    metadata = component["metadata"]
    name = revision_name(metadata["name"], number)
    owner: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": COMPONENT,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    api_version, kind = CONTROLLER_REVISION
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {LABEL_REVISION_COMPONENT: metadata["name"]},
            "ownerReferences": [owner],
        },
        "revision": number,
        "data": recorded({"apiVersion": API_VERSION, "kind": COMPONENT, **component}, name, number),
    }


def pinned(apps: Iterable[ApplicationConfiguration]) -> set[str]:
    """Return the names of the revisions that applications pin."""
    return {entry.revision_name for app in apps for entry in app.components} - {""}


def surplus(revisions: Iterable[Obj], limit: int, live: Collection[str]) -> list[str]:
    """Return the names of the revisions to delete, oldest first.

    Args:
        revisions: All revisions of one Component.
        limit: How many are kept besides the live ones.
        live: Names of revisions that applications pin; those of other Components don't matter.

    Example:
        >>> three = [{"metadata": {"name": f"web-v{n}"}, "revision": n} for n in (3, 1, 2)]
        >>> surplus(three, 2, live=())
        ['web-v1']
        >>> surplus(three, 2, live=("web-v1",))
        []
    """
    ordered = sorted(revisions, key=lambda revision: int(revision.get("revision") or 0))
    names = [str(revision["metadata"]["name"]) for revision in ordered]
    used = {name for name in names if name in live}
    number = max(0, len(names) - limit - len(used))
    return [name for name in names if name not in used][:number]
