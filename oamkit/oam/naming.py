"""How workloads and traits get their names (contract 3.5 and 3.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from oamkit.errors import RenderError
from oamkit.oam.kinds import Obj, TypedReference, group_of
from oamkit.oam.shape import quoted

__all__ = [
    "definition_name",
    "generated_trait_name",
    "is_revision_of",
    "revision_component",
    "revision_name",
    "trait_hash",
    "trait_names",
    "workload_name",
]

_SAFE: Final = "bcdfghjklmnpqrstvwxz2456789"  # no vowels and look-alikes: no words arise by chance
_REVISION: Final = re.compile(r"(?P<component>.+)-v[1-9][0-9]*", re.DOTALL)


def revision_component(name: str) -> str:
    """Return the Component that a revision's name belongs to; ``""`` if it isn't a revision's name.

    Example:
        >>> revision_component("a-b-v3"), revision_component("web-prod")
        ('a-b', '')
    """
    match = _REVISION.fullmatch(name)
    return match["component"] if match else ""


def revision_name(component: str, number: int) -> str:
    """Return the name of a Component's revision; :func:`revision_component` is the way back.

    Example:
        >>> revision_name("a-b", 3)
        'a-b-v3'
    """
    return f"{component}-v{number}"


def is_revision_of(name: str, component: str) -> bool:
    """Tell whether ``name`` is the name of one of the Component's revisions.

    Example:
        >>> is_revision_of("web-v3", "web"), is_revision_of("web-prod", "web")
        (True, False)
    """
    return revision_component(name) == component != ""


def definition_name(plural: str, api_version: str) -> str:
    """Return the definition's name for a kind: its CRD's, or the bare plural for the core group.

    Example:
        >>> definition_name("deployments", "apps/v1"), definition_name("services", "v1")
        ('deployments.apps', 'services')
    """
    group = group_of(api_version)
    return f"{plural}.{group}" if group else plural


def trait_hash(trait: Obj, outputs: Sequence[Obj] = (), inputs: Sequence[Obj] = ()) -> str:
    """Return the hash that tells apart the unnamed traits of a component.

    It equals the 2020 controller's for traits that pass no data: FNV-1a over the text by which that program dumped
    its data structure. Traits that do are hashed over their JSON instead; their names were and are found in the
    application's status, so that a take-over of a running application keeps them.

    Example:
        >>> trait_hash({})
        '67b8949f8d'
    """
    raw = _json(trait) if trait else b""
    dumped = f"([]uint8)[{' '.join(map(str, raw))}]" if raw else "([]uint8)<nil>"
    text = (
        f"(v1alpha2.ComponentTrait){{Trait:(runtime.RawExtension){{Raw:{dumped} Object:(runtime.Object)<nil>}}"
        f" DataOutputs:([]v1alpha2.DataOutput){_dumped_list(outputs)}"
        f" DataInputs:([]v1alpha2.DataInput){_dumped_list(inputs)}}}"
    )
    return _digest(text)


def _json(value: object) -> bytes:
    """Return compact JSON as Go writes it: sorted keys, HTML's special characters escaped."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "surrogatepass")


def _dumped_list(items: Sequence[Obj]) -> str:
    return f"[{' '.join(_json(item).decode() for item in items)}]" if items else "<nil>"


@lru_cache(maxsize=1024)  # every pass over an application asks for the same ones
def _digest(text: str) -> str:
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(value))


def generated_trait_name(component: str, definition: str | None, digest: str) -> str:
    """Return the name of a trait that has none, from its definition's name (``None``: it has no definition).

    Example:
        >>> generated_trait_name("web", "manualscalertraits.core.oam.dev", "545647b965")
        'web-manualscalertraits-545647b965'
        >>> generated_trait_name("backend", None, "67b8949f8d")
        'backend-dummy-67b8949f8d'
    """
    middle = "dummy" if definition is None else definition.partition(".")[0].lower() or "trait"
    return f"{component}-{middle}-{digest}"


def trait_names(
    generated: Sequence[str], recorded: Sequence[str], taken: Collection[str]
) -> list[str]:
    """Name the unnamed traits of one kind on one component.

    An edited trait has a new hash, but must keep its object. So traits that didn't change take the recorded name that
    equals their generated one; the others take the recorded names that are left, in order; only then are names new.
    A number is appended to a new name that is taken.

    Args:
        generated: The generated name of each trait, in order.
        recorded: Names that the application's status holds for this component and kind, in order.
        taken: Names that other traits of this kind have in this application.

    Example:
        >>> trait_names(["web-x-new", "web-x-b"], ["web-x-a", "web-x-b"], taken=())
        ['web-x-a', 'web-x-b']
    """
    used = set(taken)
    names: list[str] = [""] * len(generated)
    free = [name for name in dict.fromkeys(recorded) if name and name not in used]
    for i, name in enumerate(generated):
        if name in free:
            names[i] = name
            free.remove(name)
            used.add(name)
    for i, name in enumerate(generated):
        if names[i]:
            continue
        names[i] = free.pop(0) if free else _fresh(name, used)
        used.add(names[i])
    return names


def _fresh(name: str, used: Collection[str]) -> str:
    number, candidate = 1, name
    while candidate in used:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def workload_name(
    component: str,
    *,
    given: str,
    revision_enabled: bool,
    latest_revision: str,
    recorded: TypedReference | None,
    recorded_revision: str,
) -> str:
    """Name a component's workload.

    Args:
        component: The component's name.
        given: ``metadata.name`` of the template after parameters; ``""`` if there is none.
        revision_enabled: Whether one of its traits wants a workload per revision.
        latest_revision: The newest revision of the Component, or the pinned one.
        recorded: The workload that the last pass applied for this component, if it still exists.
        recorded_revision: That workload's revision label.

    Raises:
        RenderError: Revisions are wanted and the Component has none yet.
    """
    if given:
        return given
    if not revision_enabled:
        return component
    if not latest_revision:
        raise RenderError(
            f"cannot get latest revision for component {quoted(component)} while revision is enabled",
            hint="The runtime records a revision shortly after a Component is created.",
        )
    if recorded is not None and recorded_revision == latest_revision:
        return recorded.name
    return latest_revision
