"""The conditions in the status of OAM objects (contract 1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from oamkit.oam.kinds import Obj

__all__ = ["CONVERTED", "SYNCED", "Condition", "converted", "set_condition", "synced", "unset"]

SYNCED: Final = "Synced"
CONVERTED: Final = "Converted"


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about an object; there is at most one of each ``type``."""

    type: str
    status: str
    reason: str
    message: str = ""


def synced(error: str = "") -> Condition:
    """Return the condition that the last pass leaves: a success, or what went wrong.

    Example:
        >>> synced("cannot render components: ...").reason
        'ReconcileError'
    """
    if error:
        return Condition(SYNCED, "False", "ReconcileError", error)
    return Condition(SYNCED, "True", "ReconcileSuccess")


def converted(messages: Iterable[str]) -> Condition:
    """Return the condition that tells which parts were said in a newer API version than they are written in."""
    return Condition(CONVERTED, "True", "APIVersionNotServed", "\n".join(messages))


def set_condition(conditions: Sequence[Obj], condition: Condition, now: str) -> list[Obj]:
    """Return ``conditions`` with ``condition`` in them.

    A condition that says what the stored one says leaves it alone, its timestamp included: writing the status then
    changes nothing. Any difference, also in the message only, replaces it.

    Args:
        conditions: Those of the object's status.
        condition: The new one.
        now: The time in RFC 3339, e.g. ``"2026-01-01T00:00:00Z"``.
    """
    new: Obj = {
        "type": condition.type,
        "status": condition.status,
        "lastTransitionTime": now,
        "reason": condition.reason,
    }
    if condition.message:
        new["message"] = condition.message
    result = list(conditions)
    for i, old in enumerate(result):
        if old.get("type") == condition.type:
            if _says(old) != condition:
                result[i] = new
            return result
    return [*result, new]


def unset(conditions: Sequence[Obj], type_: str) -> list[Obj]:
    """Return ``conditions`` without the one of this type."""
    return [condition for condition in conditions if condition.get("type") != type_]


def _says(condition: Obj) -> Condition:
    return Condition(
        *(str(condition.get(key, "")) for key in ("type", "status", "reason", "message"))
    )
