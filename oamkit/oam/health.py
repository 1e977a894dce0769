"""The health of a HealthScope's workloads (contract 8).

Pure: what the cluster says comes through a :class:`Cluster`, which may be a local copy of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from oamkit.errors import OamKitError
from oamkit.oam.kinds import (
    API_VERSION,
    CONTAINERIZED_WORKLOAD,
    LABEL_APP,
    LABEL_COMPONENT,
    Obj,
    TypedReference,
)

__all__ = [
    "COMPOSED",
    "HEALTHY",
    "UNHEALTHY",
    "UNKNOWN",
    "Cluster",
    "Health",
    "check",
    "health_status",
]

HEALTHY: Final = "HEALTHY"
UNHEALTHY: Final = "UNHEALTHY"
UNKNOWN: Final = "UNKNOWN"

POD_SPEC_WORKLOAD: Final = ("standard.oam.dev/v1alpha1", "PodSpecWorkload")
COMPOSED: Final = frozenset({(API_VERSION, CONTAINERIZED_WORKLOAD), POD_SPEC_WORKLOAD})
"""Kinds that are as healthy as the Deployment and the Service that they made."""


class Cluster(Protocol):
    """What the objects of the scope's namespace are."""

    def get(self, reference: TypedReference) -> Obj:
        """Return an object.

        Raises:
            OamKitError: It isn't there, or can't be read.
        """
        ...  # pragma: no cover - a protocol

    def peers(self, reference: TypedReference, labels: Mapping[str, str]) -> Sequence[Obj]:
        """Return all objects of the reference's kind that carry these labels.

        Raises:
            OamKitError: They can't be listed.
        """
        ...  # pragma: no cover - a protocol


@dataclass(frozen=True, slots=True)
class Health:
    """How a workload is.

    Args:
        target: The workload; with UID if its kind is known.
        status: :data:`HEALTHY`, :data:`UNHEALTHY` or :data:`UNKNOWN`.
        diagnosis: Why, or in figures.
        component: Its component's name.
        workload_status: Its own status as JSON, where it can't be judged.
    """

    target: TypedReference
    status: str
    diagnosis: str = ""
    component: str = ""
    workload_status: str = ""

    def to_dict(self) -> Obj:
        """Return the entry of ``status.healthConditions``."""
        fields = {
            "componentName": self.component,
            "targetWorkload": self.target.to_dict(),
            "healthStatus": self.status,
            "diagnosis": self.diagnosis,
            "workloadStatus": self.workload_status,
        }
        return {key: value for key, value in fields.items() if value}


Judge = Callable[[Obj, TypedReference, Cluster], tuple[str, str]]


def check(reference: TypedReference, cluster: Cluster) -> Health:
    """Tell how a workload and its peers are: the other objects of its kind that belong to the same component.

    Args:
        reference: The workload.
        cluster: What is known of the cluster.
    """
    reference = replace(reference, uid="")
    try:
        target = cluster.get(reference)
    except OamKitError as error:
        message = f"error occurs in health check : {error.message}"
        peers = f" error occurs when get versioning peer workloads refs:{error.message}"
        return Health(reference, UNHEALTHY, message + peers)
    health = _judge(reference, target, cluster)
    labels = target["metadata"].get("labels") or {}
    wanted = {key: labels[key] for key in (LABEL_COMPONENT, LABEL_APP) if labels.get(key)}
    if len(wanted) < 2:
        return health
    try:
        others = [
            _judge(replace(reference, name=peer["metadata"]["name"]), peer, cluster)
            for peer in cluster.peers(reference, wanted)
            if peer["metadata"]["name"] != reference.name
        ]
    except OamKitError as error:
        message = f"error occurs when get versioning peer workloads refs:{error.message}"
        return replace(health, status=UNHEALTHY, diagnosis=f"{health.diagnosis} {message}")
    return _merged(health, others) if others else health


def _judge(reference: TypedReference, obj: Obj, cluster: Cluster) -> Health:
    metadata = obj["metadata"]
    component = (metadata.get("labels") or {}).get(LABEL_COMPONENT, "")
    judge = _JUDGES.get((reference.api_version, reference.kind))
    if judge is None:
        own = json.dumps(obj.get("status"), separators=(",", ":"), sort_keys=True)
        text = f"APIVersion {reference.api_version} Kind {reference.kind}"
        return Health(
            reference, UNKNOWN, f"{text} workload is unknown for HealthScope ", component, own
        )
    status, diagnosis = judge(obj, reference, cluster)
    return Health(replace(reference, uid=metadata.get("uid", "")), status, diagnosis, component)


def _replicas(obj: Obj, *_: object) -> tuple[str, str]:
    ready = (obj.get("status") or {}).get("readyReplicas") or 0
    wanted = (obj.get("spec") or {}).get("replicas") or 0
    return HEALTHY if ready == wanted else UNHEALTHY, f"Ready:{ready}/{wanted} "


def _on_each_node(obj: Obj, *_: object) -> tuple[str, str]:
    status = obj.get("status") or {}
    figures = f"{status.get('numberReady') or 0}/{status.get('desiredNumberScheduled') or 0}"
    return UNHEALTHY if status.get("numberUnavailable") else HEALTHY, f"Ready:{figures} "


def _composed(obj: Obj, reference: TypedReference, cluster: Cluster) -> tuple[str, str]:
    """Judge a workload by the Deployment and the Service that it tells to have made.

    A ContainerizedWorkload without a port has no Service: it tells of a Deployment only.
    """
    children = (obj.get("status") or {}).get("resources") or []
    kinds = [child.get("kind") for child in children]
    alone = reference.kind == CONTAINERIZED_WORKLOAD and kinds == ["Deployment"]
    if len(children) != 2 and not alone:
        return (
            UNHEALTHY,
            f"cannot get child resource references of workload {reference.name}",
        )
    healthy, diagnoses = True, ""
    for child in children:
        made = TypedReference(
            *(str(child.get(key) or "") for key in ("apiVersion", "kind", "name"))
        )
        try:
            found = cluster.get(made)
        except OamKitError as error:
            healthy = False
            diagnoses += f"error occurs in health check : {error.message} "
            continue
        if made.kind == "Deployment":
            status, diagnosis = _replicas(found)
            healthy &= status == HEALTHY
            diagnoses += diagnosis
    return HEALTHY if healthy else UNHEALTHY, diagnoses


_JUDGES: Final[dict[tuple[str, str], Judge]] = {
    ("apps/v1", "Deployment"): _replicas,
    ("apps/v1", "StatefulSet"): _replicas,
    ("apps/v1", "DaemonSet"): _on_each_node,
    **dict.fromkeys(COMPOSED, _composed),
}


def _merged(health: Health, peers: Sequence[Health]) -> Health:
    """Return one entry for all revisions of a workload, the newest first; old ones that were scaled away aren't told."""
    everyone = sorted([health, *peers], key=lambda each: each.target.name)
    everyone.sort(key=lambda each: _revision(each.target.name), reverse=True)
    told = [each for i, each in enumerate(everyone) if i < 2 or each.diagnosis != "Ready:0/0 "]
    unknown = health.status == UNKNOWN
    text = " ".join(
        f"{each.target.name}:{(each.workload_status if unknown else each.diagnosis).rstrip()}"
        for each in told
    )
    if unknown:
        return replace(health, workload_status=text)
    healthy = all(each.status == HEALTHY for each in everyone)
    return replace(health, status=HEALTHY if healthy else UNHEALTHY, diagnosis=text)


def _revision(name: str) -> int:
    number = re.search(r"v(\d{1,18})$", name)
    return int(number.group(1)) if number else 0


def health_status(status: Obj, healths: Sequence[Health]) -> Obj:
    """Return the status of a scope.

    Args:
        status: Its status before; it isn't changed.
        healths: One for each workload reference, in order.

    Example:
        >>> web = TypedReference("apps/v1", "Deployment", "web")
        >>> health_status({}, [Health(web, UNHEALTHY)])["scopeHealthCondition"]
        {'healthStatus': 'UNHEALTHY', 'total': 1, 'unhealthyWorkloads': 1}
    """
    counts = {
        state: sum(health.status == state for health in healths)
        for state in (HEALTHY, UNHEALTHY, UNKNOWN)
    }
    figures = {
        "total": len(healths),
        "healthyWorkloads": counts[HEALTHY],
        "unhealthyWorkloads": counts[UNHEALTHY],
        "unknownWorkloads": counts[UNKNOWN],
    }
    whole = HEALTHY if counts[HEALTHY] == len(healths) else UNHEALTHY
    new = {
        **status,
        "scopeHealthCondition": {
            "healthStatus": whole,
            **{key: value for key, value in figures.items() if value},
        },
        "healthConditions": [health.to_dict() for health in healths],
    }
    return {key: value for key, value in new.items() if value != []}
