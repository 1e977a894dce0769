"""Whether data can be passed on yet (contract 5.2): its source is there, has the field, and meets the conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from oamkit.oam import fieldpath
from oamkit.oam.fieldpath import FieldNotFoundError, FieldPathError
from oamkit.oam.kinds import Obj
from oamkit.oam.passing import Requirement
from oamkit.oam.world import ObjectKey, World

__all__ = ["Readiness", "readiness", "unmet"]


class Readiness(NamedTuple):
    """Whether a value is ready.

    Args:
        reason: Why it isn't; ``""`` if it is.
        value: The value; ``None`` if nothing is passed, only waited for.
    """

    reason: str = ""
    value: object = None


def readiness(
    world: World,
    source: ObjectKey,
    field_path: str,
    conditions: Sequence[Requirement],
    app: Obj,
) -> Readiness:
    """Tell whether a value is ready, and which.

    Args:
        world: It knows the source, unless nothing of it is asked.
        source: The object that gives the value.
        field_path: Where in it; ``""`` asks for no value.
        conditions: All must be met.
        app: The application as it is in the cluster, which conditions may compare with.

    Raises:
        OamKitError: The source can't be read.
        FieldPathError: The path is malformed, or leads through a value of the wrong type.
    """
    if not field_path and not conditions:
        return Readiness()
    obj = world.object(source)
    if obj is None:
        return Readiness(f"failed to get object ({source.namespace}/{source.name})")
    if not field_path:
        return Readiness(unmet(conditions, obj, None, app))
    try:
        value = fieldpath.get_value(obj, field_path)
    except FieldNotFoundError:
        return Readiness(f"{field_path} not found in object")
    if not isinstance(value, str):
        return Readiness(unmet(conditions, obj, None, app), value)
    if not conditions:
        return Readiness("" if value else "value should not be empty", value)
    return Readiness(unmet(conditions, obj, value, app), value)


def unmet(conditions: Sequence[Requirement], obj: Obj, value: str | None, app: Obj) -> str:
    """Return why the first condition that isn't met isn't; ``""`` if all are met.

    Args:
        conditions: In order.
        obj: The object that they are about.
        value: What is compared by a condition that names no field.
        app: The application, which conditions may compare with.

    Example:
        >>> unmet([Requirement("eq", "v2", field_path="status.version")],
        ...       {"status": {"version": "v1"}}, None, {})
        'got(v1) expected to be v2'
    """
    for condition in conditions:
        try:
            got = fieldpath.get_text(obj, condition.field_path) if condition.field_path else value
        except FieldPathError as error:
            return f"can't get value to check {error.message}"
        if got is None:
            return "can't get value to check FieldPath not specified"
        try:
            reason = _unmet(condition, got, app)
        except FieldPathError as error:
            return f"get valueFrom.fieldPath fail: {error.message}"
        if reason:
            return reason
    return ""


def _unmet(condition: Requirement, got: str, app: Obj) -> str:
    wanted = condition.value
    if not wanted and condition.value_from:
        wanted = fieldpath.get_text(app, condition.value_from)
    if condition.op == "eq" and got != wanted:
        return f"got({got}) expected to be {wanted}"
    if condition.op == "notEq" and got == wanted:
        return f"got({got}) expected not to be {wanted}"
    if condition.op == "notEmpty" and not got:
        return "value should not be empty"
    return ""
