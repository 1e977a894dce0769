"""Fields that a kind's schema doesn't have.

The 2020 controller wrote by patches and updates, of which the API server drops unknown fields. Of a server-side apply it refuses them, one
after another by their paths; so what is refused is left out, and told.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from oamkit.oam.kinds import Obj

__all__ = ["undeclared", "without"]

_UNDECLARED = re.compile(r"^\s*(?:.*: )?(\.\S.*): field not declared in schema", re.MULTILINE)
_TEXT = r'"(?:[^"\\]|\\.)*"'
_STEP = re.compile(
    rf"(?:^|\.)(?P<field>[^.\[\]]+)|\[(?:(?P<index>\d+)|(?P<keys>(?:{_TEXT}|[^\]\"])+))\]"
)
"""A step of a path as the server writes it: a field, a place in a list, or the keys of a list's item, ``[name="web"]``."""
_KEY = re.compile(rf"(\w+)=({_TEXT}|[^,]+)")


def undeclared(message: str) -> tuple[str, ...]:
    """The paths of unknown fields that an error of the API server names.

    Example:
        >>> undeclared("failed to create typed patch object (a/b; v1, Kind=Bar): .spec.foo: field not declared in schema")
        ('spec.foo',)
    """
    return tuple(path[1:] for path in _UNDECLARED.findall(message))


def without(obj: Obj, paths: tuple[str, ...]) -> Obj | None:
    """The object without some of its fields; ``None`` if one of them can't be found.

    Example:
        >>> without({"spec": {"key": 1, "foo": 2}}, ("spec.foo",))
        {'spec': {'key': 1}}
    """
    pruned = copy.deepcopy(obj)
    for path in paths:
        steps = list(_STEP.finditer(path))
        if not steps or "".join(step[0] for step in steps) != path or not steps[-1]["field"]:
            return None
        parent: Any = pruned
        for step in steps[:-1]:
            parent = _below(parent, step)
        last = steps[-1]["field"]
        if not isinstance(parent, dict) or last not in parent:
            return None
        del parent[last]
    return pruned


def _below(value: Any, step: re.Match[str]) -> Any:  # noqa: ANN401 - whatever an object holds
    """What a step leads to; ``None`` if it leads nowhere."""
    if step["field"]:
        return value.get(step["field"]) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    if step["index"]:
        return value[int(step["index"])] if int(step["index"]) < len(value) else None
    keys = {key: json.loads(text) for key, text in _KEY.findall(step["keys"])}
    # A key that isn't written has its default, which the server knows: a port's protocol.
    fitting = (
        item
        for item in value
        if isinstance(item, dict)
        and keys.keys() & item.keys()
        and all(item.get(key, wanted) == wanted for key, wanted in keys.items())
    )
    return next(fitting, None)
