"""What an application says about data that its parts pass on or wait for, as typed views (contract 1.6).

Go clients write empty structs where a person writes nothing, so an all-empty one counts as absent.
"""

from __future__ import annotations

from dataclasses import dataclass

from oamkit.oam.kinds import Obj, TypedReference
from oamkit.oam.shape import listing, mapping, reference, text

__all__ = ["DataInput", "DataOutput", "Operation", "Requirement", "Store"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition that a value must meet.

    Args:
        op: ``eq``, ``notEq`` or ``notEmpty``.
        value: What to compare with; ``""`` leaves it to ``value_from``.
        value_from: A field path in the application itself.
        field_path: What is compared, in the object that the condition is about; ``""`` is the value that is passed.
    """

    op: str
    value: str = ""
    value_from: str = ""
    field_path: str = ""

    @classmethod
    def parse(cls, value: object, field: str) -> Requirement:
        """Read ``conditions[i]``."""
        data = mapping(value, field)
        return cls(
            op=text(data.get("op"), f"{field}.op"),
            value=text(data.get("value"), f"{field}.value"),
            value_from=_value_from(data, "fieldPath", field),
            field_path=text(data.get("fieldPath"), f"{field}.fieldPath"),
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of an object by a store: put a value at ``to_field_path``, or into the JSON text that is there.

    Args:
        type: Only ``jsonPatch`` works.
        op: The JSON patch's verb inside the text.
        to_field_path: Where to, as a dotted path.
        to_data_path: Where to inside the JSON text at ``to_field_path``; ``""`` replaces all of it.
        value: The value as JSON text; ``""`` leaves it to ``value_from``.
        value_from: A field path in the object that the data comes from.
        conditions: What the value must meet.
    """

    type: str
    op: str
    to_field_path: str
    to_data_path: str = ""
    value: str = ""
    value_from: str = ""
    conditions: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, value: object, field: str) -> Operation:
        """Read ``operations[i]``."""
        data = mapping(value, field)
        return cls(
            type=text(data.get("type"), f"{field}.type"),
            op=text(data.get("op"), f"{field}.op"),
            to_field_path=text(data.get("toFieldPath"), f"{field}.toFieldPath"),
            to_data_path=text(data.get("toDataPath"), f"{field}.toDataPath"),
            value=text(data.get("value"), f"{field}.value"),
            value_from=_value_from(data, "fieldPath", field),
            conditions=_requirements(data, field),
        )

    @property
    def target(self) -> str:
        """Where to, as an application's status tells it."""
        inside = f"({self.to_data_path})" if self.to_data_path else ""
        return f"{self.to_field_path}{inside}"


@dataclass(frozen=True, slots=True)
class Store:
    """An object that keeps data between those who write and those who read it."""

    reference: TypedReference
    operations: tuple[Operation, ...]

    @classmethod
    def parse(cls, value: object, field: str) -> Store | None:
        """Read ``outputStore`` or ``inputStore``; ``None`` if it is empty."""
        data = mapping(value, field)
        if not any(data.values()):
            return None
        operations = listing(data.get("operations"), f"{field}.operations")
        return cls(
            reference(data, field),
            tuple(Operation.parse(o, f"{field}.operations[{i}]") for i, o in enumerate(operations)),
        )


@dataclass(frozen=True, slots=True)
class DataOutput:
    """Data that a workload or trait gives once it is there."""

    name: str
    field_path: str = ""
    conditions: tuple[Requirement, ...] = ()
    store: Store | None = None

    @classmethod
    def parse(cls, value: object, field: str) -> DataOutput:
        """Read ``dataOutputs[i]``."""
        data = mapping(value, field)
        return cls(
            name=text(data.get("name"), f"{field}.name").strip(),
            field_path=text(data.get("fieldPath"), f"{field}.fieldPath"),
            conditions=_requirements(data, field),
            store=Store.parse(data.get("outputStore"), f"{field}.outputStore"),
        )


@dataclass(frozen=True, slots=True)
class DataInput:
    """Data that a workload or trait waits for."""

    output_name: str = ""
    to_field_paths: tuple[str, ...] = ()
    conditions: tuple[Requirement, ...] = ()
    store: Store | None = None

    @classmethod
    def parse(cls, value: object, field: str) -> DataInput:
        """Read ``dataInputs[i]``."""
        data = mapping(value, field)
        paths = listing(data.get("toFieldPaths"), f"{field}.toFieldPaths")
        return cls(
            output_name=_value_from(data, "dataOutputName", field).strip(),
            to_field_paths=tuple(
                text(path, f"{field}.toFieldPaths[{i}]") for i, path in enumerate(paths)
            ),
            conditions=_requirements(data, field),
            store=Store.parse(data.get("inputStore"), f"{field}.inputStore"),
        )


def _value_from(data: Obj, key: str, field: str) -> str:
    at = f"{field}.valueFrom"
    return text(mapping(data.get("valueFrom"), at).get(key), f"{at}.{key}")


def _requirements(data: Obj, field: str) -> tuple[Requirement, ...]:
    items = listing(data.get("conditions"), f"{field}.conditions")
    return tuple(
        Requirement.parse(item, f"{field}.conditions[{i}]") for i, item in enumerate(items)
    )
