"""How an object is: in words for people, and whether its controller is done with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oamkit.cluster.values import Object

__all__ = ["describe", "has_failed", "holds", "is_ready"]

_GOOD = ("Ready", "Synced", "Established", "Available")
"""The conditions that tell, for kinds that we know nothing else of, that a controller is done."""

_NEEDED = {
    "ApplicationConfiguration": "Synced",
    "CustomResourceDefinition": "Established",
    "Node": "Ready",
}
"""Kinds whose controller hasn't looked at an object yet as long as this condition is missing."""

_HOPELESS = (
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
)
"""Why a container waits that won't start by waiting."""


def is_ready(found: Object) -> bool:
    """Return whether the controller has done what the object asks for.

    A controller that writes ``status.observedGeneration`` is believed only once it has seen the newest version of the object:
    an old status says nothing about a new spec.
    """
    observed = found.at("status.observedGeneration")
    if observed is not None and observed < found.at("metadata.generation", 0):
        return False
    match found.get("kind"):
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            return _rolled_out(found)
        case "Pod":
            return _is_true(found, "Ready") or found.at("status.phase") == "Succeeded"
        case "Namespace":
            return bool(found.at("status.phase") == "Active")
        case _:
            # A kind without any of these conditions, such as a Service, is what it is as soon as it exists.
            types = {*_types(found), _NEEDED.get(str(found.get("kind")), "")}
            return all(_is_true(found, kind) for kind in types if kind in _GOOD)


def has_failed(found: Object) -> bool:
    """Return whether its controller has tried to do what the object asks for now, and says that it can't.

    It may go on trying; without a change by somebody else that comes to nothing.
    """
    match found.get("kind"):
        case "ApplicationConfiguration":
            seen = found.at("status.observedGeneration") == found.at("metadata.generation", 0)
            return seen and _is(found, "Synced", "False")
        case "Job":
            return _is_true(found, "Failed")
        case "Pod":
            return found.at("status.phase") == "Failed" or any(
                ((each.get("state") or {}).get("waiting") or {}).get("reason") in _HOPELESS
                for each in found.at("status.containerStatuses", [])
            )
    return False


def describe(found: Object) -> str:
    """Return in a few words how an object is.

    Example:
        >>> from oamkit.cluster.values import Object
        >>> describe(Object({"kind": "Deployment", "spec": {"replicas": 3}, "status": {"availableReplicas": 1}}))
        '1 of 3 Pods available'
    """
    if found.at("metadata.deletionTimestamp"):
        return "being deleted"
    match found.get("kind"):
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            return _replicas(found)
        case "Pod":
            return _pod(found)
    for condition in found.at("status.conditions") or []:
        if condition.get("status") == "False":
            why = condition.get("message") or condition.get("reason") or ""
            return f"{condition.get('type')} is False: {why}".rstrip(": ")
    good = [kind for kind in _types(found) if _is_true(found, kind)]
    return ", ".join(good) or str(found.at("status.phase", "")) or "it is there"


def _replicas(found: Object) -> str:
    wanted = found.at("spec.replicas", 1)
    available = found.at("status.availableReplicas", found.at("status.readyReplicas", 0))
    parts = [f"{min(available, wanted)} of {wanted} Pods available"]
    if available > wanted:
        parts.append(f"{available - wanted} more to be removed")
    updated = found.at("status.updatedReplicas", 0)
    if available >= wanted and updated < wanted:
        parts.append(f"{updated} of them of the newest version")
    for condition in found.at("status.conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return f"{', '.join(parts)}; {condition.get('message', '')}"
    return ", ".join(parts)


def _pod(found: Object) -> str:
    statuses = [
        *found.at("status.initContainerStatuses", []),
        *found.at("status.containerStatuses", []),
    ]
    for status in statuses:
        waiting = (status.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            return f"{waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
    phase = str(found.at("status.phase", "Unknown"))
    return "Running and ready" if phase == "Running" and _is_true(found, "Ready") else phase


def _rolled_out(found: Object) -> bool:
    """As ``kubectl rollout status`` decides it: all Pods are of the newest version, available, and no old one is left."""
    wanted = found.at("spec.replicas", 1)
    status: dict[str, Any] = found.get("status") or {}
    available = status.get("availableReplicas", status.get("readyReplicas", 0)) or 0
    updated = status.get("updatedReplicas", wanted if found["kind"] == "ReplicaSet" else 0) or 0
    return (
        status.get("observedGeneration") is not None
        and updated >= wanted
        and available >= wanted
        and (status.get("replicas") or 0) <= max(wanted, 0)
    )


def _types(found: Object) -> list[str]:
    return [condition.get("type", "") for condition in found.at("status.conditions") or []]


def _is_true(found: Object, wanted: str) -> bool:
    return _is(found, wanted, "True")


def _is(found: Object, wanted: str, status: str) -> bool:
    return any(
        condition.get("type") == wanted and condition.get("status") == status
        for condition in found.at("status.conditions") or []
    )


def holds(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - whatever an object holds
    """Return whether an object has all that was written; what was added to it, e.g. by defaults, doesn't count.

    Example:
        >>> holds({"spec": {"replicas": 1, "paused": False}}, {"spec": {"replicas": 1, "selector": None}})
        True
    """
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            holds(found.get(key), value)
            for key, value in wanted.items()
            if value not in (None, "", [], {})
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list) and len(found) == len(wanted) and all(map(holds, found, wanted))
        )
    return bool(found == wanted) or str(found) == str(wanted)
