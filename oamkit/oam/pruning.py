"""Fields that a kind's schema doesn't have.

The 2020 controller wrote by patches and updates, of which the API server drops unknown fields. Of a server-side apply it refuses them, one
after another by their paths; so what is refused is left out, and told.
"""

from __future__ import annotations

import copy
import re

from oamkit.oam import fieldpath
from oamkit.oam.kinds import Obj

__all__ = ["undeclared", "without"]

_UNDECLARED = re.compile(r"(\.\S+): field not declared in schema")


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
        try:
            *parents, last = fieldpath.parse(path)
            parent = fieldpath.get_value(pruned, fieldpath.printed(parents)) if parents else pruned
        except fieldpath.FieldPathError:
            return None
        if not isinstance(parent, dict) or last not in parent:
            return None
        del parent[last]
    return pruned
