"""Puts a trait's patch into a workload, as KubeVela's templates mean it.

A patch says fields that the workload doesn't have, or has with the same value: that is CUE's way, and a contradiction is an error.
Where a patch should win or a list should grow, a comment above the field in the template says so:

============================  =====================================================================================
``+patchKey=name``            elements of the list with the same ``name`` are merged, others are added
``+patchStrategy=retainKeys``  the patch's value of this field takes the place of the workload's
``+patchStrategy=replace``    the same
============================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from oamkit.errors import RenderError
from oamkit.oam.cuetext import ELEMENT, Marker, Path
from oamkit.oam.kinds import Obj
from oamkit.oam.shape import copied, kind_of, quoted

__all__ = ["Rules", "patched"]

REPLACING: Final = ("retainKeys", "replace")


@dataclass(frozen=True, slots=True)
class Rules:
    """How the fields of one patch are merged.

    Args:
        keys: For each list whose elements have a key, which.
        replaced: The fields whose value takes the place of what was there.
    """

    keys: dict[Path, str] = field(default_factory=dict)
    replaced: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, markers: Iterable[Marker]) -> Rules:
        """Read the markers of a template.

        Raises:
            RenderError: One isn't supported.
        """
        keys: dict[Path, str] = {}
        replaced: set[Path] = set()
        for marker in markers:
            if marker.key == "patchKey":
                if not marker.value.isidentifier():
                    raise _unsupported(marker, "a key is the name of one field")
                keys[marker.path] = marker.value
            elif marker.key == "patchStrategy":
                if marker.value not in REPLACING:
                    raise _unsupported(marker, f"there is {', '.join(REPLACING)}, and patchKey")
                replaced.add(marker.path)
        return cls(keys, frozenset(replaced))


def patched(base: Obj, patch: Obj, rules: Rules | None = None, root: str = "patch") -> Obj:
    """Return an object with a patch put in; neither is changed.

    Args:
        base: The workload.
        patch: The value of the template's field ``root``.
        rules: How its fields are merged.
        root: The template's field that holds the patch.

    Raises:
        RenderError: The patch contradicts the object, and no marker says which of them wins.

    Example:
        >>> patched({"spec": {"image": "a"}}, {"spec": {"replicas": 2}})
        {'spec': {'image': 'a', 'replicas': 2}}
    """
    result: Obj = _merged(base, patch, rules or Rules(), (root,), "")
    return result


def _merged(base: Any, patch: Any, rules: Rules, path: Path, shown: str) -> Any:  # noqa: ANN401 - JSON
    if path in rules.replaced:
        return copied(patch)
    if isinstance(base, dict) and isinstance(patch, dict):
        result = copied(base)
        for key, value in patch.items():
            place = f"{shown}.{key}" if shown else key
            result[key] = (
                _merged(base[key], value, rules, (*path, key), place)
                if key in base
                else copied(value)
            )
        return result
    if isinstance(base, list) and isinstance(patch, list):
        return _merged_lists(base, patch, rules, path, shown)
    if type(base) is type(patch) and base == patch:
        return base
    raise RenderError(
        f"the patch sets {shown} to {_told(patch)}, but the workload has {_told(base)}",
        hint="'// +patchStrategy=retainKeys' above the field in the template lets the patch win.",
    )


def _merged_lists(
    base: list[Any], patch: list[Any], rules: Rules, path: Path, shown: str
) -> list[Any]:
    inner = (*path, ELEMENT)
    key = rules.keys.get(path)
    if key is None:
        if len(base) != len(patch):
            raise RenderError(
                f"the patch has {len(patch)} elements for {shown}, the workload has {len(base)}",
                hint="'// +patchKey=name' above the list in the template merges elements by their name.",
            )
        return [
            _merged(old, new, rules, inner, f"{shown}[{n}]")
            for n, (old, new) in enumerate(zip(base, patch, strict=True))
        ]
    result = copied(base)
    for element in patch:
        if not isinstance(element, dict) or key not in element:
            raise RenderError(f"an element of the patch's list {shown} has no {key}, its patchKey")
        known = [each.get(key) if isinstance(each, dict) else None for each in result]
        if element[key] in known:
            at = known.index(element[key])
            result[at] = _merged(result[at], element, rules, inner, f"{shown}[{element[key]}]")
        else:
            result.append(copied(element))
    return result


def _told(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    return kind_of(value) if isinstance(value, dict | list) else str(value)


def _unsupported(marker: Marker, instead: str) -> RenderError:
    return RenderError(
        f"line {marker.line} of the template: +{marker.key}={marker.value} isn't supported: {instead}"
    )
