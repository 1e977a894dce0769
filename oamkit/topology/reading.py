"""Reads objects of which nothing is sure: what isn't there, or is of another type, reads as empty."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

__all__ = [
    "Obj",
    "at",
    "clean",
    "identity",
    "identity_of",
    "listing",
    "mapping",
    "number",
    "reference",
    "text",
]

Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object, or a part of one, as JSON gives it."""

_UNFIT = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # what XML can't hold (https://www.w3.org/TR/xml/#charsets)


def clean(value: str) -> str:
    r"""Return a text that every encoding and XML can hold.

    Example:
        >>> clean("a\x00b")
        'a\ufffdb'
    """
    return _UNFIT.sub("\ufffd", value)


def at(obj: object, *path: str | int) -> object:
    """Return the value at a path; ``None`` if the path leads nowhere.

    Example:
        >>> at({"spec": {"ports": [80]}}, "spec", "ports", 0)
        80
        >>> at({"spec": 3}, "spec", "ports") is None
        True
    """
    value = obj
    for key in path:
        if isinstance(key, str) and isinstance(value, dict):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, list) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def text(obj: object, *path: str | int) -> str:
    """Return the string at a path; ``""`` if there is none."""
    value = at(obj, *path)
    return clean(value) if isinstance(value, str) else ""


def number(obj: object, *path: str | int) -> int | None:
    """Return the integer at a path; ``None`` if there is none."""
    value = at(obj, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(obj: object, *path: str | int) -> Obj:
    """Return the object at a path; ``{}`` if there is none."""
    value = at(obj, *path)
    return value if isinstance(value, dict) else {}


def listing(obj: object, *path: str | int) -> list[Any]:
    """Return the list at a path; ``[]`` if there is none."""
    value = at(obj, *path)
    return value if isinstance(value, list) else []


def identity_of(api_version: str, kind: str, name: str) -> str:
    """Return what kubectl calls an object; it is the same in all versions of its API.

    Example:
        >>> identity_of("apps/v1", "Deployment", "web"), identity_of("v1", "Service", "web")
        ('deployment.apps/web', 'service/web')
    """
    group, slash, _ = api_version.rpartition("/")
    return f"{kind.lower()}.{group}/{name}" if slash else f"{kind.lower()}/{name}"


def identity(obj: object) -> str:
    """Return what kubectl calls an object, whatever it lacks."""
    return reference(obj, text(obj, "metadata", "name"))


def reference(obj: object, name: str = "") -> str:
    """Return what kubectl calls the object that a reference, e.g. an ``ownerReference``, means."""
    return identity_of(
        text(obj, "apiVersion"), text(obj, "kind") or "Unknown", name or text(obj, "name")
    )
