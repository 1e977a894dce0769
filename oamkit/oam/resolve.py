"""Finds what an ApplicationConfiguration names: components, kinds, definitions, scopes (contract 3.1, 3.8, 3.9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oamkit.errors import OamKitError, RenderError
from oamkit.oam import legacy
from oamkit.oam.application import ApplicationConfiguration, ComponentEntry
from oamkit.oam.component import Component
from oamkit.oam.definitions import ScopeDefinition, TraitDefinition
from oamkit.oam.kinds import (
    API_VERSION,
    COMPONENT,
    LABEL_TRAIT_TYPE,
    SCOPE_DEFINITION,
    TRAIT_DEFINITION,
    Obj,
    TypedReference,
)
from oamkit.oam.naming import definition_name
from oamkit.oam.shape import kind_of, quoted
from oamkit.oam.world import MissingFactError, ObjectKey, World, definition_key

__all__ = [
    "component_key",
    "definition_names",
    "resolve_component",
    "resolve_scope",
    "resolve_scope_definition",
    "resolve_trait_definition",
    "served",
    "served_api_version",
    "trait_definition_names",
    "wrapping",
]


@contextmanager
def wrapping(outer: str) -> Iterator[None]:
    """Put ``outer: `` before the message of what goes wrong inside; a missing fact passes as it is."""
    try:
        yield
    except MissingFactError:
        raise
    except OamKitError as error:
        raise RenderError(f"{outer}: {error.message}", hint=error.hint, docs=error.docs) from error


def component_key(app: ApplicationConfiguration, entry: ComponentEntry) -> ObjectKey:
    """Return which object tells the entry's component: a ControllerRevision if one is pinned, else the Component."""
    if entry.revision_name:
        return ObjectKey("apps/v1", "ControllerRevision", app.namespace, entry.revision_name)
    return ObjectKey(API_VERSION, COMPONENT, app.namespace, entry.component_name)


def resolve_component(
    app: ApplicationConfiguration, entry: ComponentEntry, world: World
) -> Component:
    """Return the Component that an entry uses: the live one, or the snapshot in the pinned revision.

    Raises:
        RenderError: There is none.
    """
    if not entry.revision_name and not entry.component_name:
        raise RenderError(
            'cannot get component "": neither componentName nor revisionName is set',
            hint=f"Set one of them in {entry.field}.",
        )
    key = component_key(app, entry)
    if not entry.revision_name:
        with wrapping(f"cannot get component {quoted(key.name)}"):
            found = world.object(key)
            if found is None:
                raise RenderError(
                    f"components.core.oam.dev {quoted(key.name)} not found",
                    hint=f"Create the Component in the namespace {app.namespace}.",
                )
            return Component.parse(found)
    with wrapping(f"cannot get component revision {quoted(key.name)}"):
        found = world.object(key)
        if found is None:
            raise RenderError(
                f"controllerrevisions.apps {quoted(key.name)} not found",
                hint=f"kubectl get controllerrevisions -n {app.namespace} lists those there are.",
            )
    with wrapping(f"cannot get valid component data from controllerRevision {quoted(key.name)}"):
        data = found.get("data")
        if not isinstance(data, dict):
            raise RenderError(f"expected an object in data, got {kind_of(data)}")
        return Component.parse(data)


def served(obj: Obj, world: World) -> legacy.Conversion | None:
    """Convert an object if its API version isn't served; ``None`` if it is served.

    Raises:
        RenderError: It isn't served and can't be converted, or its kind isn't namespaced.
    """
    result = legacy.convert(obj, world.is_served)
    if isinstance(result, legacy.Unconvertible):
        raise RenderError(
            result.reason,
            hint="kubectl api-resources lists what the cluster serves. Is a CRD missing?",
        )
    reference = TypedReference.to(result.obj if result else obj)
    kind = world.kind(reference.api_version, reference.kind)
    if kind is not None and not kind.namespaced:
        raise RenderError(
            f"{reference.kind} of {reference.api_version} is cluster-scoped",
            hint="An application owns what it makes, so all of it must live in its namespace.",
        )
    return result


def served_api_version(api_version: str, kind: str, world: World) -> str:
    """Return the API version that an object of this kind ends up in: its own if served, else the successor's."""
    if not world.is_served(api_version, kind):
        return legacy.successor(api_version, kind) or api_version
    return api_version


def trait_definition_names(trait: Obj, world: World) -> tuple[str, ...]:
    """Return the names under which the trait's definition may stand, the first that exists counts.

    A trait that is written in an API version which left the cluster may have its definition under the old group's
    name (``ingresses.extensions``) or the new one's.

    Raises:
        RenderError: The cluster doesn't know the kind.
    """
    return definition_names(trait, world, LABEL_TRAIT_TYPE)


def definition_names(obj: Obj, world: World, type_label: str) -> tuple[str, ...]:
    """Return the names under which the definition of a workload or trait may stand; see above.

    Args:
        obj: The workload or trait.
        world: It knows the object's kind, and the one that took over from it.
        type_label: The label that names the definition right away, if the object has it.

    Raises:
        RenderError: The cluster doesn't know the kind.
    """
    label = _type_label(obj, type_label)
    if label:
        return (label,)
    reference = TypedReference.to(obj)
    api_version = served_api_version(reference.api_version, reference.kind, world)
    kind = world.kind(api_version, reference.kind)
    if kind is None:
        raise RenderError(
            f"no matches for kind {quoted(reference.kind)} in version {quoted(reference.api_version)}",
            hint="kubectl api-resources lists what the cluster serves. Is a CRD missing?",
        )
    names = (
        definition_name(kind.plural, version) for version in (reference.api_version, api_version)
    )
    return tuple(dict.fromkeys(names))


def _type_label(obj: Obj, key: str) -> str:
    metadata = obj.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    label = labels.get(key) if isinstance(labels, dict) else None
    return label if isinstance(label, str) else ""


def resolve_trait_definition(trait: Obj, world: World) -> TraitDefinition | None:
    """Return a trait's definition; ``None`` if it has none, which the contract tolerates.

    Raises:
        RenderError: The definition can't be read, or the cluster doesn't know the trait's kind.
    """
    reference = TypedReference.to(trait)
    parts = (reference.api_version, reference.kind, reference.name)
    with wrapping(f"cannot find trait definition {' '.join(map(quoted, parts))}"):
        for name in trait_definition_names(trait, world):
            found = world.object(definition_key(TRAIT_DEFINITION, name))
            if found is not None:
                return TraitDefinition.parse(found)
    return None


def resolve_scope(
    app: ApplicationConfiguration, reference: TypedReference, world: World
) -> ScopeDefinition:
    """Return the definition of a scope that exists.

    Raises:
        RenderError: There is no such scope, or no definition of its kind.
    """
    with wrapping(f"cannot get scope {quoted(reference.name)}"):
        if world.object(ObjectKey.at(reference, app.namespace)) is None:
            raise RenderError(
                f"{reference} not found", hint=f"Create it in the namespace {app.namespace}."
            )
    definition = resolve_scope_definition(reference, world)
    if definition is None:
        raise RenderError(
            f"{_no_scope_definition(reference)}: not found",
            hint="kubectl get scopedefinitions lists those there are.",
        )
    return definition


def resolve_scope_definition(reference: TypedReference, world: World) -> ScopeDefinition | None:
    """Return the definition of a scope's kind; ``None`` if it has none or the kind isn't served.

    Raises:
        RenderError: The definition can't be read.
    """
    with wrapping(_no_scope_definition(reference)):
        kind = world.kind(reference.api_version, reference.kind)
        if kind is None:
            return None
        name = definition_name(kind.plural, reference.api_version)
        found = world.object(definition_key(SCOPE_DEFINITION, name))
        return ScopeDefinition.parse(found) if found is not None else None


def _no_scope_definition(reference: TypedReference) -> str:
    parts = (reference.api_version, reference.kind, reference.name)
    return f"cannot find scope definition {' '.join(map(quoted, parts))}"
