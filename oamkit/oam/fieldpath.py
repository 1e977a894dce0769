"""Field paths: how parameters and definitions name a field inside an object (contract 3.3).

``spec.containers[0].image`` walks through fields and list elements; ``metadata.labels[app.oam.dev/name]`` puts a
field name that holds dots into brackets. Inside brackets an unsigned 32-bit integer is an index; anything else is a
field name, whose surrounding quotes are dropped. Outside brackets digits are a field name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from oamkit.errors import RenderError
from oamkit.oam.kinds import Obj
from oamkit.oam.shape import quoted

__all__ = [
    "MAX_INDEX",
    "FieldNotFoundError",
    "FieldPathError",
    "Segment",
    "get_text",
    "get_value",
    "parse",
    "printed",
    "set_value",
]

Segment: TypeAlias = str | int
"""A field's name, or an element's index."""

MAX_INDEX: Final = 1024
"""The highest index that :func:`set_value` extends a list to: one typing error must not fill the memory."""


class FieldPathError(RenderError):
    """A path can't be read, or leads through something of another type."""

    default_code = "field-path"


class FieldNotFoundError(FieldPathError):
    """What a path leads to isn't there."""

    default_code = "field-not-found"


@lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Segment, ...]:
    """Split a path into its segments.

    Raises:
        FieldPathError: The path doesn't follow the grammar; the message names the position, from 0.

    Example:
        >>> parse("spec.containers[0].image")
        ('spec', 'containers', 0, 'image')
        >>> parse("metadata.labels['app.oam.dev/name']")
        ('metadata', 'labels', 'app.oam.dev/name')
    """
    if not path:
        raise FieldPathError('cannot parse path "": it names no field')
    segments: list[Segment] = []
    position = 0
    while position < len(path):
        character = path[position]
        if character == "[":
            position = _bracket(path, position, segments)
            continue
        if character == ".":
            if position in (0, len(path) - 1):
                raise _unexpected(path, position)
            position += 1
            if path[position] in ".[":
                raise _unexpected(path, position)
        end = next((i for i in range(position, len(path)) if path[i] in ".[]"), len(path))
        if path[end : end + 1] == "]":
            raise _unexpected(path, end)
        segments.append(path[position:end])
        position = end
    return tuple(segments)


def _bracket(path: str, start: int, segments: list[Segment]) -> int:
    end = path.find("]", start)
    if end < 0:
        raise FieldPathError(
            f"cannot parse path {quoted(path)}: unterminated '[' at position {start}"
        )
    nested = path.find("[", start + 1, end)
    if nested >= 0:
        raise _unexpected(path, nested)
    inside = path[start + 1 : end]
    if not inside:
        raise _unexpected(path, end)
    digits = inside.lstrip("0") or "0"
    if inside.isascii() and inside.isdigit() and len(digits) <= 10 and int(digits) < 2**32:
        segments.append(int(digits))
    else:
        segments.append(inside.strip("'\""))
    return end + 1


def _unexpected(path: str, position: int) -> FieldPathError:
    return FieldPathError(
        f"cannot parse path {quoted(path)}: unexpected '{path[position]}' at position {position}"
    )


def printed(segments: Sequence[Segment]) -> str:
    """Write segments as a path, in the shortest form that :func:`parse` reads back.

    Example:
        >>> printed(("metadata", "labels", "app.oam.dev/name"))
        'metadata.labels[app.oam.dev/name]'
    """
    parts: list[str] = []
    for segment in segments:
        if isinstance(segment, int):
            parts.append(f"[{segment}]")
        elif "." in segment or not segment:
            parts.append(
                f"[{segment}]" if segment.strip("'\"") == segment != "" else f"['{segment}']"
            )
        else:
            parts.append(f".{segment}" if parts else segment)
    return "".join(parts)


def get_value(obj: Obj, path: str) -> object:
    """Return the value at ``path``.

    Raises:
        FieldNotFoundError: There is no such field or element.
        FieldPathError: The path is malformed, or walks through a value of the wrong type.

    Example:
        >>> get_value({"spec": {"ports": [80, 443]}}, "spec.ports[1]")
        443
    """
    segments = parse(path)
    value: object = obj
    for i, segment in enumerate(segments):
        if isinstance(segment, int):
            if not isinstance(value, list):
                raise FieldPathError(f"{printed(segments[:i])}: not an array")
            if segment >= len(value):
                raise FieldNotFoundError(f"{printed(segments[: i + 1])}: no such element")
            value = value[segment]
        else:
            if not isinstance(value, dict):
                raise FieldPathError(f"{printed(segments[:i])}: not an object")
            if segment not in value:
                raise FieldNotFoundError(f"{printed(segments[: i + 1])}: no such field")
            value = value[segment]
    return value


def get_text(obj: Obj, path: str) -> str:
    """Return the string at ``path``.

    Raises:
        FieldNotFoundError: There is no such field or element.
        FieldPathError: The path is malformed, or the value isn't a string.
    """
    value = get_value(obj, path)
    if not isinstance(value, str):
        raise FieldPathError(f"{path}: not a string")
    return value


def set_value(obj: Obj, path: str, value: object) -> None:
    """Put ``value`` at ``path``; objects and lists on the way are made, gaps in lists are ``null``.

    Args:
        obj: The object, changed in place.
        path: Where to.
        value: Plain JSON data.

    Raises:
        FieldPathError: The path is malformed, walks through a value of the wrong type, or holds an index over
            :data:`MAX_INDEX`. An explicit ``null`` field is a value of the wrong type; a ``null`` element isn't.

    Example:
        >>> deployment = {}
        >>> set_value(deployment, "spec.containers[0].image", "flask-sample:v1")
        >>> deployment
        {'spec': {'containers': [{'image': 'flask-sample:v1'}]}}
    """
    segments = parse(path)
    container: object = obj
    for i, segment in enumerate(segments):
        if isinstance(segment, int):
            if not isinstance(container, list):
                raise FieldPathError(f"{printed(segments[:i])} is not an array")
            _extend(container, segment, path)
            missing = container[segment] is None
        else:
            if not isinstance(container, dict):
                raise FieldPathError(f"{printed(segments[:i])} is not an object")
            missing = segment not in container
        if i == len(segments) - 1:
            container[segment] = value  # type: ignore[index]  # the checks above paired them
            return
        if missing:
            made: object = [] if isinstance(segments[i + 1], int) else {}
            container[segment] = made  # type: ignore[index]
        container = container[segment]  # type: ignore[index]


def _extend(array: list[object], index: int, path: str) -> None:
    if index < len(array):
        return
    if index > MAX_INDEX:
        raise FieldPathError(
            f"{path}: index {index} is over the limit of {MAX_INDEX}",
            hint="An index counts the elements before it, from 0.",
        )
    array.extend([None] * (index + 1 - len(array)))
