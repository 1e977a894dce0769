"""The API resources that the runtime itself works with; those of workloads and traits are found by discovery."""

from __future__ import annotations

from typing import Final

from oamkit.kube import Resource
from oamkit.oam.kinds import GROUP, VERSION

__all__ = [
    "APPLICATION_CONFIGURATIONS",
    "COMPONENTS",
    "CONTROLLER_REVISIONS",
    "CRDS",
    "DEFINITIONS",
    "EVENTS",
    "HEALTH_SCOPES",
    "LEASES",
    "SECRETS",
    "WEBHOOK_CONFIGURATIONS",
]


def _oam(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource(GROUP, VERSION, plural, kind, namespaced)


APPLICATION_CONFIGURATIONS: Final = _oam(
    "applicationconfigurations", "ApplicationConfiguration", namespaced=True
)
COMPONENTS: Final = _oam("components", "Component", namespaced=True)
HEALTH_SCOPES: Final = _oam("healthscopes", "HealthScope", namespaced=True)
DEFINITIONS: Final = (
    _oam("traitdefinitions", "TraitDefinition", namespaced=False),
    _oam("scopedefinitions", "ScopeDefinition", namespaced=False),
)
"""The definitions that rendering reads."""
CONTROLLER_REVISIONS: Final = Resource(
    "apps", "v1", "controllerrevisions", "ControllerRevision", True
)
CRDS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
)
EVENTS: Final = Resource("", "v1", "events", "Event", True)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease", True)
SECRETS: Final = Resource("", "v1", "secrets", "Secret", True)
WEBHOOK_CONFIGURATIONS: Final = tuple(
    Resource("admissionregistration.k8s.io", "v1", f"{kind.lower()}s", kind, False)
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
)
