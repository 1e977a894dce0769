"""What a conversion is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oamkit.errors import InputError
from oamkit.oam import shape
from oamkit.oam.kinds import Obj

__all__ = ["LossyError", "Rule", "child", "children", "unchanged"]


class LossyError(Exception):
    """The object says something that the newer API version can't; never leaves this package."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind gets from one API version to the next.

    Args:
        from_: The API version that left.
        kind: The kind.
        to: The API version that took over.
        change: Changes a copy of the object in place (all but ``apiVersion``) and returns notes on what it changed;
            raises :class:`LossyError`.
    """

    from_: str
    kind: str
    to: str
    change: Callable[[Obj], list[str]]


def unchanged(_obj: Obj) -> list[str]:
    """Change nothing: both versions have the same shape and meaning."""
    return []


def child(obj: Obj, key: str) -> Obj:
    """Return the object in field ``key``, made if it is absent."""
    try:
        value = shape.mapping(obj.get(key), key)
    except InputError as error:
        raise LossyError(error.message) from error
    obj[key] = value
    return value


def children(obj: Obj, key: str) -> list[Obj]:
    """Return the list of objects in field ``key``; ``[]`` if it is absent."""
    try:
        items = shape.listing(obj.get(key), key)
        return [shape.mapping(item, f"{key}[{i}]") for i, item in enumerate(items)]
    except InputError as error:
        raise LossyError(error.message) from error
