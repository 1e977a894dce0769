"""Wait until an object is as it should be, and say meanwhile how it is."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from oamkit import show
from oamkit.cluster import active
from oamkit.cluster.reading import event_lines
from oamkit.cluster.states import describe, is_ready
from oamkit.cluster.values import Object
from oamkit.errors import ApiError, InputError, WaitTimeoutError
from oamkit.show import Line

__all__ = ["Condition", "Waited", "wait_for"]

Condition = str | Callable[[Object], bool]
"""See :func:`wait_for`."""

INTERVAL = 0.2
"""Seconds between two looks at the object."""

_FIELD = re.compile(r"(?P<path>[A-Za-z][\w.\[\]-]*)=(?P<value>.*)")


class Waited(Line):
    """An object that has become what was waited for.

    Attributes:
        target: E.g. ``"Deployment/web"``.
        state: How it is now, in words.
        seconds: How long it took.
        object: The object; ``None`` if it was waited for to be gone.
    """

    def __init__(self, target: str, state: str, seconds: float, found: Object | None) -> None:
        self.target = target
        self.state = state
        self.seconds = seconds
        self.object = found

    def line(self) -> str:
        """Say it."""
        return f"{self.target}: {self.state}, after {show.seconds(self.seconds)}"


def wait_for(
    kind: str,
    name: str,
    condition: Condition = "ready",
    *,
    timeout: float = 60.0,
    namespace: str = "default",
) -> Waited:
    """Wait until an object is there, and then until it is as it should be.

    ==========================  ===============================================================================
    condition                   is met when
    ==========================  ===============================================================================
    ``"exists"``                the object is there
    ``"gone"``                  the object isn't there
    ``"ready"``                 its controller has done what the object asks for, its newest version included
    ``"Established"``, …        the condition of this type in its ``status.conditions`` is ``"True"``
    ``"spec.replicas=3"``       the field has this value
    a function                  the function, given the object, returns something true
    ==========================  ===============================================================================

    Args:
        kind: E.g. ``"deployment"``.
        name: Its name.
        condition: See the table.
        timeout: Seconds, for all of it together.
        namespace: Ignored for kinds without one.

    Returns:
        The object, how it is, and how long it took.

    Raises:
        WaitTimeoutError: It didn't happen in time; says how the object was last, and the newest events about it.
        InputError: The condition can't be understood.
        ClusterError: There is no cluster, or it doesn't answer.

    Example::

        wait_for("deployment", "web")
        wait_for("pod", "web-0", "gone", timeout=30)
    """
    met = _predicate(condition)
    field = _FIELD.fullmatch(condition) if isinstance(condition, str) else None
    start = time.monotonic()
    deadline = start + timeout
    target, last = f"{kind}/{name}", ""
    while True:
        found, state = _look(kind, name, namespace)
        if field and found is not None:
            state = _with_field(state, field["path"], found)
        if found is not None:
            target = f"{found.get('kind')}/{name}"
        done = found is None if condition == "gone" else found is not None and met(found)
        if done:
            return Waited(target, state, time.monotonic() - start, found)
        if state != last:
            show.say(f"  {target}: {state} …", "dim")
            last = state
        if time.monotonic() >= deadline:
            wanted = repr(condition) if isinstance(condition, str) else "as the function wants it"
            raise WaitTimeoutError(
                f"{target} wasn't {wanted} within {show.seconds(timeout)}.",
                last_state=state,
                events=event_lines(target.partition("/")[0], name, namespace),
                hint=f"Look closer with kubectl('describe', {kind!r}, {name!r}), or wait longer with timeout=….",
            )
        time.sleep(min(INTERVAL, max(0.0, deadline - time.monotonic())))


def _look(kind: str, name: str, namespace: str) -> tuple[Object | None, str]:
    api = active.api()
    try:
        path = api.resource(kind).path(namespace, name)
    except InputError:  # its CRD may still come
        return None, "this kind isn't there yet"
    try:
        found = Object(api.request("GET", path))
    except ApiError as error:
        if error.status != 404:
            raise
        return None, "not there"
    return found, describe(found)


def _with_field(state: str, path: str, found: Object) -> str:
    """Say how an object is, and the field that is waited for; of kinds that we can't describe, the field alone."""
    field = f"{path.rpartition('.')[2]}={str(found.at(path, '–'))[:60]}"
    return field if state == "it is there" else f"{state}, {field}"


def _predicate(condition: Condition) -> Callable[[Object], bool]:
    if not isinstance(condition, str):
        return condition
    if condition in ("exists", "gone"):
        return lambda _: True
    if condition == "ready":
        return is_ready
    if field := _FIELD.fullmatch(condition):
        path, value = field["path"], field["value"]
        return lambda found: str(found.at(path, "")) == value
    if not re.fullmatch(r"[A-Z]\w*", condition):
        raise InputError(
            f"expected exists, gone, ready, a condition's type or field=value, got {condition!r}",
            field="condition",
            hint="A condition's type is written as in the object's status, e.g. Available.",
        )
    return lambda found: _condition(found, condition)


def _condition(found: Object, wanted: str) -> bool:
    for condition in found.at("status.conditions") or []:
        if condition.get("type") == wanted:
            return bool(condition.get("status") == "True")
    return False
