"""Kinds that come with Kubernetes, by the API versions that a current cluster serves.

Only kinds that applications are made of, and the cluster-scoped ones that people try to put into one.

Source: https://kubernetes.io/docs/reference/kubernetes-api/
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from oamkit.oam.kinds import (
    API_VERSION,
    CONTAINERIZED_WORKLOAD,
    HEALTH_SCOPE,
    MANUAL_SCALER_TRAIT,
    group_of,
)
from oamkit.oam.world import KindKey, ServedKind

__all__ = ["BUILTIN", "is_builtin_group"]

_NAMESPACED: Final = {
    "v1": {
        "ConfigMap": "configmaps",
        "Endpoints": "endpoints",
        "LimitRange": "limitranges",
        "PersistentVolumeClaim": "persistentvolumeclaims",
        "Pod": "pods",
        "PodTemplate": "podtemplates",
        "ReplicationController": "replicationcontrollers",
        "ResourceQuota": "resourcequotas",
        "Secret": "secrets",
        "Service": "services",
        "ServiceAccount": "serviceaccounts",
    },
    "apps/v1": {
        "ControllerRevision": "controllerrevisions",
        "DaemonSet": "daemonsets",
        "Deployment": "deployments",
        "ReplicaSet": "replicasets",
        "StatefulSet": "statefulsets",
    },
    "autoscaling/v1": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "batch/v1": {"CronJob": "cronjobs", "Job": "jobs"},
    "coordination.k8s.io/v1": {"Lease": "leases"},
    "discovery.k8s.io/v1": {"EndpointSlice": "endpointslices"},
    "networking.k8s.io/v1": {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "rbac.authorization.k8s.io/v1": {"Role": "roles", "RoleBinding": "rolebindings"},
    API_VERSION: {
        CONTAINERIZED_WORKLOAD: "containerizedworkloads",
        HEALTH_SCOPE: "healthscopes",
        MANUAL_SCALER_TRAIT: "manualscalertraits",
    },
}
_CLUSTER_SCOPED: Final = {
    "v1": {"Namespace": "namespaces", "Node": "nodes", "PersistentVolume": "persistentvolumes"},
    "networking.k8s.io/v1": {"IngressClass": "ingressclasses"},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": "clusterroles",
        "ClusterRoleBinding": "clusterrolebindings",
    },
    "scheduling.k8s.io/v1": {"PriorityClass": "priorityclasses"},
    "storage.k8s.io/v1": {"StorageClass": "storageclasses"},
}

BUILTIN: Final[Mapping[KindKey, ServedKind]] = MappingProxyType(
    {
        KindKey(api_version, kind): ServedKind(plural, namespaced=namespaced)
        for table, namespaced in ((_NAMESPACED, True), (_CLUSTER_SCOPED, False))
        for api_version, kinds in table.items()
        for kind, plural in kinds.items()
    }
)
"""How a current cluster serves them."""


def is_builtin_group(api_version: str) -> bool:
    """Tell whether an API group is Kubernetes's own, so that no definition can bring kinds into it.

    Example:
        >>> is_builtin_group("extensions/v1beta1"), is_builtin_group("example.com/v1")
        (True, False)
    """
    group = group_of(api_version)
    return "." not in group or group in {group_of(key.api_version) for key in BUILTIN}
