"""Tells which facts rendering still lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from oamkit.errors import OamKitError
from oamkit.oam import legacy, parameters
from oamkit.oam.application import ApplicationConfiguration, ComponentEntry
from oamkit.oam.dataparts import data_objects
from oamkit.oam.definitions import TraitDefinition
from oamkit.oam.expanding import Expansion, template_of
from oamkit.oam.kinds import TRAIT_DEFINITION, TypedReference
from oamkit.oam.render import render
from oamkit.oam.resolve import resolve_component, resolve_scope_definition, trait_definition_names
from oamkit.oam.schematic import CueCall
from oamkit.oam.scopes import all_memberships
from oamkit.oam.shape import copied
from oamkit.oam.world import KindKey, MissingFactError, ObjectKey, World, definition_key

__all__ = ["Needs", "needs", "scope_needs"]


@dataclass(slots=True)
class Needs:
    """Facts to look up; false if there are none.

    Args:
        objects: Objects to read.
        kinds: Kinds to find by API discovery.
        calls: What to ask CUE.
    """

    objects: set[ObjectKey] = field(default_factory=set)
    kinds: set[KindKey] = field(default_factory=set)
    calls: set[CueCall] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.objects or self.kinds or self.calls)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note a missing fact that shows inside; any other error is rendering's to tell."""
        try:
            yield
        except MissingFactError as missing:
            if isinstance(missing.key, ObjectKey):
                self.objects.add(missing.key)
            elif isinstance(missing.key, CueCall):
                self.calls.add(missing.key)
            else:
                self.kinds.add(missing.key)
        except OamKitError:
            pass


def needs(app: ApplicationConfiguration, world: World) -> Needs:
    """Return the facts that :func:`~oamkit.oam.render.render` wants and ``world`` doesn't have.

    Call it until it returns nothing: facts lead to further ones, in at most eight rounds. They are those of
    :func:`~oamkit.oam.flow.flow` too.

    Example:
        >>> app = ApplicationConfiguration.parse({
        ...     "metadata": {"name": "example"}, "spec": {"components": [{"componentName": "web"}]}})
        >>> [key.name for key in needs(app, World()).objects]
        ['web']
    """
    wanted = Needs()
    for entry in app.components:
        with wanted.noting():
            template = resolve_component(app, entry, world).workload
            if isinstance(template, dict):
                _need_kind(TypedReference.to(template), world, wanted)
                _need_templates(app, entry, world, wanted)
        definitions = [
            definition
            for trait in entry.traits
            if isinstance(trait.trait, dict)
            and (definition := _need_definition(trait.trait, world, wanted))
        ]
        if any(definition.revision_enabled for definition in definitions):
            _need_recorded(app, entry, world, wanted)
        _need_scopes(app, entry.scopes, world, wanted)
    left = scope_needs(app, world)
    found = Needs(wanted.objects | left.objects, wanted.kinds | left.kinds, wanted.calls)
    if not found:  # what data comes from has its name only when all is rendered
        _need_data(app, world, found)
    return found


def _need_templates(
    app: ApplicationConfiguration, entry: ComponentEntry, world: World, wanted: Needs
) -> None:
    """Want what templates lead to: their definitions, CUE's answers, and the kinds of what they make."""
    component = resolve_component(app, entry, world)
    objects = [component.workload, *(trait.trait for trait in entry.traits)]
    expanded = False
    for obj in objects:
        with wanted.noting():
            expanded |= template_of(obj, world) is not None
    if not expanded:
        return
    with wanted.noting():
        workload = copied(component.workload)
        if isinstance(workload, dict):
            parameters.apply(
                workload, parameters.resolve(component.parameters, entry.parameter_values)
            )
            revision = entry.revision_name or component.latest_revision
            expansion = Expansion(app, entry, workload, revision, world)
            calls = set(expansion.calls()) - world.calls.keys()
            wanted.calls |= calls
            if not calls:
                made = [*expansion.extras()]
                for trait in entry.traits:
                    made += expansion.of_trait(trait) or []
                for extra in made:
                    _need_kind(TypedReference.to(extra.obj), world, wanted)


def _need_data(app: ApplicationConfiguration, world: World, wanted: Needs) -> None:
    with wanted.noting():
        if app.passes_data:
            wanted.objects |= data_objects(app, render(app, world)) - world.objects.keys()


def scope_needs(app: ApplicationConfiguration, world: World) -> Needs:
    """Return the facts that are lacking to take the application's workloads out of their scopes."""
    wanted = Needs()
    _need_scopes(app, [membership.scope for membership in all_memberships(app)], world, wanted)
    return wanted


def _need_scopes(
    app: ApplicationConfiguration, scopes: Iterable[TypedReference], world: World, wanted: Needs
) -> None:
    for scope in scopes:
        key = ObjectKey.at(scope, app.namespace)
        if key not in world.objects:
            wanted.objects.add(key)
        with wanted.noting():
            resolve_scope_definition(scope, world)


def _need_kind(reference: TypedReference, world: World, wanted: Needs) -> None:
    """Want a kind in its own API version and, to save a round, in the one it may be converted to."""
    successor = legacy.successor(reference.api_version, reference.kind)
    for api_version in filter(None, (reference.api_version, successor)):
        key = KindKey(api_version, reference.kind)
        if key not in world.kinds:
            wanted.kinds.add(key)


def _need_definition(
    trait: dict[str, object], world: World, wanted: Needs
) -> TraitDefinition | None:
    _need_kind(TypedReference.to(trait), world, wanted)
    with wanted.noting():
        for name in trait_definition_names(trait, world):
            key = definition_key(TRAIT_DEFINITION, name)
            if key not in world.objects:
                wanted.objects.add(key)
            elif (found := world.object(key)) is not None:
                return TraitDefinition.parse(found)
    return None


def _need_recorded(
    app: ApplicationConfiguration, entry: ComponentEntry, world: World, wanted: Needs
) -> None:
    for recorded in app.recorded:
        key = ObjectKey.at(recorded.reference, app.namespace)
        if recorded.component_name == entry.name and key not in world.objects:
            wanted.objects.add(key)
