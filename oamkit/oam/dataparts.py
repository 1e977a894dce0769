"""Which parts of an application pass data on or wait for it, and what must be looked up for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from oamkit.oam.application import ApplicationConfiguration, ComponentEntry, TraitEntry
from oamkit.oam.kinds import TypedReference
from oamkit.oam.passing import DataInput, DataOutput
from oamkit.oam.plan import Plan, RenderedComponent, RenderedTrait
from oamkit.oam.world import ObjectKey

__all__ = ["Passing", "data_objects", "passing_parts", "store_keys"]

Part: TypeAlias = RenderedComponent | RenderedTrait


@dataclass(frozen=True, slots=True)
class Passing:
    """A workload or trait, the data that it gives, and the data that it waits for."""

    part: Part
    outputs: tuple[DataOutput, ...]
    inputs: tuple[DataInput, ...]

    @property
    def reference(self) -> TypedReference:
        """Which object it is."""
        return self.part.reference


def passing_parts(app: ApplicationConfiguration, plan: Plan) -> Iterator[Passing]:
    """Yield all parts, in the order of applying.

    Raises:
        InputError: A field has the wrong type.
    """
    for entry, component in zip(app.components, plan.components, strict=True):
        yield _read(component, entry, entry.field)
        traits = {trait.field: trait for trait in component.traits}
        for trait_entry in entry.traits:
            trait = traits.get(trait_entry.field)  # what a template makes passes no data on
            if trait is not None:
                yield _read(trait, trait_entry, trait_entry.field.removesuffix(".trait"))


def _read(part: Part, entry: ComponentEntry | TraitEntry, at: str) -> Passing:
    return Passing(
        part,
        tuple(
            DataOutput.parse(item, f"{at}.dataOutputs[{i}]")
            for i, item in enumerate(entry.data_outputs)
        ),
        tuple(
            DataInput.parse(item, f"{at}.dataInputs[{i}]")
            for i, item in enumerate(entry.data_inputs)
        ),
    )


def store_keys(app: ApplicationConfiguration) -> frozenset[ObjectKey]:
    """Return the stores that an application names; objects that it needn't have made itself.

    Raises:
        InputError: A field has the wrong type.
    """
    found: set[ObjectKey] = set()
    for entry in app.entries():
        outputs = [DataOutput.parse(item, entry.field).store for item in entry.data_outputs]
        inputs = [DataInput.parse(item, entry.field).store for item in entry.data_inputs]
        found |= {ObjectKey.at(s.reference, app.namespace) for s in (*outputs, *inputs) if s}
    return frozenset(found)


def data_objects(app: ApplicationConfiguration, plan: Plan) -> frozenset[ObjectKey]:
    """Return the objects to read before :func:`~oamkit.oam.flow.flow`: those that give data, stores, and those that wait.

    Raises:
        InputError: A field has the wrong type.
    """
    references = [
        each.reference for each in passing_parts(app, plan) if each.outputs or each.inputs
    ]
    return store_keys(app) | {ObjectKey.at(ref, app.namespace) for ref in references}
