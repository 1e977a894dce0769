"""The API resources that the runtime itself works with; those of workloads and traits are found by discovery."""

from __future__ import annotations

from typing import Final

from oamkit.kube import Resource
from oamkit.oam.kinds import GROUP, VERSION

__all__ = [
    "APPLICATION_CONFIGURATIONS",
    "COMPONENTS",
    "CONFIG_MAPS",
    "CONTAINERIZED_WORKLOADS",
    "CONTROLLER_REVISIONS",
    "CRDS",
    "DEFINITIONS",
    "DEPLOYMENTS",
    "EVENTS",
    "HEALTH_SCOPES",
    "LEASES",
    "MANUAL_SCALER_TRAITS",
    "PERSISTENT_VOLUME_CLAIMS",
    "SECRETS",
    "SERVICES",
    "WEBHOOK_CONFIGURATIONS",
    "WORKLOAD_DEFINITIONS",
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
CONTAINERIZED_WORKLOADS: Final = _oam(
    "containerizedworkloads", "ContainerizedWorkload", namespaced=True
)
MANUAL_SCALER_TRAITS: Final = _oam("manualscalertraits", "ManualScalerTrait", namespaced=True)
WORKLOAD_DEFINITIONS: Final = _oam("workloaddefinitions", "WorkloadDefinition", namespaced=False)
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment", True)
SERVICES: Final = Resource("", "v1", "services", "Service", True)
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap", True)
PERSISTENT_VOLUME_CLAIMS: Final = Resource(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True
)
