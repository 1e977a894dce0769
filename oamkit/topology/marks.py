"""Which fields of an object somebody else wrote: a parameter of the application, a trait, the runtime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from oamkit.oam import fieldpath
from oamkit.oam.fieldpath import FieldPathError, Segment
from oamkit.topology.reading import Obj, at, identity, listing, mapping, reference, text

__all__ = ["Path", "marks"]

Path: TypeAlias = tuple[Segment, ...]
"""Where in an object, e.g. ``("spec", "ports", 0)``."""


def marks(obj: Obj, objects: Iterable[Obj], app: Obj) -> Mapping[Path, str]:
    """Return from a path in ``obj`` to who wrote what stands there.

    Args:
        obj: The object that is looked at.
        objects: What else is known: Components and traits above all.
        app: The ApplicationConfiguration; ``{}`` if there is none.

    Example:
        >>> web = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "Component", "metadata": {"name": "web"}, "spec": {
        ...     "workload": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}},
        ...     "parameters": [{"name": "replicas", "fieldPaths": ["spec.replicas"]}]}}
        >>> app = {"metadata": {"name": "example"}, "spec": {"components": [
        ...     {"componentName": "web", "parameterValues": [{"name": "replicas", "value": 3}]}]}}
        >>> live = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
        >>> dict(marks(live, [web], app))
        {('spec', 'replicas'): 'parameter replicas, set by the application example'}
    """
    known = list(objects)
    found: dict[Path, str] = {}
    kind = text(obj, "kind")
    if kind == "Component":
        found.update(_offered(obj))
    for field, note in (
        ("workloadRef", "written by the runtime: the workload that it works on"),
        ("workloadRefs", "written by the runtime: the workloads that are in it"),
    ):
        if at(obj, "spec", field) and kind not in ("ApplicationConfiguration", "Component"):
            found["spec", field] = note
    found.update(_parameters(obj, known, app))
    found.update(_scaled(obj, known))
    return {path: note for path, note in found.items() if _leads(obj, path)}


def _offered(component: Obj) -> Iterator[tuple[Path, str]]:
    for parameter in listing(component, "spec", "parameters"):
        name = text(parameter, "name")
        for path in _paths(parameter):
            yield ("spec", "workload", *path), f"parameter {name}: the application may set it"


def _parameters(obj: Obj, known: list[Obj], app: Obj) -> Iterator[tuple[Path, str]]:
    components = {identity(each): each for each in known if text(each, "kind") == "Component"}
    owner = text(obj, "metadata", "labels", "app.oam.dev/component")
    role = text(obj, "metadata", "labels", "app.oam.dev/resourceType")
    for entry in listing(app, "spec", "components"):
        revision = text(entry, "revisionName")
        name = revision.rpartition("-")[0] or text(entry, "componentName")
        component = components.get(f"component.core.oam.dev/{name}", {})
        template = mapping(component, "spec", "workload")
        is_template = reference(template, text(template, "metadata", "name") or name) == identity(
            obj
        )
        if not (is_template or (owner == name and role == "WORKLOAD")):
            continue
        given = {text(value, "name") for value in listing(entry, "parameterValues")}
        for parameter in listing(component, "spec", "parameters"):
            if text(parameter, "name") in given:
                for path in _paths(parameter):
                    note = f"parameter {text(parameter, 'name')}, set by the application"
                    yield path, f"{note} {text(app, 'metadata', 'name')}"


def _scaled(obj: Obj, known: list[Obj]) -> Iterator[tuple[Path, str]]:
    for trait in known:
        if text(trait, "kind") == "ManualScalerTrait":
            workload = mapping(trait, "spec", "workloadRef")
            if text(workload, "kind") and reference(workload) == identity(obj):
                name = text(trait, "metadata", "name")
                yield ("spec", "replicas"), f"trait ManualScalerTrait {name}"


def _paths(parameter: object) -> Iterator[Path]:
    for path in listing(parameter, "fieldPaths"):
        try:
            yield fieldpath.parse(path if isinstance(path, str) else "")
        except FieldPathError:
            continue


def _leads(obj: Obj, path: Path) -> bool:
    return at(obj, *path) is not None
