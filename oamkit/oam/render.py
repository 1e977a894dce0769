"""Turns an ApplicationConfiguration into the Kubernetes objects that it stands for (contract 3).

Per entry of ``spec.components``: find the Component, put the parameters' values into its workload, say the workload and
the traits in API versions that the cluster serves, name them, mark them as the application's, and tell each trait which
workload it works on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from oamkit.errors import RenderError
from oamkit.oam import fieldpath, legacy, naming, parameters, scaling
from oamkit.oam.application import (
    ApplicationConfiguration,
    ComponentEntry,
    RecordedWorkload,
    TraitEntry,
)
from oamkit.oam.component import Component
from oamkit.oam.definitions import TraitDefinition
from oamkit.oam.expanding import Expansion, Extra
from oamkit.oam.kinds import (
    LABEL_REVISION,
    ROLE_TRAIT,
    ROLE_WORKLOAD,
    Obj,
    TypedReference,
)
from oamkit.oam.metadata import metadata_of, stamp
from oamkit.oam.plan import Plan, RenderedComponent, RenderedScope, RenderedTrait
from oamkit.oam.resolve import (
    resolve_component,
    resolve_scope,
    resolve_trait_definition,
    served,
    wrapping,
)
from oamkit.oam.shape import copied, kind_of, mapping, quoted, text
from oamkit.oam.world import ObjectKey, World

__all__ = ["render"]

Kind: TypeAlias = tuple[str, str]
"""A kind in all its API versions; see :func:`oamkit.oam.legacy.family`."""

Taken: TypeAlias = defaultdict[Kind, set[str]]
"""Names that traits have in this application, per kind."""


def render(app: ApplicationConfiguration, world: World) -> Plan:
    """Render an application.

    Args:
        app: The application.
        world: All facts that :func:`oamkit.oam.needs.needs` names.

    Returns:
        New objects; nothing in ``app`` or ``world`` is changed or shared.

    Raises:
        RenderError: A component, parameter, definition or scope isn't there or doesn't fit, or two parts of the
            application make the same object. Nothing is rendered then.
    """
    occurrences = Counter(entry.name for entry in app.components)
    seen: Counter[str] = Counter()
    taken = _given_names(app)
    rendered: list[RenderedComponent] = []
    for entry in app.components:
        recorded = [record for record in app.recorded if record.component_name == entry.name]
        if occurrences[entry.name] > 1:  # the component's nth use takes up what its nth use left
            recorded = recorded[seen[entry.name] : seen[entry.name] + 1]
        seen[entry.name] += 1
        rendered.append(_Renderer(app, world, entry, recorded, taken).component())
    plan = Plan(tuple(rendered))
    _refuse_twins(plan)
    return plan


def _given_names(app: ApplicationConfiguration) -> Taken:
    taken: Taken = defaultdict(set)
    for entry in app.components:
        for trait in entry.traits:
            if isinstance(trait.trait, dict):
                reference = TypedReference.to(trait.trait)
                taken[_kind_of(reference)].add(reference.name)
    return taken


def _refuse_twins(plan: Plan) -> None:
    places: dict[tuple[Kind, str], str] = {}
    for part in plan.parts():
        ref = part.reference
        first = places.setdefault((_kind_of(ref), ref.name), part.field)
        if first != part.field:
            raise RenderError(
                f"{first} and {part.field} both make the {ref.kind} {quoted(ref.name)}",
                hint="Give one of them another metadata.name; a Component can have a parameter for it.",
            )


@dataclass(frozen=True, slots=True)
class _Renderer:
    """Renders one entry of ``spec.components``."""

    app: ApplicationConfiguration
    world: World
    entry: ComponentEntry
    recorded: Sequence[RecordedWorkload]
    taken: Taken

    def component(self) -> RenderedComponent:
        entry, name = self.entry, self.entry.name
        component = resolve_component(self.app, entry, self.world)
        revision = entry.revision_name or component.latest_revision
        with wrapping(f"cannot resolve parameter values for component {quoted(name)}"):
            settings = parameters.resolve(component.parameters, entry.parameter_values)
        with wrapping(f"cannot render workload for component {quoted(name)}"):
            workload = _copied_object(component.workload, "workload")
            parameters.apply(workload, settings)
            expansion = Expansion(self.app, entry, workload, revision, self.world)
            workload = expansion.workload()
            conversion = served(workload, self.world)
            workload = conversion.obj if conversion else workload
            _name_of(workload)
            traits = [self._extra(extra) for extra in expansion.extras()]
        as_written: list[tuple[RenderedTrait, TraitEntry]] = []
        for trait_entry in entry.traits:
            with wrapping(f"cannot render trait for component {quoted(name)}"):
                extras = expansion.of_trait(trait_entry)
            if extras is not None:
                traits += self._extras_of(trait_entry, extras)
                continue
            traits.append(self._trait(trait_entry))
            as_written.append((traits[-1], trait_entry))
        enabled = any(trait.definition and trait.definition.revision_enabled for trait in traits)
        with wrapping(f"cannot render workload for component {quoted(name)}"):
            self._name_workload(workload, component, enabled)
            stamp(workload, self.app, component=name, revision=revision, role=ROLE_WORKLOAD)
        self._name_traits(as_written)
        for trait in traits:
            with wrapping(f"cannot render trait for component {quoted(name)}"):
                stamp(trait.obj, self.app, component=name, revision=revision, role=ROLE_TRAIT)
            _point(trait, TypedReference.to(workload))
        scaling.adopt_count(workload, (trait.obj for trait in traits))
        return RenderedComponent(
            field=entry.field,
            name=name,
            revision_name=revision,
            workload=workload,
            conversion=conversion,
            revision_enabled=enabled,
            traits=tuple(traits),
            scopes=tuple(
                RenderedScope(scope, resolve_scope(self.app, scope, self.world))
                for scope in entry.scopes
            ),
        )

    def _trait(self, entry: TraitEntry) -> RenderedTrait:
        with wrapping(f"cannot render trait for component {quoted(self.entry.name)}"):
            trait = _copied_object(entry.trait, "trait")
        definition = resolve_trait_definition(trait, self.world)
        with wrapping(f"cannot render trait for component {quoted(self.entry.name)}"):
            conversion = served(trait, self.world)
            trait = conversion.obj if conversion else trait
            _name_of(trait)
        return RenderedTrait(entry.field, trait, definition, conversion)

    def _extra(self, extra: Extra, definition: TraitDefinition | None = None) -> RenderedTrait:
        conversion = served(extra.obj, self.world)
        obj = conversion.obj if conversion else extra.obj
        return RenderedTrait(
            extra.field, obj, definition or TraitDefinition(self.entry.name), conversion
        )

    def _extras_of(self, entry: TraitEntry, extras: Sequence[Extra]) -> Iterator[RenderedTrait]:
        """Yield what a trait's template makes; all of it has the trait's definition."""
        definition = resolve_trait_definition(mapping(entry.trait, entry.field), self.world)
        for extra in extras:
            with wrapping(f"cannot render trait for component {quoted(self.entry.name)}"):
                yield self._extra(extra, definition)

    def _name_workload(self, workload: Obj, component: Component, enabled: bool) -> None:
        recorded, label = self._recorded_workload() if enabled else (None, "")
        metadata_of(workload)["name"] = naming.workload_name(
            self.entry.name,
            given=_name_of(workload),
            revision_enabled=enabled,
            latest_revision=component.latest_revision,
            recorded=recorded,
            recorded_revision=label,
        )

    def _recorded_workload(self) -> tuple[TypedReference | None, str]:
        """Return the workload that the last pass applied, if it still exists, and its revision."""
        if not self.recorded:
            return None, ""
        reference = self.recorded[-1].reference
        live = self.world.object(ObjectKey.at(reference, self.app.namespace))
        if live is None:
            return None, ""
        labels = mapping(mapping(live.get("metadata"), "metadata").get("labels"), "labels")
        return reference, labels.get(LABEL_REVISION, "")

    def _name_traits(self, traits: Sequence[tuple[RenderedTrait, TraitEntry]]) -> None:
        unnamed: defaultdict[Kind, list[tuple[RenderedTrait, str]]] = defaultdict(list)
        for trait, entry in traits:
            if not _name_of(trait.obj):
                unnamed[_kind_of(trait.reference)].append((trait, self._generated(trait, entry)))
        for kind, members in unnamed.items():
            recorded = [
                reference.name
                for record in self.recorded
                for reference in record.traits
                if _kind_of(reference) == kind
            ]
            generated = [name for _, name in members]
            names = naming.trait_names(generated, recorded, self.taken[kind])
            self.taken[kind].update(names)
            for (trait, _), name in zip(members, names, strict=True):
                metadata_of(trait.obj)["name"] = name

    def _generated(self, trait: RenderedTrait, entry: TraitEntry) -> str:
        """Return the name made of the trait as it is written: a conversion doesn't change it."""
        digest = naming.trait_hash(
            mapping(entry.trait, entry.field), entry.data_outputs, entry.data_inputs
        )
        definition = trait.definition.name if trait.definition else None
        return naming.generated_trait_name(self.entry.name, definition, digest)


def _kind_of(reference: TypedReference) -> Kind:
    return legacy.family(reference.api_version, reference.kind)


def _copied_object(value: object, what: str) -> Obj:
    if not isinstance(value, dict):
        raise RenderError(f"cannot unmarshal {what}: expected an object, got {kind_of(value)}")
    return copied(value)


def _name_of(obj: Obj) -> str:
    return text(metadata_of(obj).get("name"), "metadata.name")


def _point(trait: RenderedTrait, workload: TypedReference) -> None:
    """Write the workload's reference where the trait's definition wants it (contract 3.7)."""
    if not trait.definition or not trait.definition.workload_ref_path:
        return
    name = trait.reference.name
    with wrapping(f"cannot set trait {quoted(name)} reference to {quoted(workload.name)}"):
        fieldpath.set_value(trait.obj, trait.definition.workload_ref_path, workload.to_dict())
