"""How an object is, told from nothing but the object itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from oamkit.topology.reading import Obj, at, listing, mapping, number, text

__all__ = ["MISSING", "PRESENT", "Health", "State", "health", "worst"]


class State(StrEnum):
    """The states, from the best to the worst."""

    PRESENT = "present"
    OK = "ok"
    WORKING = "working"
    LEAVING = "leaving"
    WARNING = "warning"
    MISSING = "missing"
    FAILED = "failed"

    @property
    def word(self) -> str:
        """The state in a word."""
        return WORDS[self]

    @property
    def icon(self) -> str:
        """The state as a sign: no state is told by colour alone."""
        return _ICONS[self]


WORDS = {
    State.PRESENT: "there",
    State.OK: "healthy",
    State.WORKING: "in progress",
    State.LEAVING: "being deleted",
    State.WARNING: "needs a look",
    State.MISSING: "not there yet",
    State.FAILED: "failed",
}
_ICONS = dict(zip(State, "•✓…–!○×", strict=True))
_ORDER = list(State)


@dataclass(frozen=True)
class Health:
    """A state, and what led to it.

    Attributes:
        state: The state.
        reason: Why, in a few words; ``""`` if there is nothing to say.
        count: How many of how many parts are ready, e.g. ``"2/3"``; ``""`` if it has no parts.
    """

    state: State
    reason: str = ""
    count: str = ""


MISSING = Health(State.MISSING)
PRESENT = Health(State.PRESENT)

_BROKEN = {
    "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName",
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
}  # fmt: skip
"""Why a container waits that won't start by itself."""


def worst(healths: Iterable[Health]) -> Health:
    """Return the worst of them.

    Example:
        >>> worst([Health(State.OK), Health(State.WORKING), Health(State.PRESENT)]).state
        <State.WORKING: 'working'>
    """
    return max(healths, key=lambda each: _ORDER.index(each.state), default=PRESENT)


def health(obj: object) -> Health:
    """Tell how an object is. Partial or odd objects are simply :attr:`State.PRESENT`.

    Example:
        >>> health({"kind": "ReplicaSet", "spec": {"replicas": 3}, "status": {"readyReplicas": 1}})
        Health(state=<State.WORKING: 'working'>, reason='', count='1/3')
    """
    data = obj if isinstance(obj, dict) else {}
    if text(data, "metadata", "deletionTimestamp"):
        return Health(State.LEAVING)
    return _BY_KIND.get(text(data, "kind"), _by_conditions)(data)


def _condition(obj: Obj, type_: str) -> Obj:
    for condition in listing(obj, "status", "conditions"):
        if text(condition, "type") == type_:
            return mapping(condition)
    return {}


def _why(condition: Obj) -> str:
    return text(condition, "message") or text(condition, "reason")


def _by_conditions(obj: Obj) -> Health:
    for type_ in ("Ready", "Available", "Healthy", "Synced", "Established"):
        condition = _condition(obj, type_)
        if text(condition, "status") == "True":
            return Health(State.OK)
        if text(condition, "status") == "False":
            return Health(State.WARNING, _why(condition))
    return PRESENT


def _unseen(obj: Obj) -> bool:
    """Whether a controller hasn't looked yet at what was written last."""
    seen, written = (
        number(obj, "status", "observedGeneration"),
        number(obj, "metadata", "generation"),
    )
    return seen is not None and written is not None and seen < written


def _replicated(obj: Obj) -> Health:
    wanted = number(obj, "spec", "replicas")
    wanted = 1 if wanted is None else wanted
    ready = number(obj, "status", "readyReplicas") or 0
    count = f"{ready}/{wanted}"
    failure = _condition(obj, "ReplicaFailure")
    if text(failure, "status") == "True":
        return Health(State.FAILED, _why(failure), count)
    progress = _condition(obj, "Progressing")
    if text(progress, "status") == "False":
        return Health(State.FAILED, _why(progress), count)
    current = [number(obj, "status", "updatedReplicas"), number(obj, "status", "replicas")]
    settled = all(each in (None, wanted) for each in current)
    if ready == wanted and settled and not _unseen(obj):
        return Health(State.OK if wanted else State.PRESENT, "", count)
    return Health(State.WORKING, "", count)


def _daemons(obj: Obj) -> Health:
    wanted = number(obj, "status", "desiredNumberScheduled")
    ready = number(obj, "status", "numberReady") or 0
    if wanted is None or _unseen(obj):
        return Health(State.WORKING)
    return Health(State.OK if ready == wanted else State.WORKING, "", f"{ready}/{wanted}")


def _pod(obj: Obj) -> Health:
    containers = [
        mapping(each)
        for kind in ("initContainerStatuses", "containerStatuses")
        for each in listing(obj, "status", kind)
    ]
    for container in containers:
        waiting = mapping(container, "state", "waiting")
        if text(waiting, "reason") in _BROKEN:
            reason = text(waiting, "reason")
            return Health(State.FAILED, f"{reason}: {text(waiting, 'message')}".rstrip(": "))
    phase = text(obj, "status", "phase")
    if phase == "Succeeded":
        return Health(State.OK)
    if phase in ("Failed", "Unknown"):
        reason = text(obj, "status", "message") or text(obj, "status", "reason") or phase
        return Health(State.FAILED, reason)
    scheduled = _condition(obj, "PodScheduled")
    if text(scheduled, "status") == "False":
        return Health(State.WARNING, _why(scheduled))
    ready = text(_condition(obj, "Ready"), "status")
    if phase == "Running" and ready == "True":
        return Health(State.OK)
    return Health(State.WORKING, _why(_condition(obj, "Ready")) if phase == "Running" else "")


def _job(obj: Obj) -> Health:
    failed = _condition(obj, "Failed")
    if text(failed, "status") == "True":
        return Health(State.FAILED, _why(failed))
    done = text(_condition(obj, "Complete"), "status") == "True"
    return Health(State.OK if done else State.WORKING)


def _slice(obj: Obj) -> Health:
    ends = listing(obj, "endpoints")
    ready = sum(at(end, "conditions", "ready") is not False for end in ends)
    state = State.OK if ends and ready == len(ends) else State.WORKING
    return Health(state, "", f"{ready}/{len(ends)}")


def _ingress(obj: Obj) -> Health:
    has_address = bool(listing(obj, "status", "loadBalancer", "ingress"))
    return Health(State.OK if has_address else State.PRESENT)


def _application(obj: Obj) -> Health:
    condition = _condition(obj, "Synced")
    waiting = listing(obj, "status", "dependency", "unsatisfied")
    if text(condition, "status") == "False":
        return Health(State.FAILED, _why(condition))
    if not condition or _unseen(obj):
        return Health(State.WORKING, "not seen by the runtime yet")
    if waiting:
        return Health(State.WORKING, "a part waits for data of another one")
    return Health(State.OK)


def _health_scope(obj: Obj) -> Health:
    said = text(obj, "status", "scopeHealthCondition", "healthStatus") or text(
        obj, "status", "health"
    )
    states = {"HEALTHY": State.OK, "UNHEALTHY": State.FAILED}
    return Health(states.get(said.upper(), State.PRESENT))


_BY_KIND: dict[str, Callable[[Obj], Health]] = {
    "ApplicationConfiguration": _application,
    "DaemonSet": _daemons,
    "Deployment": _replicated,
    "EndpointSlice": _slice,
    "HealthScope": _health_scope,
    "Ingress": _ingress,
    "Job": _job,
    "Pod": _pod,
    "ReplicaSet": _replicated,
    "StatefulSet": _replicated,
}
