"""What an application stands for, whether or not it is there: the source of the ghosts in the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from oamkit.errors import OamKitError
from oamkit.oam.offline import FileFacts, as_new, outcome
from oamkit.oam.plan import RenderedComponent
from oamkit.topology.graph import Role
from oamkit.topology.reading import Obj, identity, listing, mapping, reference, text

__all__ = ["Desired", "Part", "desired"]


_TELLING = {
    "Component", "ControllerRevision", "CustomResourceDefinition", "ScopeDefinition", "TraitDefinition",
    "WorkloadDefinition", "HealthScope",
}  # fmt: skip
"""Kinds that tell what an application stands for; a cluster has many more objects, and looking through all takes long."""


@dataclass(frozen=True)
class Part:
    """An object that an application should have.

    Attributes:
        id: What kubectl calls it.
        kind: Its kind.
        name: Its name.
        role: What it is to the application.
        component: The name of the component that it belongs to.
    """

    id: str
    kind: str
    name: str
    role: Role
    component: str


@dataclass(frozen=True)
class Desired:
    """What an application stands for.

    Attributes:
        components: The names of its components, in order.
        parts: Their workloads, traits and scopes, in order.
        problem: Why it can't be rendered; ``""`` if it can. Then the parts are those that can be read off its text.
    """

    components: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    problem: str = ""


def desired(app: Obj, objects: Sequence[Obj], namespace: str) -> Desired:
    """Tell what an application stands for.

    Args:
        app: The ApplicationConfiguration.
        objects: The objects of its cluster that are known: Components and definitions above all.
        namespace: The application's namespace.

    Returns:
        What the runtime would apply; if that can't be told, what the text says.
    """
    recorded = {reference(each) for each in _references(app)}
    usable = [
        obj
        for obj in objects
        if _usable(obj) and (text(obj, "kind") in _TELLING or identity(obj) in recorded)
    ]
    try:
        plan = outcome(as_new({**app, "metadata": mapping(app, "metadata")}, namespace),
                       FileFacts(usable, namespace)).plan  # fmt: skip
    except OamKitError as error:
        names = tuple(dict.fromkeys(_component(entry) for entry in _entries(app)))
        return Desired(names, tuple(_read_off(app, usable)), error.message)
    parts = [part for component in plan.components for part in _parts(component)]
    return Desired(tuple(dict.fromkeys(each.name for each in plan.components)), tuple(parts))


def _references(app: Obj) -> Iterator[Obj]:
    """Yield the references to what the last pass applied."""
    for record in listing(app, "status", "workloads"):
        yield mapping(record, "workloadRef")
        yield from (mapping(each, "scopeRef") for each in listing(record, "scopes"))


def _usable(obj: Obj) -> bool:
    """Whether it has what every object of a cluster has."""
    named = text(obj, "apiVersion") and text(obj, "kind") and text(obj, "metadata", "name")
    return bool(named) and isinstance(obj.get("spec", {}), dict)


def _parts(component: RenderedComponent) -> Iterator[Part]:
    found = [(Role.WORKLOAD, component.reference)]
    found += [(Role.TRAIT, trait.reference) for trait in component.traits]
    found += [(Role.SCOPE, scope.reference) for scope in component.scopes]
    for role, ref in found:
        yield Part(reference(ref.to_dict()), ref.kind, ref.name, role, component.name)


def _entries(app: Obj) -> list[Obj]:
    return [mapping(entry) for entry in listing(app, "spec", "components")]


def _component(entry: Obj) -> str:
    revision = text(entry, "revisionName")
    return revision.rpartition("-")[0] or revision or text(entry, "componentName")


def _read_off(app: Obj, objects: Iterable[Obj]) -> Iterator[Part]:
    components = {identity(obj): obj for obj in objects}
    recorded = {text(each, "componentName"): each for each in listing(app, "status", "workloads")}
    for entry in _entries(app):
        name = _component(entry)
        record = recorded.get(name)
        if record is not None:  # what ran before still runs
            yield from _recorded(mapping(record), name)
            continue
        component = components.get(f"component.core.oam.dev/{name}", {})
        workload = mapping(component, "spec", "workload")
        if text(workload, "kind"):
            yield _part(workload, text(workload, "metadata", "name") or name, Role.WORKLOAD, name)
        for trait in listing(entry, "traits"):
            obj = mapping(trait, "trait")
            if text(obj, "kind") and text(obj, "metadata", "name"):
                yield _part(obj, text(obj, "metadata", "name"), Role.TRAIT, name)


def _recorded(record: Obj, component: str) -> Iterator[Part]:
    references = [(Role.WORKLOAD, mapping(record, "workloadRef"))]
    references += [(Role.TRAIT, mapping(each, "traitRef")) for each in listing(record, "traits")]
    references += [(Role.SCOPE, mapping(each, "scopeRef")) for each in listing(record, "scopes")]
    for role, ref in references:
        if text(ref, "kind") and text(ref, "name"):
            yield _part(ref, text(ref, "name"), role, component)


def _part(obj: Obj, name: str, role: Role, component: str) -> Part:
    return Part(reference(obj, name), text(obj, "kind"), name, role, component)
