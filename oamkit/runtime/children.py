"""What the runtime keeps of the objects that applications made: enough to see that somebody changed or deleted one.

Server-side apply records who owns which field (``metadata.managedFields``). As soon as anybody else changes the value of a field of
ours, that field leaves our record; what others do to other fields, the status included, doesn't touch it. So a digest of our record
tells at once whether all that we applied still stands, and nothing else of the object must be kept.
"""

from __future__ import annotations

import hashlib
import json

from oamkit.kube import Json, Object
from oamkit.oam.kinds import (
    ANNOTATION_GENERATION,
    APPLICATION_CONFIGURATION,
    FIELD_MANAGER,
    GROUP,
    LABEL_APP,
    LABEL_COMPONENT,
    LABEL_REVISION,
    group_of,
)

__all__ = [
    "application_names",
    "controller_of",
    "digest",
    "is_same_release",
    "owned",
    "project",
    "project_by_controller",
]

OWNED = "oamkit-owned"
"""Where :func:`project` puts the digest; no field of an API object has such a name."""
_RELEASE = (LABEL_REVISION, LABEL_COMPONENT, LABEL_APP)


def digest(value: Json) -> str:
    """A short text that is equal for equal data."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def project(obj: Object) -> Object:
    """The part of an object of an application that is kept."""
    return _projected(obj, FIELD_MANAGER)


def project_by_controller(obj: Object) -> Object:
    """The part that is kept of an object whose field manager is the UID of its controller."""
    controller = controller_of(obj)
    return _projected(obj, controller["uid"] if controller else "")


def _projected(obj: Object, manager: str) -> Object:
    metadata = obj["metadata"]
    kept = {
        key: metadata[key]
        for key in (
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "deletionTimestamp",
            "labels",
            "ownerReferences",
        )
        if key in metadata
    }
    generation = (metadata.get("annotations") or {}).get(ANNOTATION_GENERATION)
    if generation is not None:
        kept["annotations"] = {ANNOTATION_GENERATION: generation}
    return {"metadata": kept, OWNED: _record(metadata, manager)}


def is_same_release(live: Object, desired: Object) -> bool:
    """Whether a workload or trait was made from the same state of its application and component (contract 2.4)."""
    old, new = (
        (
            (obj["metadata"].get("annotations") or {}).get(ANNOTATION_GENERATION),
            *((obj["metadata"].get("labels") or {}).get(label) for label in _RELEASE),
        )
        for obj in (live, desired)
    )
    return old == new


def owned(child: Object) -> str:
    """The digest of the fields that are ours, of a projected object; ``""`` if none is."""
    text: str = child[OWNED]
    return text


def controller_of(obj: Object) -> Object | None:
    """The owner reference of the object's controller."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Object = reference
            return found
    return None


def application_names(obj: Object) -> set[str]:
    """The names of the applications, in the object's namespace, that have to do with it."""
    names = {(obj["metadata"].get("labels") or {}).get(LABEL_APP, "")}
    controller = controller_of(obj)
    if (
        controller
        and controller["kind"] == APPLICATION_CONFIGURATION
        and group_of(controller["apiVersion"]) == GROUP
    ):
        names.add(controller["name"])
    return names - {""}


def _record(metadata: Object, manager: str) -> str:
    for entry in metadata.get("managedFields") or ():
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
        ):
            return digest(entry.get("fieldsV1"))
    return ""
