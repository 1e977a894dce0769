"""Kinds that moved to another API version and kept, or nearly kept, their shape."""

from __future__ import annotations

from typing import Final

from oamkit.oam.kinds import Obj
from oamkit.oam.legacy.rules import LossyError, Rule, child, children, unchanged

__all__ = ["RULES"]


def _disruption_budget(obj: Obj) -> list[str]:
    # In policy/v1beta1 an empty selector selects no Pod, in policy/v1 every Pod.
    # Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125
    selector = child(obj, "spec").get("selector")
    if selector is not None and not any(selector.values() if isinstance(selector, dict) else ()):
        raise LossyError("an empty spec.selector selected no Pod there, and selects all Pods now")
    return []


def _endpoint_slice(obj: Obj) -> list[str]:
    for endpoint in children(obj, "endpoints"):
        if endpoint.get("topology"):
            raise LossyError("an endpoint's topology has no full counterpart")
        endpoint.pop("topology", None)
    return []


RULES: Final = (
    Rule("batch/v1beta1", "CronJob", "batch/v1", unchanged),
    Rule("batch/v2alpha1", "CronJob", "batch/v1", unchanged),
    Rule("coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1", unchanged),
    Rule("discovery.k8s.io/v1beta1", "EndpointSlice", "discovery.k8s.io/v1", _endpoint_slice),
    Rule("extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1", unchanged),
    Rule("policy/v1beta1", "PodDisruptionBudget", "policy/v1", _disruption_budget),
    Rule("rbac.authorization.k8s.io/v1beta1", "Role", "rbac.authorization.k8s.io/v1", unchanged),
    Rule(
        "rbac.authorization.k8s.io/v1beta1",
        "RoleBinding",
        "rbac.authorization.k8s.io/v1",
        unchanged,
    ),
)
