"""The names of the model: group, kinds, labels, annotations, and references between objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

__all__ = [
    "ANNOTATION_GENERATION",
    "API_VERSION",
    "APPLICATION_CONFIGURATION",
    "COMPONENT",
    "CONTAINERIZED_WORKLOAD",
    "FIELD_MANAGER",
    "FINALIZER_SCOPES",
    "GROUP",
    "HEALTH_SCOPE",
    "LABEL_APP",
    "LABEL_COMPONENT",
    "LABEL_REVISION",
    "LABEL_REVISION_COMPONENT",
    "LABEL_ROLE",
    "LABEL_TRAIT_TYPE",
    "LABEL_WORKLOAD_TYPE",
    "MANUAL_SCALER_TRAIT",
    "ROLE_TRAIT",
    "ROLE_WORKLOAD",
    "SCOPE_DEFINITION",
    "TRAIT_DEFINITION",
    "VERSION",
    "WORKLOAD_DEFINITION",
    "Obj",
    "TypedReference",
    "group_of",
]

Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object, or a part of one, as JSON gives it."""

GROUP: Final = "core.oam.dev"
VERSION: Final = "v1alpha2"
API_VERSION: Final = f"{GROUP}/{VERSION}"

APPLICATION_CONFIGURATION: Final = "ApplicationConfiguration"
COMPONENT: Final = "Component"
CONTAINERIZED_WORKLOAD: Final = "ContainerizedWorkload"
HEALTH_SCOPE: Final = "HealthScope"
MANUAL_SCALER_TRAIT: Final = "ManualScalerTrait"
SCOPE_DEFINITION: Final = "ScopeDefinition"
TRAIT_DEFINITION: Final = "TraitDefinition"
WORKLOAD_DEFINITION: Final = "WorkloadDefinition"

# Contract 1.10.
LABEL_APP: Final = "app.oam.dev/name"
LABEL_COMPONENT: Final = "app.oam.dev/component"
LABEL_REVISION: Final = "app.oam.dev/revision"
LABEL_ROLE: Final = "app.oam.dev/resourceType"
ROLE_WORKLOAD: Final = "WORKLOAD"
ROLE_TRAIT: Final = "TRAIT"
LABEL_WORKLOAD_TYPE: Final = "workload.oam.dev/type"
LABEL_TRAIT_TYPE: Final = "trait.oam.dev/type"
LABEL_REVISION_COMPONENT: Final = "controller.oam.dev/component"
ANNOTATION_GENERATION: Final = "app.oam.dev/generation"
FINALIZER_SCOPES: Final = "scope.finalizer.core.oam.dev"

FIELD_MANAGER: Final = "oam-runtime"
"""Who owns, by server-side apply, the fields that an application sets."""


def group_of(api_version: str) -> str:
    """Return the API group of an ``apiVersion``; ``""`` is the core group.

    Example:
        >>> group_of("apps/v1"), group_of("v1")
        ('apps', '')
    """
    group, slash, _ = api_version.rpartition("/")
    return group if slash else ""


@dataclass(frozen=True, slots=True)
class TypedReference:
    """Points at an object of the referrer's own namespace (contract 1.1).

    Args:
        api_version: e.g. ``"apps/v1"``.
        kind: e.g. ``"Deployment"``.
        name: The object's name.
        uid: Its UID where the reference means that very object; ``""`` elsewhere.

    Example:
        >>> TypedReference("apps/v1", "Deployment", "web").to_dict()
        {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'web'}
    """

    api_version: str
    kind: str
    name: str
    uid: str = ""

    @classmethod
    def to(cls, obj: Obj) -> TypedReference:
        """Return a reference, without UID, to ``obj``; what the object leaves out is ``""``."""
        metadata = obj.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        texts = (obj.get("apiVersion"), obj.get("kind"), name)
        return cls(*(text if isinstance(text, str) else "" for text in texts))

    @property
    def group(self) -> str:
        """The API group; ``""`` is the core group."""
        return group_of(self.api_version)

    def to_dict(self) -> Obj:
        """Return the reference as the API takes it."""
        fields = {"apiVersion": self.api_version, "kind": self.kind, "name": self.name}
        return fields | {"uid": self.uid} if self.uid else fields

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} of {self.api_version}"
