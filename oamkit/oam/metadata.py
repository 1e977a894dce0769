"""The metadata of everything that an application makes (contract 3.4)."""

from __future__ import annotations

from typing import Final

from oamkit.errors import RenderError
from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.kinds import (
    ANNOTATION_GENERATION,
    API_VERSION,
    APPLICATION_CONFIGURATION,
    LABEL_APP,
    LABEL_COMPONENT,
    LABEL_REVISION,
    LABEL_ROLE,
    Obj,
)

__all__ = ["NOT_COPIED", "metadata_of", "owner_reference", "stamp"]

NOT_COPIED: Final = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})
"""Annotations of the application that aren't its objects': the record of what somebody applied belongs to one object."""

_SERVERS: Final = (
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)  # what a template that was copied out of a cluster carries along, and only the API server may set


def owner_reference(app: ApplicationConfiguration) -> Obj:
    """Return the owner reference by which Kubernetes reaps the application's objects."""
    return {
        "apiVersion": API_VERSION,
        "kind": APPLICATION_CONFIGURATION,
        "name": app.name,
        "uid": app.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def metadata_of(obj: Obj) -> Obj:
    """Return ``metadata`` of ``obj``, made if it is absent.

    Raises:
        RenderError: It isn't an object.
    """
    return _object(obj, "metadata", "metadata")


def stamp(
    obj: Obj, app: ApplicationConfiguration, *, component: str, revision: str, role: str
) -> None:
    """Set namespace, owner, labels and annotations, in place.

    Args:
        obj: A workload or a trait.
        app: The application that makes it.
        component: The component's name.
        revision: The component's revision; ``""`` if it has none yet.
        role: :data:`~oamkit.oam.kinds.ROLE_WORKLOAD` or :data:`~oamkit.oam.kinds.ROLE_TRAIT`.

    Raises:
        RenderError: ``metadata``, ``metadata.labels`` or ``metadata.annotations`` isn't an object.
    """
    metadata = metadata_of(obj)
    for field in _SERVERS:
        metadata.pop(field, None)
    labels = _object(metadata, "labels", "metadata.labels")
    labels.update(
        {
            LABEL_APP: app.name,
            LABEL_COMPONENT: component,
            LABEL_REVISION: revision,
            LABEL_ROLE: role,
        }
    )
    annotations = _object(metadata, "annotations", "metadata.annotations")
    annotations[ANNOTATION_GENERATION] = str(app.generation)
    for key, value in app.labels.items():
        labels.setdefault(key, value)
    for key, value in app.annotations.items():
        if key not in NOT_COPIED:
            annotations.setdefault(key, value)
    metadata["ownerReferences"] = [owner_reference(app)]
    metadata["namespace"] = app.namespace


def _object(parent: Obj, key: str, field: str) -> Obj:
    value = parent.get(key)
    if value is None:
        value = parent[key] = {}
    if not isinstance(value, dict):
        raise RenderError(f"{field} is not an object")
    return value
