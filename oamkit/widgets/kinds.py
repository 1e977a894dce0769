"""Which kinds a picture of an application is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from oamkit.oam.kinds import API_VERSION, APPLICATION_CONFIGURATION, COMPONENT, GROUP
from oamkit.topology.reading import Obj, listing, mapping, text

__all__ = ["BASE", "EVENTS", "kinds_in", "slim"]

EVENTS = ("events", "")
CRDS = ("customresourcedefinitions", "apiextensions.k8s.io")

BASE = (
    ("applicationconfigurations", GROUP),
    ("components", GROUP),
    ("workloaddefinitions", GROUP),
    ("traitdefinitions", GROUP),
    ("scopedefinitions", GROUP),
    ("healthscopes", GROUP),
    ("containerizedworkloads", GROUP),
    ("manualscalertraits", GROUP),
    CRDS,
    EVENTS,
    ("deployments", "apps"),
    ("replicasets", "apps"),
    ("statefulsets", "apps"),
    ("daemonsets", "apps"),
    ("controllerrevisions", "apps"),
    ("nodes", ""),
    ("pods", ""),
    ("services", ""),
    ("persistentvolumeclaims", ""),
    ("endpointslices", "discovery.k8s.io"),
    ("ingresses", "networking.k8s.io"),
    ("jobs", "batch"),
    ("cronjobs", "batch"),
    ("horizontalpodautoscalers", "autoscaling"),
)
"""Plural and group of the kinds that are always followed, if the cluster serves them."""


def kinds_in(objects: Iterable[Obj]) -> Iterator[tuple[str, str]]:
    """Yield API version and kind of whatever applications and Components are made of.

    Example:
        >>> app = {"apiVersion": API_VERSION, "kind": "ApplicationConfiguration", "spec": {"components": [
        ...     {"traits": [{"trait": {"apiVersion": "v1", "kind": "ConfigMap"}}]}]}}
        >>> list(kinds_in([app]))
        [('v1', 'ConfigMap')]
    """
    for obj in objects:
        if text(obj, "apiVersion") != API_VERSION:
            continue
        found: list[Obj] = []
        if text(obj, "kind") == COMPONENT:
            found.append(mapping(obj, "spec", "workload"))
        elif text(obj, "kind") == APPLICATION_CONFIGURATION:
            for entry in listing(obj, "spec", "components"):
                found += [mapping(each, "trait") for each in listing(entry, "traits")]
                found += [mapping(each, "scopeRef") for each in listing(entry, "scopes")]
            for record in listing(obj, "status", "workloads"):
                found.append(mapping(record, "workloadRef"))
                found += [mapping(each, "traitRef") for each in listing(record, "traits")]
        elif text(obj, "kind") == "WorkloadDefinition":
            found += [mapping(each) for each in listing(obj, "spec", "childResourceKinds")]
        for each in found:
            if text(each, "apiVersion") and text(each, "kind"):
                yield text(each, "apiVersion"), text(each, "kind")


def slim(obj: Obj) -> Obj:
    """Leave out of an object what nobody looks at: the schemas of CRDs, which are larger than all the rest, and Secrets' contents.

    Example:
        >>> slim({"kind": "Secret", "data": {"password": "MTIz"}})
        {'kind': 'Secret', 'data': {'password': '…'}}
    """
    kind = text(obj, "kind")
    if kind == "Secret":
        hidden: Obj = {
            key: dict.fromkeys(mapping(obj, key), "…")
            for key in ("data", "stringData")
            if key in obj
        }
        return {**obj, **hidden}
    if kind == "CustomResourceDefinition":
        versions = [
            {"name": text(each, "name"), "served": mapping(each).get("served") is True}
            for each in listing(obj, "spec", "versions")
        ]
        spec = {key: mapping(obj, "spec").get(key) for key in ("group", "names", "scope")}
        return {**obj, "spec": {**spec, "versions": versions}, "status": {}}
    return obj
