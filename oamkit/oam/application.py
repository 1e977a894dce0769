"""What an application operator delivers, as typed, frozen views over plain data (contract 1.6).

Odd input is an :class:`~oamkit.errors.InputError` that names the field. The API server's schemas let little of it
through, but files that are rendered offline come straight from a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from oamkit.errors import InputError
from oamkit.oam.kinds import Obj, TypedReference
from oamkit.oam.shape import kind_of, listing, mapping, reference, required_text, text, texts

__all__ = [
    "ApplicationConfiguration",
    "ComponentEntry",
    "ParameterValue",
    "RecordedWorkload",
    "TraitEntry",
]


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A value that an application gives to a Component's parameter: a string or a 32-bit integer."""

    name: str
    value: str | int

    @classmethod
    def parse(cls, value: object, field: str) -> ParameterValue:
        """Read ``spec.components[i].parameterValues[j]``."""
        data = mapping(value, field)
        given = data.get("value")
        if isinstance(given, bool) or not isinstance(given, str | int):
            raise InputError(
                f"expected a string or an integer, got {kind_of(given)}",
                field=f"{field}.value",
                hint="Put the value in quotes if it is meant as text.",
            )
        if isinstance(given, int) and not -(2**31) <= given < 2**31:
            raise InputError(
                f"expected an integer of 32 bits, got {given}",
                field=f"{field}.value",
                hint="Put the value in quotes if it is meant as text.",
            )
        return cls(name=required_text(data, "name", field), value=given)


@dataclass(frozen=True, slots=True)
class TraitEntry:
    """A trait as attached to a component: the embedded object, and the data that it passes on or waits for."""

    field: str
    trait: object
    data_outputs: tuple[Obj, ...] = ()
    data_inputs: tuple[Obj, ...] = ()

    @classmethod
    def parse(cls, value: object, field: str) -> TraitEntry:
        """Read ``spec.components[i].traits[j]``."""
        data = mapping(value, field)
        outputs, inputs = _data_passing(data, field)
        return cls(f"{field}.trait", data.get("trait"), outputs, inputs)


@dataclass(frozen=True, slots=True)
class ComponentEntry:
    """One entry of ``spec.components``: a Component or a revision of it, configured for this application."""

    field: str
    component_name: str = ""
    revision_name: str = ""
    parameter_values: tuple[ParameterValue, ...] = ()
    traits: tuple[TraitEntry, ...] = ()
    scopes: tuple[TypedReference, ...] = ()
    data_outputs: tuple[Obj, ...] = ()
    data_inputs: tuple[Obj, ...] = ()

    @classmethod
    def parse(cls, value: object, field: str) -> ComponentEntry:
        """Read ``spec.components[i]``."""
        data = mapping(value, field)
        outputs, inputs = _data_passing(data, field)
        return cls(
            field=field,
            component_name=text(data.get("componentName"), f"{field}.componentName"),
            revision_name=text(data.get("revisionName"), f"{field}.revisionName"),
            parameter_values=tuple(
                ParameterValue.parse(item, f"{field}.parameterValues[{i}]")
                for i, item in enumerate(
                    listing(data.get("parameterValues"), f"{field}.parameterValues")
                )
            ),
            traits=tuple(
                TraitEntry.parse(item, f"{field}.traits[{i}]")
                for i, item in enumerate(listing(data.get("traits"), f"{field}.traits"))
            ),
            scopes=tuple(
                reference(
                    mapping(item, f"{field}.scopes[{i}]").get("scopeRef"),
                    f"{field}.scopes[{i}].scopeRef",
                )
                for i, item in enumerate(listing(data.get("scopes"), f"{field}.scopes"))
            ),
            data_outputs=outputs,
            data_inputs=inputs,
        )

    @property
    def name(self) -> str:
        """The component's name everywhere: a pinned revision's name without its last ``-`` segment (contract 3.1)."""
        return self.revision_name.rpartition("-")[0] or self.revision_name or self.component_name


@dataclass(frozen=True, slots=True)
class RecordedWorkload:
    """One entry of ``status.workloads``: what the last successful pass applied."""

    component_name: str
    revision_name: str
    reference: TypedReference
    status: str = ""
    traits: tuple[TypedReference, ...] = ()
    trait_statuses: tuple[str, ...] = ()
    scopes: tuple[TypedReference, ...] = ()

    @classmethod
    def parse(cls, value: object, field: str) -> RecordedWorkload:
        """Read ``status.workloads[i]``."""
        data = mapping(value, field)
        traits = [
            (mapping(item, f"{field}.traits[{i}]"), f"{field}.traits[{i}]")
            for i, item in enumerate(listing(data.get("traits"), f"{field}.traits"))
        ]
        scopes = [
            (mapping(item, f"{field}.scopes[{i}]"), f"{field}.scopes[{i}]")
            for i, item in enumerate(listing(data.get("scopes"), f"{field}.scopes"))
        ]
        return cls(
            component_name=text(data.get("componentName"), f"{field}.componentName"),
            revision_name=text(data.get("componentRevisionName"), f"{field}.componentRevisionName"),
            reference=reference(data.get("workloadRef"), f"{field}.workloadRef"),
            status=text(data.get("status"), f"{field}.status"),
            traits=tuple(reference(item.get("traitRef"), f"{at}.traitRef") for item, at in traits),
            trait_statuses=tuple(text(item.get("status"), f"{at}.status") for item, at in traits),
            scopes=tuple(reference(item.get("scopeRef"), f"{at}.scopeRef") for item, at in scopes),
        )


@dataclass(frozen=True, slots=True)
class ApplicationConfiguration:
    """The deliverable: components and the operational capabilities attached to them.

    Args:
        recorded: ``status.workloads``.
        history: ``status.historyWorkloads``, as references.
        source: The object itself, for conditions that compare with any field of it.

    Example:
        >>> app = ApplicationConfiguration.parse({
        ...     "metadata": {"name": "example", "namespace": "default"},
        ...     "spec": {"components": [{"componentName": "web"}]},
        ... })
        >>> app.components[0].name
        'web'
    """

    name: str
    namespace: str
    uid: str
    generation: int
    labels: dict[str, str]
    annotations: dict[str, str]
    components: tuple[ComponentEntry, ...]
    recorded: tuple[RecordedWorkload, ...] = ()
    history: tuple[TypedReference, ...] = ()
    source: Obj = field(default_factory=dict, repr=False, compare=False)

    @property
    def passes_data(self) -> bool:
        """Whether a part passes data on or waits for it."""
        return any(entry.data_outputs or entry.data_inputs for entry in self.entries())

    def entries(self) -> Iterator[ComponentEntry | TraitEntry]:
        """Yield each entry that stands for an object, in the order of applying."""
        for entry in self.components:
            yield entry
            yield from entry.traits

    @classmethod
    def parse(cls, value: object) -> ApplicationConfiguration:
        """Read an ApplicationConfiguration.

        Raises:
            InputError: A field has the wrong type; the message names it.
        """
        data = mapping(value, "")
        metadata = mapping(data.get("metadata"), "metadata")
        spec = mapping(data.get("spec"), "spec")
        status = mapping(data.get("status"), "status")
        generation = metadata.get("generation")
        return cls(
            name=required_text(metadata, "name", "metadata"),
            namespace=text(metadata.get("namespace"), "metadata.namespace") or "default",
            uid=text(metadata.get("uid"), "metadata.uid"),
            generation=generation if isinstance(generation, int) else 0,
            labels=texts(metadata.get("labels"), "metadata.labels"),
            annotations=texts(metadata.get("annotations"), "metadata.annotations"),
            components=tuple(
                ComponentEntry.parse(item, f"spec.components[{i}]")
                for i, item in enumerate(listing(spec.get("components"), "spec.components"))
            ),
            recorded=tuple(
                RecordedWorkload.parse(item, f"status.workloads[{i}]")
                for i, item in enumerate(listing(status.get("workloads"), "status.workloads"))
            ),
            history=tuple(
                reference(
                    mapping(item, f"status.historyWorkloads[{i}]").get("workloadRef"),
                    f"status.historyWorkloads[{i}].workloadRef",
                )
                for i, item in enumerate(
                    listing(status.get("historyWorkloads"), "status.historyWorkloads")
                )
            ),
            source=data,
        )


def _data_passing(data: Obj, field: str) -> tuple[tuple[Obj, ...], tuple[Obj, ...]]:
    outputs, inputs = (
        tuple(
            mapping(item, f"{field}.{key}[{i}]")
            for i, item in enumerate(listing(data.get(key), f"{field}.{key}"))
        )
        for key in ("dataOutputs", "dataInputs")
    )
    return outputs, inputs
