"""Turns the OpenAPI document of an API server into CUE definitions.

CUE can import OpenAPI itself, but leaves every object open, since JSON Schema does: a misspelt field would pass. The API server
refuses fields that it doesn't know, so the definitions made here are closed, except where the server keeps what it doesn't know
(``x-kubernetes-preserve-unknown-fields``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from oamkit.errors import InputError
from oamkit.show import Text

__all__ = ["from_openapi"]

Schema: TypeAlias = Mapping[str, Any]

_REF: Final = "#/components/schemas/"
_GVK: Final = "x-kubernetes-group-version-kind"
_OPEN: Final = "x-kubernetes-preserve-unknown-fields"
_EITHER: Final = "x-kubernetes-int-or-string"
_SCALARS: Final = {"boolean": "bool", "number": "number"}
_INTEGERS: Final = {"int32": "int32", "int64": "int64"}
_LIMITS: Final = (("minimum", ">="), ("maximum", "<="))
_LENGTHS: Final = (("minLength", "strings.MinRunes"), ("maxLength", "strings.MaxRunes"))
_ANY: Final = "_"


def from_openapi(
    document: Mapping[str, Any], *kinds: str, package: str = "", version: str = ""
) -> Text:
    """Return CUE definitions of kinds as an API server describes them.

    Args:
        document: OpenAPI v3 of one group and version, e.g. ``cluster.openapi("apps/v1")``.
        *kinds: Those wanted, e.g. ``"Deployment"``, which becomes ``#Deployment``; all of this group and version by default. What
            they are made of comes along.
        package: The package that the CUE says it belongs to; none by default.
        version: The ``apiVersion`` of the kinds; only where a document describes several.

    Raises:
        InputError: The document has no such kind.

    Example:
        >>> point = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"],
        ...          "x-kubernetes-group-version-kind": [{"group": "a.example", "version": "v1", "kind": "Point"}]}
        >>> print(str(from_openapi({"components": {"schemas": {"example.Point": point}}})).expandtabs(2))
        #Point: {
          apiVersion: "a.example/v1"
          kind: "Point"
          x!: int
        }
    """
    schemas: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})
    roots = dict(_roots(schemas, version))
    unknown = [kind for kind in kinds if kind not in roots]
    if unknown or not roots:
        raise InputError(
            f"the OpenAPI document describes no {', '.join(unknown) or 'kinds'}",
            field="kinds",
            hint=f"It has: {', '.join(sorted(roots)) or 'none'}.",
        )
    chosen = {kind: roots[kind] for kind in sorted(kinds or roots)}
    reached = _reached(schemas, [name for name, _ in chosen.values()])
    by_name = _names({name: kind for kind, (name, _) in chosen.items()}, reached)
    parts = [
        f"#{kind}: {_object(schemas[name], 0, by_name, fixed)}"
        for kind, (name, fixed) in chosen.items()
    ]
    parts += [f"{by_name[name]}: {_value(schemas[name], 0, by_name)}" for name in reached]
    body = "\n\n".join(parts)
    head = f"package {package}\n\n" if package else ""
    if "strings.M" in body:
        head += 'import "strings"\n\n'
    return Text(head + body + "\n")


def _roots(
    schemas: Mapping[str, Schema], version: str
) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Yield each kind with its schema's name and its two fixed fields; lists and options aside."""
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        known = schema.get(_GVK, [])
        if len(known) != 1 or {"kind", "apiVersion"} <= properties.keys() == {"items"}:
            continue
        group, number, kind = (known[0].get(key, "") for key in ("group", "version", "kind"))
        api_version = f"{group}/{number}" if group else number
        if not kind.endswith("List") and version in ("", api_version):
            yield kind, (name, {"apiVersion": api_version, "kind": kind})


def _reached(schemas: Mapping[str, Schema], roots: Iterable[str]) -> list[str]:
    """Return the names of all schemas that some are made of, without these."""
    start = list(roots)
    seen = set(start)
    waiting = list(start)
    while waiting:
        for name in _references(schemas[waiting.pop()]):
            if name not in seen and name in schemas:
                seen.add(name)
                waiting.append(name)
    return sorted(seen - set(start))


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(_REF)
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _names(kinds: Mapping[str, str], reached: Iterable[str]) -> dict[str, str]:
    """Name each schema by the last part of its own name; by all of it, where that is another's already."""
    found = {name: f"#{kind}" for name, kind in kinds.items()}
    taken = set(found.values())
    for name in reached:
        short = f"#{name.rpartition('.')[2]}"
        found[name] = f"#{re.sub(r'[^0-9A-Za-z]', '_', name)}" if short in taken else short
        taken.add(found[name])
    return found


def _value(schema: Schema, depth: int, names: Mapping[str, str]) -> str:
    """Return the CUE of a schema."""
    value = _plain(schema, depth, names)
    return f"null | {_grouped(value)}" if schema.get("nullable") and value != _ANY else value


def _plain(schema: Schema, depth: int, names: Mapping[str, str]) -> str:
    if "$ref" in schema:
        return names.get(schema["$ref"].removeprefix(_REF), _ANY)
    if schema.get("enum"):
        return " | ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    if schema.get(_EITHER) or schema.get("format") == "int-or-string":
        return "int | string"
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return _object(schema, depth, names, {})
    if kind == "array":
        items = _value(schema.get("items", {}), depth, names)
        return f"[...{items}]"
    for joint, sign in (("allOf", " & "), ("oneOf", " | "), ("anyOf", " | ")):
        parts = [_value(each, depth, names) for each in schema.get(joint, ())]
        if parts and _ANY not in parts:
            return sign.join(map(_grouped, parts)) if len(parts) > 1 else parts[0]
    return _scalar(schema)


def _scalar(schema: Schema) -> str:
    kind = schema.get("type")
    if kind == "integer":
        base = _INTEGERS.get(schema.get("format", ""), "int")
    elif kind == "string":
        base = "string"
    else:
        return _SCALARS.get(str(kind), _ANY)
    parts = [base]
    parts += [f"{sign}{schema[key]}" for key, sign in _LIMITS if key in schema]
    parts += [f"{call}({schema[key]})" for key, call in _LENGTHS if key in schema]
    if "pattern" in schema:
        parts.append(f"=~{json.dumps(schema['pattern'], ensure_ascii=False)}")
    return " & ".join(parts)


def _object(schema: Schema, depth: int, names: Mapping[str, str], fixed: Mapping[str, str]) -> str:
    """Return a struct; with ``fixed`` fields in place of those that are called so."""
    required = set(schema.get("required", ()))
    inner = "\t" * (depth + 1)
    lines = [f"{inner}{key}: {json.dumps(value)}" for key, value in fixed.items()]
    for key, each in schema.get("properties", {}).items():
        if key not in fixed:
            mark = "!" if key in required else "?"
            label = key if key.isidentifier() else json.dumps(key)
            lines.append(f"{inner}{label}{mark}: {_value(each, depth + 1, names)}")
    more = schema.get("additionalProperties")
    if isinstance(more, Mapping) and more:
        lines.append(f"{inner}[string]: {_value(more, depth + 1, names)}")
    elif schema.get(_OPEN) or more or not lines:
        lines.append(f"{inner}...")
    return "{\n" + "\n".join(lines) + "\n" + "\t" * depth + "}"


def _grouped(value: str) -> str:
    return f"({value})" if " | " in value or " & " in value else value
