"""The objects that every sandbox has from its first start; pure."""

from __future__ import annotations

from typing import Any

from oamkit.sandbox.config import INGRESS_CLASS, KUBELET_CLIENT, NODE_NAME, TRAEFIK_USER, Layout

__all__ = ["base_objects", "path_of"]

LABELS = {"app.kubernetes.io/managed-by": "oamkit-sandbox"}
RBAC = "rbac.authorization.k8s.io/v1"


def base_objects(layout: Layout) -> list[dict[str, Any]]:
    """Return them in the order in which they are to be applied.

    ================  =====================================================================================================
    object            why
    ================  =====================================================================================================
    IngressClass      Ingresses without a class are Traefik's
    Traefik's role    reads what the provider for Ingresses needs, writes nothing but their status
    kubelet API role  lets the API server ask the node agent for logs, exec and port-forward on a user's behalf
    Services' role    lets the node agent read Services and EndpointSlices: it stands in for kube-proxy too
    ``kube-dns``      the name server's well-known Service; the node agent answers at its address
    ================  =====================================================================================================
    """
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {
                "name": INGRESS_CLASS,
                "labels": LABELS,
                "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
            },
            "spec": {"controller": "traefik.io/ingress-controller"},
        },
        {
            "apiVersion": RBAC,
            "kind": "ClusterRole",
            "metadata": {"name": "oamkit:traefik", "labels": LABELS},
            "rules": [
                _rule("", ["services", "secrets", "nodes", "namespaces"], "get", "list", "watch"),
                _rule("discovery.k8s.io", ["endpointslices"], "get", "list", "watch"),
                _rule("networking.k8s.io", ["ingresses", "ingressclasses"], "get", "list", "watch"),
                _rule("networking.k8s.io", ["ingresses/status"], "update"),
            ],
        },
        _binding("oamkit:traefik", "oamkit:traefik", TRAEFIK_USER),
        _binding("oamkit:apiserver-kubelet", "system:kubelet-api-admin", KUBELET_CLIENT),
        _binding("oamkit:node-proxy", "system:node-proxier", f"system:node:{NODE_NAME}"),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "kube-dns",
                "namespace": "kube-system",
                "labels": {**LABELS, "k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"},
            },
            "spec": {
                "clusterIP": layout.dns_ip,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        },
    ]


def path_of(manifest: dict[str, Any]) -> str:
    """Return the API path of an object.

    Example:
        >>> path_of({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}})
        '/api/v1/namespaces/b/services/a'
    """
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    kind = manifest["kind"].lower()
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return f"{root}{namespace}/{plural}/{metadata['name']}"


def _rule(group: str, resources: list[str], *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}


def _binding(name: str, role: str, user: str) -> dict[str, Any]:
    return {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": LABELS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
