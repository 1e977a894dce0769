"""The operations by which data gets into a store, and out of it into an object (contract 5.5).

Values are real JSON all the way; the 2020 controller puts texts together, and mangles quotes and backslashes on the way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from oamkit.errors import RenderError
from oamkit.oam import fieldpath
from oamkit.oam.fieldpath import MAX_INDEX, FieldNotFoundError
from oamkit.oam.kinds import Obj, TypedReference
from oamkit.oam.passing import Operation
from oamkit.oam.shape import copied, kind_of, quoted

__all__ = ["Step", "StoreWrite", "perform", "steps"]

Step = tuple[Operation, object]
"""An operation and the value that it puts."""


@dataclass(frozen=True, slots=True)
class StoreWrite:
    """What an output puts into its store."""

    reference: TypedReference
    namespace: str
    owners: tuple[Obj, ...]
    steps: tuple[Step, ...]

    def change(self, live: Obj | None) -> Obj | None:
        """Return the store as it should be; ``None`` if it is.

        Args:
            live: The store; ``None`` if there is none.

        Raises:
            RenderError: An operation can't be done on it.
        """
        if live is None:
            ref = self.reference
            metadata = {"name": ref.name, "namespace": self.namespace}
            if self.owners:
                metadata["ownerReferences"] = copied(list(self.owners))  # type: ignore[assignment]
            return perform(
                self.steps,
                {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata},
            )
        changed = perform(self.steps, live)
        return None if changed == live else changed


def steps(operations: Sequence[Operation], source: Obj) -> tuple[Step, ...]:
    """Look up the values of operations.

    Args:
        operations: In order.
        source: The object that the data comes from.

    Raises:
        RenderError: An operation's type is unknown, or it has no value.
    """
    return tuple((operation, _value(operation, source)) for operation in operations)


def perform(todo: Sequence[Step], obj: Obj) -> Obj:
    """Return ``obj`` after all operations; it isn't changed itself.

    Raises:
        RenderError: A path leads nowhere, or the text that is to be changed isn't JSON.

    Example:
        >>> add = Operation("jsonPatch", "add", "data", value="{}")
        >>> inside = Operation("jsonPatch", "add", "data.config", to_data_path="key")
        >>> perform([(add, {}), (Operation("jsonPatch", "add", "data.config"), "{}"), (inside, "v")], {})
        {'data': {'config': '{"key":"v"}'}}
    """
    changed = copied(obj)
    for operation, value in todo:
        container, key = _place(changed, operation.to_field_path)
        if operation.to_data_path:
            value = _patched(_get(container, key), operation, value)
        _put(container, key, copied(value))
    return changed


def _value(operation: Operation, source: Obj) -> object:
    if operation.type != "jsonPatch":
        raise RenderError(
            "invaild type in operation",  # sic: the contract's text
            hint=f"Write jsonPatch instead of {quoted(operation.type)}.",
        )
    if operation.value:
        try:
            return json.loads(operation.value)
        except ValueError as error:
            raise RenderError(
                f"the value {quoted(operation.value)} of an operation isn't JSON: {error}",
                hint="A text needs double quotes inside, e.g. '\"text\"'.",
            ) from error
    if not operation.value_from:
        raise RenderError("invaild value and valueFrom in operation: both are empty")
    try:
        return fieldpath.get_value(source, operation.value_from)
    except FieldNotFoundError as error:
        raise RenderError(f"{operation.value_from} not found in object") from error


def _patched(old: object, operation: Operation, value: object) -> str:
    """Return JSON text with the value put into it, one step of RFC 6902; the value becomes a string."""
    if old in (None, ""):
        return _json(value)
    if isinstance(old, str):
        try:
            old = json.loads(old)
        except ValueError as error:
            raise RenderError(
                f"what {operation.to_field_path} holds isn't JSON: {error}"
            ) from error
    document = copied(old)
    if operation.op not in ("add", "replace", "remove"):
        raise RenderError(f"Unexpected kind: {operation.op}", hint="Use add, replace or remove.")
    container, key = _place(document, operation.to_data_path)
    if operation.op == "remove":
        if _get(container, key) is None:
            raise RenderError(f"{operation.to_data_path} isn't there to be removed")
        del container[_index(container, key) if isinstance(container, list) else key]  # type: ignore[arg-type]
    else:
        insert = operation.op == "add" and isinstance(container, list)
        _put(container, key, value if isinstance(value, str) else _json(value), insert=insert)
    return _json(document)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _place(obj: object, path: str) -> tuple[dict[str, object] | list[object], str]:
    r"""Return what holds the end of a dotted path, and its key there; ``\.`` is a dot inside a name."""
    *parents, key = [
        part.replace("\0", ".") for part in path.replace(r"\.", "\0").strip(".").split(".")
    ]
    for i, part in enumerate(parents):
        found = _get(obj, part) if isinstance(obj, dict | list) else None
        if not isinstance(found, dict | list):
            where = ".".join(parents[: i + 1])
            raise RenderError(
                f"cannot set {path}: {where} is {'missing' if found is None else kind_of(found)}",
                hint=f"Put an operation with toFieldPath {where} and value '{{}}' before it.",
            )
        obj = found
    if not isinstance(obj, dict | list) or not key:
        raise RenderError(f"cannot set {quoted(path)} in {kind_of(obj)}")
    return obj, key


def _get(container: dict[str, object] | list[object], key: str) -> object:
    if isinstance(container, dict):
        return container.get(key)
    index = _index(container, key)
    return container[index] if index < len(container) else None


def _put(
    container: dict[str, object] | list[object], key: str, value: object, *, insert: bool = False
) -> None:
    if isinstance(container, dict):
        container[key] = value
        return
    index = _index(container, key)
    if insert or index == len(container):
        container.insert(index, value)
    else:
        container[index] = value


def _index(array: list[object], key: str) -> int:
    if key == "-":
        return len(array)
    if not (key.isascii() and key.isdigit()) or int(key[:9]) > min(len(array), MAX_INDEX):
        raise RenderError(f"expected an index of 0 to {len(array)}, got {quoted(key)}")
    return int(key[:9])
