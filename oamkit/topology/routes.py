"""Who points at whom without owning it: an Ingress at Services, a Service at Pods, a trait at its workload."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from oamkit.topology.graph import Edge
from oamkit.topology.reading import Obj, identity, listing, mapping, reference, text

__all__ = ["routes"]


def routes(objects: Sequence[Obj]) -> Iterator[Edge]:
    """Yield the soft lines between objects."""
    by_label: defaultdict[tuple[str, str], list[Obj]] = defaultdict(list)
    for obj in objects:
        if text(obj, "kind") == "Pod":
            for pair in _labels(obj).items():
                by_label[pair].append(obj)
    for obj in objects:
        at, kind = identity(obj), text(obj, "kind")
        if kind == "Ingress":
            yield from (
                Edge(at, f"service/{name}", "sends requests to", soft=True)
                for name in dict.fromkeys(_backends(obj))
            )
        elif kind == "Service":
            yield from (
                Edge(at, identity(pod), "leads to", soft=True) for pod in _chosen(obj, by_label)
            )
        workload = mapping(obj, "spec", "workloadRef")
        if text(workload, "kind") and text(workload, "name"):
            yield Edge(at, reference(workload), "works on", soft=True)


def _labels(obj: Obj) -> dict[str, str]:
    found = mapping(obj, "metadata", "labels")
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _chosen(service: Obj, by_label: dict[tuple[str, str], list[Obj]]) -> list[Obj]:
    selector = mapping(service, "spec", "selector")
    if not selector or not all(isinstance(value, str) for value in selector.values()):
        return []
    first, *rest = selector.items()
    return [
        pod
        for pod in by_label.get(first, [])
        if all(_labels(pod).get(key) == value for key, value in rest)
    ]


def _backends(ingress: Obj) -> Iterator[str]:
    backends = [mapping(ingress, "spec", "defaultBackend")]
    for rule in listing(ingress, "spec", "rules"):
        backends += [mapping(path, "backend") for path in listing(rule, "http", "paths")]
    for backend in backends:
        name = text(backend, "service", "name")
        if name:
            yield name
