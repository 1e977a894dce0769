"""HorizontalPodAutoscaler of `autoscaling/v2beta1` and `v2beta2`, gone since Kubernetes 1.25 and 1.26.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#horizontalpodautoscaler-v125
"""

from __future__ import annotations

from typing import Final

from oamkit.oam.kinds import Obj
from oamkit.oam.legacy.rules import LossyError, Rule, child, children, unchanged

__all__ = ["RULES"]

_TARGETS: Final = {
    "targetAverageUtilization": ("Utilization", "averageUtilization"),
    "targetAverageValue": ("AverageValue", "averageValue"),
    "targetValue": ("Value", "value"),
    "averageValue": ("AverageValue", "averageValue"),
}


def _metrics(obj: Obj) -> list[str]:
    metrics = children(child(obj, "spec"), "metrics")
    for metric in metrics:
        kind = metric.get("type")
        if kind not in ("Resource", "ContainerResource", "Pods", "Object", "External"):
            raise LossyError(f"a metric has the unknown type {kind!r}")
        source = child(metric, kind[0].lower() + kind[1:])
        if kind == "Object" and source.get("target") is not None:
            source["describedObject"] = source.pop("target")
        _name_metric(source, kind)
        source["target"] = _target(source)
    return ["metrics have a target now"] if metrics else []


def _name_metric(source: Obj, kind: str) -> None:
    if kind in ("Resource", "ContainerResource"):
        return
    metric = {"name": source.pop("metricName", None)}
    selector = source.pop("metricSelector" if kind == "External" else "selector", None)
    if selector is not None:
        metric["selector"] = selector
    source["metric"] = metric


def _target(source: Obj) -> Obj:
    given = {key: source.pop(key) for key in tuple(source) if key in _TARGETS}
    # An Object metric may carry both: averageValue then takes the place of the required targetValue.
    given = {key: value for key, value in given.items() if value is not None}
    if "averageValue" in given:
        given.pop("targetValue", None)
    if len(given) != 1:
        raise LossyError(f"a metric has {len(given)} targets instead of one")
    [(key, value)] = given.items()
    kind, field = _TARGETS[key]
    return {"type": kind, field: value}


RULES: Final = (
    Rule("autoscaling/v2beta1", "HorizontalPodAutoscaler", "autoscaling/v2", _metrics),
    Rule("autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2", unchanged),
)
