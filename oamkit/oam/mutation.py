"""What the mutating webhooks make of short forms (contract 9.1, 9.2): a workload by its type, a trait by its name."""

from __future__ import annotations

from typing import Final

from oamkit.errors import OamKitError
from oamkit.oam.admission import DeniedError, Lookups
from oamkit.oam.kinds import (
    LABEL_TRAIT_TYPE,
    LABEL_WORKLOAD_TYPE,
    TRAIT_DEFINITION,
    WORKLOAD_DEFINITION,
    Obj,
)
from oamkit.oam.metadata import NOT_COPIED
from oamkit.oam.shape import listing, mapping, quoted, text, texts
from oamkit.oam.world import KindKey, ObjectKey, definition_key

__all__ = ["mutate_application", "mutate_component"]

_GO_TYPES: Final = {bool: "bool", int: "float64", float: "float64", list: "[]interface {}",
                    dict: "map[string]interface {}", type(None): "<nil>"}  # fmt: skip


async def mutate_component(component: Obj, namespace: str, lookups: Lookups) -> None:
    """Make a workload that has a ``type`` an object of that type's kind, in place.

    Raises:
        DeniedError: The type isn't a string, or there is no such type.
    """
    workload = mapping(component.get("spec"), "spec").get("workload")
    if not isinstance(workload, dict) or "type" not in workload:
        return
    type_ = workload["type"]
    if not isinstance(type_, str):
        raise DeniedError("workload content has an unknown type field", status=400)
    kind, templated = await _defined(WORKLOAD_DEFINITION, type_, lookups)
    metadata = mapping(component.get("metadata"), "metadata")
    labels = texts(metadata.get("labels"), "metadata.labels")
    annotations = texts(metadata.get("annotations"), "metadata.annotations")
    annotations = {key: value for key, value in annotations.items() if key not in NOT_COPIED}
    inner = dict(mapping(workload.get("metadata"), "spec.workload.metadata"))
    inner["namespace"] = metadata.get("namespace") or namespace
    inner["labels"] = {**labels, LABEL_WORKLOAD_TYPE: type_}
    inner.pop("annotations", None)
    if annotations:
        inner["annotations"] = annotations
    del workload["type"]
    if templated:
        workload.setdefault("properties", {})
    workload.update(apiVersion=kind.api_version, kind=kind.kind, metadata=inner)


async def mutate_application(app: Obj, namespace: str, lookups: Lookups) -> None:  # noqa: ARG001 - a Mutation
    """Make each trait that has a ``name`` an object of the kind that the TraitDefinition of this name defines, in place.

    Raises:
        DeniedError: A name isn't a string, or there is no such definition.
    """
    spec = mapping(app.get("spec"), "spec")
    for i, entry in enumerate(listing(spec.get("components"), "spec.components")):
        field = f"spec.components[{i}]"
        traits = listing(mapping(entry, field).get("traits"), f"{field}.traits")
        for j, item in enumerate(traits):
            trait = mapping(item, f"{field}.traits[{j}]").get("trait")
            if isinstance(trait, dict) and "name" in trait:
                await _mutate_trait(trait, f"{field}.traits[{j}].trait", lookups)


async def _mutate_trait(trait: Obj, field: str, lookups: Lookups) -> None:
    name = trait["name"]
    if not isinstance(name, str):
        go = _GO_TYPES.get(type(name), type(name).__name__)
        raise DeniedError(f"name of trait should be string instead of {go}", status=400)
    kind, templated = await _defined(TRAIT_DEFINITION, name, lookups)
    metadata = dict(mapping(trait.get("metadata"), f"{field}.metadata"))
    labels = texts(metadata.get("labels"), f"{field}.metadata.labels")
    metadata["labels"] = {**labels, LABEL_TRAIT_TYPE: name}
    del trait["name"]
    if templated:
        trait.setdefault("properties", {})
    elif "properties" in trait:
        trait["spec"] = trait.pop("properties")
    trait.update(apiVersion=kind.api_version, kind=kind.kind, metadata=metadata)


async def _defined(definition: str, name: str, lookups: Lookups) -> tuple[KindKey, bool]:
    """Return the kind that a definition defines, and whether its template makes the object: ``properties`` are for that then."""
    found = await lookups.object(definition_key(definition, name)) if name else None
    plural = f"{definition.lower()}s.core.oam.dev"
    if found is None:
        raise DeniedError(f"{plural} {quoted(name)} not found", status=400)
    spec = mapping(found.get("spec"), "spec")
    ref = mapping(spec.get("definitionRef"), "spec.definitionRef")
    resource = text(ref.get("name"), "spec.definitionRef.name")
    version = text(ref.get("version"), "spec.definitionRef.version")
    kind = await _of_crd(resource, lookups) if not version else None
    if kind is None:
        name_in_urls, _, group = resource.partition(".")
        kind = await lookups.named(name_in_urls, group, version)
    if kind is None:
        wanted = f"{resource} of version {version}" if version else resource
        raise DeniedError(
            f"{plural} {quoted(name)} defines {wanted}, which the cluster doesn't serve", status=400
        )
    return kind, bool(spec.get("schematic"))


async def _of_crd(name: str, lookups: Lookups) -> KindKey | None:
    """Return the kind of a CRD in the first version that it lists and serves."""
    crd = ObjectKey("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
    found = await lookups.object(crd) if name else None
    if found is None:
        return None
    spec = found["spec"]
    for version in spec["versions"]:
        if version.get("served"):
            return KindKey(f"{spec['group']}/{version['name']}", spec["names"]["kind"])
    raise OamKitError(f"the CustomResourceDefinition {quoted(name)} serves no version")
