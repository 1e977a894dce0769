"""What the validating webhooks refuse (contract 9.3, 9.4)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from oamkit.errors import OamKitError
from oamkit.oam import fieldpath, legacy, parameters
from oamkit.oam.admission import DeniedError, Lookups
from oamkit.oam.application import ApplicationConfiguration, ComponentEntry
from oamkit.oam.component import Component
from oamkit.oam.expanding import Expansion, template_of
from oamkit.oam.fieldpath import FieldPathError
from oamkit.oam.kinds import (
    LABEL_TRAIT_TYPE,
    LABEL_WORKLOAD_TYPE,
    TRAIT_DEFINITION,
    WORKLOAD_DEFINITION,
    Obj,
    TypedReference,
)
from oamkit.oam.resolve import component_key, definition_names, resolve_component
from oamkit.oam.schematic import CueCall, Template
from oamkit.oam.shape import copied, flag, listing, mapping, quoted, text
from oamkit.oam.world import KindKey, MissingFactError, ObjectKey, World, definition_key

__all__ = ["validate_application", "validate_component", "validate_definition"]

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


async def validate_definition(definition: Obj, namespace: str, lookups: Lookups) -> None:  # noqa: ARG001 - a Validation
    """Refuse a WorkloadDefinition or TraitDefinition whose template isn't right.

    Raises:
        DeniedError: With file, line and column.
    """
    try:
        template = Template.of(definition)
        call = template.check() if template else None
    except OamKitError as error:
        raise DeniedError(error.message) from error
    await _check(call, lookups)


async def _check(call: CueCall | None, lookups: Lookups) -> None:
    answer = await lookups.answer(call) if call else {}
    if isinstance(answer, OamKitError):
        raise DeniedError(answer.message) from answer


async def validate_component(component: Obj, namespace: str, lookups: Lookups) -> None:
    """Refuse a Component whose workload can't be one, or whose type's template refuses its properties.

    What an application may still set by a parameter may be missing.

    Raises:
        DeniedError: With all that is wrong.
    """
    metadata = mapping(component.get("metadata"), "metadata")
    workload = mapping(component.get("spec"), "spec").get("workload")
    _refuse([*_metadata_errors(metadata, namespace), *_workload_errors(workload)])
    try:
        world = World()
        for _ in range(2):  # the definition that the type names, then its template
            try:
                template = template_of(workload, world)
                break
            except MissingFactError as missing:
                if not isinstance(missing.key, ObjectKey):
                    raise
                found = await lookups.object(missing.key)
                world = world.with_facts(objects={missing.key: found})
        properties = mapping(workload, "spec.workload").get("properties")
        call = template.check(mapping(properties, "spec.workload.properties")) if template else None
    except OamKitError as error:
        raise DeniedError(error.message) from error
    await _check(call, lookups)


def _metadata_errors(metadata: Obj, namespace: str) -> Iterator[str]:
    name = metadata.get("name") or metadata.get("generateName")
    if not name:
        yield "metadata.name: Required value: name or generateName is required"
    elif metadata.get("name") and not _is_subdomain(name):
        yield f"metadata.name: Invalid value: {quoted(str(name))}: a lowercase RFC 1123 subdomain is expected"
    if not (metadata.get("namespace") or namespace):
        yield "metadata.namespace: Required value"


def _is_subdomain(name: object) -> bool:
    return isinstance(name, str) and len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def _workload_errors(workload: object) -> Iterator[str]:
    if not isinstance(workload, dict):
        yield "spec.workload: the workload is malformat"  # sic: the contract's text
        return
    if "type" in workload:
        yield "spec.workload: the workload contains type info"
    ref = TypedReference.to(workload)
    if not ref.api_version or not ref.kind:
        yield (
            "spec.workload: the workload data missing GVK,"
            f" api = {ref.api_version}, kind = {ref.kind},"
        )


@dataclass(frozen=True, slots=True)
class _Definition:
    """What validation wants to know of a WorkloadDefinition or TraitDefinition."""

    name: str
    resource: str
    revision_enabled: bool
    applies_to: tuple[str, ...]

    @classmethod
    def parse(cls, value: Obj) -> _Definition:
        spec = mapping(value.get("spec"), "spec")
        ref = mapping(spec.get("definitionRef"), "spec.definitionRef")
        applies_to = listing(spec.get("appliesToWorkloads"), "spec.appliesToWorkloads")
        return cls(
            name=str(value["metadata"]["name"]),
            resource=text(ref.get("name"), "spec.definitionRef.name"),
            revision_enabled=flag(spec, "revisionEnabled", "spec"),
            applies_to=tuple(text(item, "spec.appliesToWorkloads") for item in applies_to),
        )

    def applies(self, workload: _Definition) -> bool:
        """Whether a trait may be put on a workload."""
        group = workload.resource.partition(".")[2]
        fitting = {"*", f"*.{group}", workload.resource, workload.name}
        return not self.applies_to or bool(fitting & set(self.applies_to))


@dataclass(frozen=True, slots=True)
class _Used:
    """One entry of ``spec.components`` and what it names."""

    entry: ComponentEntry
    component: Component
    workload: Obj
    definition: _Definition
    traits: tuple[_Definition, ...]


async def validate_application(app: Obj, namespace: str, lookups: Lookups) -> None:
    """Refuse an ApplicationConfiguration that can't work as it is.

    Raises:
        DeniedError: With all that the first failing check found.
    """
    mapping(app.get("metadata"), "metadata").setdefault("namespace", namespace)
    view = ApplicationConfiguration.parse({**app, "status": {}})
    _refuse(_trait_errors(view))
    _refuse(_name_errors(view))
    used = await asyncio.gather(*(_look_up(view, entry, lookups) for entry in view.components))
    _refuse(error for each in used for error in _versioning_errors(each))
    _refuse(error for each in used for error in _applying_errors(each))
    for each in used:
        await _expand(view, each, lookups)


async def _expand(app: ApplicationConfiguration, used: _Used, lookups: Lookups) -> None:
    """Refuse what the templates of types refuse."""
    objects = [used.workload, *(trait.trait for trait in used.entry.traits)]
    if not any(isinstance(obj, dict) and "properties" in obj for obj in objects):
        return
    revision = used.entry.revision_name or used.component.latest_revision
    world = World()
    while True:
        try:
            workload = copied(used.workload)
            values = used.entry.parameter_values
            parameters.apply(workload, parameters.resolve(used.component.parameters, values))
            expansion = Expansion(app, used.entry, workload, revision, world)
            expansion.workload()
            for trait in used.entry.traits:
                expansion.of_trait(trait)
        except MissingFactError as missing:
            key = missing.key
            if isinstance(key, CueCall):
                world = world.with_facts(calls={key: await lookups.answer(key)})
            elif isinstance(key, ObjectKey):
                world = world.with_facts(objects={key: await lookups.object(key)})
            else:
                raise
        except OamKitError as error:
            raise DeniedError(f"{used.entry.field}: {error.message}") from error
        else:
            return


def _trait_errors(app: ApplicationConfiguration) -> Iterator[str]:
    for entry in app.components:
        for trait in entry.traits:
            if not isinstance(trait.trait, dict):
                yield f"{trait.field}: cannot unmarshal trait of component {quoted(entry.name)}"
                continue
            if "name" in trait.trait:
                yield f"{trait.field}: the trait contains 'name' info that should be mutated to GVK"
            if "properties" in trait.trait and not _has_type(trait.trait):
                yield (
                    f"{trait.field}: the trait contains 'properties' info"
                    " that should be mutated to spec"
                )
            ref = TypedReference.to(trait.trait)
            if not ref.api_version or not ref.kind:
                yield (
                    f"{trait.field}: the trait data missing GVK,"
                    f" api = {ref.api_version}, kind = {ref.kind},"
                )


def _has_type(trait: Obj) -> bool:
    """Whether its properties may be for the template of its type; what has none keeps its own ``properties``."""
    metadata = trait.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return isinstance(labels, dict) and LABEL_TRAIT_TYPE in labels


def _name_errors(app: ApplicationConfiguration) -> Iterator[str]:
    for entry in app.components:
        if entry.component_name and entry.revision_name:
            yield (
                f"{entry.field}: componentName {quoted(entry.component_name)} and revisionName"
                f" {quoted(entry.revision_name)} are mutually exclusive,"
                " you can only specify one of them"
            )


async def _look_up(app: ApplicationConfiguration, entry: ComponentEntry, lookups: Lookups) -> _Used:
    name = quoted(entry.name)
    key = component_key(app, entry)
    found = await lookups.object(key) if key.name else None
    try:
        component = resolve_component(app, entry, World(objects={key: found}))
    except OamKitError as error:
        outer = f"cannot get component {name}: " if entry.revision_name else ""
        raise DeniedError(f"{outer}{error.message}") from error
    workload = component.workload
    if not isinstance(workload, dict):
        raise DeniedError(f"cannot unmarshal workload of component {name}")
    definition = await _definition(
        workload,
        WORKLOAD_DEFINITION,
        LABEL_WORKLOAD_TYPE,
        f"cannot get workload definition of component {name}",
        lookups,
    )
    traits = [
        await _definition(
            mapping(trait.trait, trait.field),
            TRAIT_DEFINITION,
            LABEL_TRAIT_TYPE,
            f"cannot get trait definition in component {name}",
            lookups,
        )
        for trait in entry.traits
    ]
    return _Used(entry, component, workload, definition, tuple(traits))


async def _definition(
    obj: Obj, kind: str, label: str, failure: str, lookups: Lookups
) -> _Definition:
    """Return the definition of a workload or trait."""
    ref = TypedReference.to(obj)
    versions = filter(None, (ref.api_version, legacy.successor(ref.api_version, ref.kind)))
    keys = [KindKey(version, ref.kind) for version in versions]
    try:
        world = World(kinds={key: await lookups.kind(key) for key in keys})
        names = definition_names(obj, world, label)
        for name in names:
            found = await lookups.object(definition_key(kind, name))
            if found is not None:
                return _Definition.parse(found)
    except OamKitError as error:
        raise DeniedError(f"{failure}: {error.message}") from error
    raise DeniedError(f"{failure}: {kind.lower()}s.core.oam.dev {quoted(names[0])} not found")


def _versioning_errors(used: _Used) -> Iterator[str]:
    if not any(trait.revision_enabled for trait in used.traits):
        return
    names_workload = {
        parameter.name
        for parameter in used.component.parameters
        if any(map(_is_name, parameter.field_paths))
    }
    given = [
        str(value.value) for value in used.entry.parameter_values if value.name in names_workload
    ]
    name = TypedReference.to(used.workload).name
    for assigned in given or ([name] if name else []):
        yield (
            f"{used.entry.field}: versioning-enabled component's workload name MUST NOT be assigned,"
            f" expect workload name {quoted(assigned)} to be empty."
        )


def _is_name(path: str) -> bool:
    try:
        return fieldpath.parse(path) == ("metadata", "name")
    except FieldPathError:
        return False


def _applying_errors(used: _Used) -> Iterator[str]:
    for trait, entry in zip(used.traits, used.entry.traits, strict=True):
        if not trait.applies(used.definition):
            listed = " ".join(map(quoted, trait.applies_to))
            yield (
                f"{entry.field}: the trait {quoted(trait.name)} cannot apply to workload"
                f" {quoted(used.definition.name)} of component {quoted(used.entry.name)}"
                f" (appliable: [{listed}])"
            )


def _refuse(errors: Iterable[str]) -> None:
    """Deny with all errors, as Kubernetes aggregates them."""
    found = list(errors)
    if found:
        raise DeniedError(found[0] if len(found) == 1 else f"[{', '.join(found)}]")
