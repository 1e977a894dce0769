"""Deployment, ReplicaSet, DaemonSet and StatefulSet of the versions before `apps/v1`, gone since Kubernetes 1.16.

`apps/v1` has the same fields but other defaults. An object keeps its meaning only if the defaults of the version that
it was written in are written out.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#deployment-v116
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from oamkit.oam.kinds import Obj
from oamkit.oam.legacy.rules import LossyError, Rule, child

__all__ = ["RULES"]

_NEVER: Final = 2**31 - 1  # how the API writes "no limit" for these counts and seconds


def _with_defaults(defaults: Mapping[str, Any], *, select: bool) -> Callable[[Obj], list[str]]:
    """Return a change that writes out an old version's defaults.

    Args:
        defaults: Fields of ``spec`` and their old defaults, where those of ``apps/v1`` differ.
        select: Whether the old version derived a missing selector from the template's labels.
    """

    def change(obj: Obj) -> list[str]:
        spec = child(obj, "spec")
        notes: list[str] = []
        for field in ("rollbackTo", "templateGeneration"):
            if spec.pop(field, None):
                raise LossyError(f"spec.{field} has no counterpart")
        if not spec.get("selector"):
            if not select:
                raise LossyError("spec.selector is missing")
            _select(obj, spec)
            notes.append("spec.selector, which is required now, comes from the template's labels")
        strategy = spec.get("strategy")
        recreate = isinstance(strategy, dict) and strategy.get("type") == "Recreate"
        _fill(spec, {k: v for k, v in defaults.items() if not (recreate and k == "strategy")})
        if defaults:
            notes.append(f"unset fields keep their old defaults: {', '.join(defaults)}")
        return notes

    return change


def _fill(target: Obj, defaults: Mapping[str, Any]) -> None:
    for field, default in defaults.items():
        if isinstance(default, Mapping):
            _fill(child(target, field), default)
        elif target.get(field) is None:
            target[field] = default


def _select(obj: Obj, spec: Obj) -> None:
    labels = child(child(child(spec, "template"), "metadata"), "labels")
    if not labels:
        raise LossyError("there are neither a selector nor labels in the template")
    spec["selector"] = {"matchLabels": dict(labels)}
    metadata = child(obj, "metadata")
    if not metadata.get("labels"):
        metadata["labels"] = dict(labels)


_ON_DELETE: Final = {"updateStrategy": {"type": "OnDelete"}}
_EXTENSIONS_DEPLOYMENT: Final = {
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}},
    "revisionHistoryLimit": _NEVER,
    "progressDeadlineSeconds": _NEVER,
}

RULES: Final = tuple(
    Rule(version, kind, "apps/v1", _with_defaults(defaults, select=select))
    for version, kind, defaults, select in (
        ("extensions/v1beta1", "Deployment", _EXTENSIONS_DEPLOYMENT, True),
        ("extensions/v1beta1", "ReplicaSet", {}, True),
        ("extensions/v1beta1", "DaemonSet", _ON_DELETE, True),
        ("apps/v1beta1", "Deployment", {"revisionHistoryLimit": 2}, True),
        ("apps/v1beta1", "StatefulSet", _ON_DELETE, True),
        ("apps/v1beta2", "Deployment", {}, False),
        ("apps/v1beta2", "ReplicaSet", {}, False),
        ("apps/v1beta2", "DaemonSet", {}, False),
        ("apps/v1beta2", "StatefulSet", {}, False),
    )
)
