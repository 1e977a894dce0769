"""The smallest JSON patch (RFC 6902) from one document to another, as a mutating webhook answers with."""

from __future__ import annotations

from collections.abc import Iterator

from oamkit.oam.kinds import Obj

__all__ = ["diff"]


def diff(old: object, new: object) -> list[Obj]:
    """Return the operations that make ``new`` of ``old``: fields are compared, lists of another length replaced.

    Example:
        >>> diff({"a": 1, "b": {"c": [1]}}, {"b": {"c": [2], "d/e": 3}})
        ... # doctest: +NORMALIZE_WHITESPACE
        [{'op': 'remove', 'path': '/a'},
         {'op': 'replace', 'path': '/b/c/0', 'value': 2},
         {'op': 'add', 'path': '/b/d~1e', 'value': 3}]
    """
    return list(_diff(old, new, ""))


def _diff(old: object, new: object, path: str) -> Iterator[Obj]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() - new.keys():
            yield {"op": "remove", "path": f"{path}/{_escaped(key)}"}
        for key, value in new.items():
            at = f"{path}/{_escaped(key)}"
            if key in old:
                yield from _diff(old[key], value, at)
            else:
                yield {"op": "add", "path": at, "value": value}
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _diff(before, after, f"{path}/{i}")
    elif type(old) is not type(new) or old != new:  # True equals 1 in Python, not in JSON
        yield {"op": "replace", "path": path, "value": new}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
