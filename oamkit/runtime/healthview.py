"""What a HealthScope sees of the cluster: local copies of its workloads, and which of them it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from oamkit.errors import ApiError, ClusterError, OamKitError
from oamkit.kube import Informer, Key, Object, Resource, key_of
from oamkit.oam.kinds import LABEL_APP, LABEL_COMPONENT, TypedReference
from oamkit.oam.shape import quoted

__all__ = ["HealthView", "Thing", "judged", "kept", "things"]

Thing = tuple[Any, ...]
"""What a scope looks at: an object, or all objects of a component."""


class HealthView:
    """What a scope sees of the cluster.

    Args:
        key: The scope's.
        copies: By API version and kind; or why there is none.
        note: Called with each thing before it is looked at, so that no change after that is missed.

    Attributes:
        seen: All things that were looked at.
    """

    def __init__(
        self,
        key: Key,
        copies: Mapping[tuple[str, str], Informer | OamKitError],
        note: Callable[[Thing], None],
    ) -> None:
        self.seen: set[Thing] = set()
        self._key = key
        self._copies = copies
        self._tell = note

    def get(self, reference: TypedReference) -> Object:
        """See :meth:`oamkit.oam.health.Cluster.get`."""
        copy = self._copy(reference)
        resource = copy.resource
        namespace = self._key[0] if resource.namespaced else ""
        self._note((resource, namespace, reference.name))
        found = copy.items.get((namespace, reference.name))
        if found is None:
            kind = f"{resource.plural}.{resource.group}".rstrip(".")
            raise OamKitError(f"{kind} {quoted(reference.name)} not found")
        return found

    def peers(self, reference: TypedReference, labels: Mapping[str, str]) -> Sequence[Object]:
        """See :meth:`oamkit.oam.health.Cluster.peers`."""
        copy = self._copy(reference)
        namespace = self._key[0] if copy.resource.namespaced else ""
        self._note((copy.resource, namespace, labels[LABEL_COMPONENT], labels[LABEL_APP]))
        wanted = labels.items()
        return [
            obj
            for (place, _), obj in copy.items.items()
            if place == namespace and wanted <= (obj["metadata"].get("labels") or {}).items()
        ]

    def _copy(self, reference: TypedReference) -> Informer:
        copy = self._copies.get((reference.api_version, reference.kind))
        if isinstance(copy, OamKitError):
            raise copy
        if copy is None:
            raise OamKitError(f"{reference.kind} of {reference.api_version} can't be looked at")
        if isinstance(copy.error, ApiError) or not copy.synced.is_set():
            raise copy.error or ClusterError(f"{copy.resource.plural} couldn't be listed in time")
        return copy

    def _note(self, thing: Thing) -> None:
        self.seen.add(thing)
        self._tell(thing)


def things(resource: Resource, obj: Object) -> Iterator[Thing]:
    """What an object is to scopes: itself, and one of its component's."""
    namespace, name = key_of(obj)
    yield resource, namespace, name
    labels = obj["metadata"].get("labels") or {}
    if LABEL_COMPONENT in labels and LABEL_APP in labels:
        yield resource, namespace, labels[LABEL_COMPONENT], labels[LABEL_APP]


def kept(obj: Object) -> Object:
    """The part of a workload that health is about."""
    metadata = obj["metadata"]
    fields = ("name", "namespace", "uid", "resourceVersion", "labels")
    found: Object = {"metadata": {key: metadata[key] for key in fields if key in metadata}}
    replicas = obj["spec"].get("replicas") if isinstance(obj.get("spec"), dict) else None
    if replicas is not None:
        found["spec"] = {"replicas": replicas}
    if "status" in obj:
        found["status"] = obj["status"]
    return found


def judged(obj: Object) -> tuple[Any, ...]:
    """All of an object that health depends on: equal if nothing that matters changed."""
    metadata = obj["metadata"]
    return metadata["uid"], metadata.get("labels"), obj.get("spec"), obj.get("status")
