"""Applications of any size, as a cluster would have them."""

from __future__ import annotations

from typing import Any

__all__ = ["application"]

OAM = "core.oam.dev/v1alpha2"
PODS = 3


def application(objects: int) -> list[dict[str, Any]]:
    """Return an application of about so many objects: for each component a Deployment, its ReplicaSet and three Pods.

    Args:
        objects: How many there should be, the application and its Components not counted.
    """
    names = [f"part-{number}" for number in range(max(1, objects // (2 + PODS)))]
    entries = [{"componentName": name} for name in names]
    synced = {"conditions": [{"type": "Synced", "status": "True"}]}
    app = _object(
        OAM, "ApplicationConfiguration", "big", None, spec={"components": entries}, status=synced
    )
    found = [app]
    for name in names:
        template = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}}
        found.append(_object(OAM, "Component", name, None, spec={"workload": template}))
        counts = {"replicas": PODS, "readyReplicas": PODS, "updatedReplicas": PODS}
        deployment = _object(
            "apps/v1", "Deployment", name, app, spec={"replicas": PODS}, status=counts
        )
        replicas = _object(
            "apps/v1", "ReplicaSet", f"{name}-1", deployment, spec={"replicas": PODS}, status=counts
        )
        found += [deployment, replicas]
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        found += [
            _object("v1", "Pod", f"{name}-1-{n}", replicas, status=ready) for n in range(PODS)
        ]
    return found


def _object(
    api_version: str, kind: str, name: str, owner: dict[str, Any] | None, **rest: object
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "default", "uid": f"{kind}-{name}"}
    if owner:
        keys = {key: owner[key] for key in ("apiVersion", "kind")}
        metadata["ownerReferences"] = [
            {**keys, "name": owner["metadata"]["name"], "controller": True}
        ]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
