"""Conversion of objects whose API version left Kubernetes, where nothing is lost.

Files of 2020 hold `extensions/v1beta1` Ingresses and Deployments. A cluster of today doesn't serve that version, but
serves the same kind in another one. What such an object says can mostly be said there too, the old version's defaults
included; where it can't, the object isn't converted, and the reason is given.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from oamkit.oam.kinds import Obj, TypedReference, group_of
from oamkit.oam.legacy import autoscaling, ingress, same, workloads
from oamkit.oam.legacy.rules import LossyError, Rule
from oamkit.oam.shape import copied

__all__ = ["Conversion", "Unconvertible", "convert", "family", "successor"]

RULES: Final[Mapping[tuple[str, str], Rule]] = MappingProxyType(
    {
        (rule.from_, rule.kind): rule
        for module in (autoscaling, ingress, same, workloads)
        for rule in module.RULES
    }
)


@dataclass(frozen=True, slots=True)
class Conversion:
    """An object, said in an API version that the cluster serves.

    Args:
        obj: The converted object.
        from_: The API version that it was written in.
        to: The API version that it is in now.
        notes: What changed, in words.
    """

    obj: Obj
    from_: str
    to: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = TypedReference.to(self.obj).name
        what = f"{self.obj.get('kind')} {name}".strip()
        text = f"{what} was converted from {self.from_} to {self.to}"
        return f"{text}: {'; '.join(self.notes)}" if self.notes else text


@dataclass(frozen=True, slots=True)
class Unconvertible:
    """Why an object of an API version that isn't served can't be converted."""

    reason: str


def successor(api_version: str, kind: str) -> str | None:
    """Return the API version that took over a kind which left Kubernetes; ``None`` if none is known.

    Example:
        >>> successor("extensions/v1beta1", "Ingress")
        'networking.k8s.io/v1'
    """
    rule = RULES.get((api_version, kind))
    return rule.to if rule else None


def family(api_version: str, kind: str) -> tuple[str, str]:
    """Return what identifies a kind over all its API versions: the group that serves it today, and its name.

    Example:
        >>> family("extensions/v1beta1", "Ingress") == family("networking.k8s.io/v1", "Ingress")
        True
    """
    return group_of(successor(api_version, kind) or api_version), kind


def convert(obj: Obj, is_served: Callable[[str, str], bool]) -> Conversion | Unconvertible | None:
    """Convert ``obj`` if its own API version isn't served.

    Args:
        obj: The object; it isn't changed.
        is_served: Tells whether the cluster serves an API version (first) of a kind (second).

    Returns:
        ``None`` if the object's version is served; else the conversion, or why there is none.

    Example:
        >>> job = {"apiVersion": "batch/v1beta1", "kind": "CronJob", "spec": {"schedule": "@daily"}}
        >>> print(convert(job, lambda version, kind: version == "batch/v1"))
        CronJob was converted from batch/v1beta1 to batch/v1
    """
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    if is_served(api_version, kind):
        return None
    rule = RULES.get((api_version, kind))
    missing = f'no matches for kind "{kind}" in version "{api_version}"'
    if rule is None or not is_served(rule.to, kind):
        return Unconvertible(missing)
    converted = copied(obj)
    try:
        notes = rule.change(converted)
    except LossyError as error:
        return Unconvertible(f"{missing}, and it can't be said in {rule.to}: {error}")
    converted["apiVersion"] = rule.to
    return Conversion(converted, api_version, rule.to, tuple(notes))
