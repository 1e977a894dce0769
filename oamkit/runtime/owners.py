"""Tells what was done for a workload or trait at the application that it is of."""

from __future__ import annotations

from oamkit.kube import Object, Resource
from oamkit.oam.kinds import APPLICATION_CONFIGURATION, GROUP, group_of
from oamkit.runtime.events import EventRecorder, EventType
from oamkit.runtime.kinds import APPLICATION_CONFIGURATIONS

__all__ = ["emit_at_application"]


def emit_at_application(
    events: EventRecorder,
    resource: Resource,
    obj: Object,
    kind: EventType,
    reason: str,
    message: str,
) -> None:
    """Tell an event at the application that owns an object, at the object itself if none does.

    Args:
        events: Writes it.
        resource: The object's kind.
        obj: The object.
        kind: ``"Normal"`` or ``"Warning"``.
        reason: In a few words.
        message: In a sentence.
    """
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner["kind"] == APPLICATION_CONFIGURATION and group_of(owner["apiVersion"]) == GROUP:
            place = {"name": owner["name"], "uid": owner["uid"]}
            obj = {"metadata": {**place, "namespace": obj["metadata"]["namespace"]}}
            resource = APPLICATION_CONFIGURATIONS
            break
    events.emit(resource, obj, kind, reason, message)
