"""A Pod's status, from its spec and from what its containers did: plain data in, plain data out.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ and the API reference of ``PodStatus``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oamkit.sandbox.agent.model import (
    ContainerRecord,
    Object,
    containers,
    init_containers,
    is_sidecar,
    rfc3339,
)
from oamkit.sandbox.agent.plan import Plan, running
from oamkit.sandbox.cri import ContainerState, ContainerStatus

__all__ = ["PodFacts", "container_id", "render_status", "same_status"]

OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


@dataclass(frozen=True)
class PodFacts:
    """What a Pod's status says besides its containers.

    Attributes:
        ip: Its address; ``""`` while it has none.
        host_ip: The node's address.
        sandbox_ready: Whether it is set up.
        start_time: When the agent first saw it, as the API writes it.
        reason: Why the Pod as a whole failed, e.g. ``"DeadlineExceeded"``.
        message: The same for people.
        phase: ``"Failed"`` if the Pod as a whole failed.
    """

    ip: str
    host_ip: str
    sandbox_ready: bool
    start_time: str
    reason: str = ""
    message: str = ""
    phase: str = ""


def container_id(status: ContainerStatus | None) -> str:
    """Return the ``containerID`` of the API; ``""`` for what was never started."""
    return f"process://{status.id}" if status is not None and status.id else ""


def _terminated(status: ContainerStatus, record: ContainerRecord) -> Object:
    finished = status.finished_at or status.started_at or 0
    state: Object = {
        "exitCode": status.exit_code if status.exit_code is not None else 255,
        "reason": "StartError"
        if status.reason == "ContainerCannotRun"
        else status.reason or "Error",
        "startedAt": rfc3339(status.started_at or finished),
        "finishedAt": rfc3339(finished),
        "containerID": container_id(status),
    }
    if status.signal:
        state["signal"] = status.signal
    message = record.messages.get(status.attempt) or status.message
    if message:
        state["message"] = message
    return {"terminated": state}


def _container_status(
    container: Object, record: ContainerRecord, plan: Plan, *, starting: str
) -> Object:
    last, previous = record.last, record.previous
    result: Object = {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": record.image_id,
        "restartCount": max(0, record.attempts - 1),
        "ready": False,
        "started": False,
        "state": {},
        "lastState": _terminated(previous, record) if previous else {},
    }
    if container_id(last):
        result["containerID"] = container_id(last)
    if last is not None and last.state is ContainerState.RUNNING:
        result["state"] = {"running": {"startedAt": rfc3339(last.started_at or 0)}}
        result["ready"] = record.ready
        result["started"] = record.started
    elif record.waiting or container["name"] in plan.back_off:
        reason, message = record.waiting or (
            "CrashLoopBackOff",
            f"back-off restarting failed container={container['name']}: it is started again at "
            + rfc3339(plan.back_off[container["name"]]),
        )
        result["state"] = {"waiting": {"reason": reason, "message": message}}
        if last is not None:
            result["lastState"] = _terminated(last, record)
    elif last is not None and not (record.stale and container["name"] in plan.start):
        result["state"] = _terminated(last, record)
    else:
        result["state"] = {"waiting": {"reason": starting}}
        if last is not None:
            result["lastState"] = _terminated(last, record)
    return result


def _phase(pod: Object, records: Mapping[str, ContainerRecord], plan: Plan, facts: PodFacts) -> str:
    if facts.phase or plan.phase:
        return facts.phase or plan.phase
    if not plan.initialized or any(records[c["name"]].last is None for c in containers(pod)):
        return "Pending"
    return "Running"


def _condition(kind: str, ok: bool, reason: str = "", message: str = "") -> Object:
    result: Object = {"type": kind, "status": "True" if ok else "False"}
    if reason:
        result["reason"] = reason
    if message:
        result["message"] = message
    return result


def _ready_conditions(
    pod: Object, statuses: list[Object], phase: str, old: Mapping[str, Object]
) -> Iterable[Object]:
    unready = [s["name"] for s in statuses if not s["ready"]]
    message = f"containers with unready status: [{' '.join(unready)}]"
    if phase == "Succeeded":
        yield _condition("Ready", False, "PodCompleted")
        yield _condition("ContainersReady", False, "PodCompleted")
        return
    if phase == "Failed":
        yield _condition("Ready", False, "PodFailed")
        yield _condition("ContainersReady", False, "PodFailed")
        return
    if unready:
        yield _condition("Ready", False, "ContainersNotReady", message)
        yield _condition("ContainersReady", False, "ContainersNotReady", message)
        return
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    closed = [gate for gate in gates if old.get(gate, {}).get("status") != "True"]
    if closed:
        text = "the readiness gates that aren't met: " + ", ".join(closed)
        yield _condition("Ready", False, "ReadinessGatesNotReady", text)
    else:
        yield _condition("Ready", True)
    yield _condition("ContainersReady", True)


def _conditions(
    pod: Object,
    statuses: list[Object],
    incomplete: list[str],
    phase: str,
    facts: PodFacts,
    now: float,
) -> list[Object]:
    present = (pod.get("status") or {}).get("conditions") or []
    old = {condition["type"]: condition for condition in present}
    initialized = not incomplete or phase == "Succeeded"
    wanted = [
        _condition("PodReadyToStartContainers", facts.sandbox_ready),
        _condition("Initialized", True, "PodCompleted" if phase == "Succeeded" else "")
        if initialized
        else _condition(
            "Initialized",
            False,
            "ContainersNotInitialized",
            f"containers with incomplete status: [{' '.join(incomplete)}]",
        ),
        *_ready_conditions(pod, statuses, phase, old),
    ]
    if "PodScheduled" not in old:
        # A Pod that names its node itself has never met the scheduler.
        wanted.append(_condition("PodScheduled", True))
    for condition in wanted:
        before = old.get(condition["type"])
        same = before is not None and before["status"] == condition["status"]
        condition["lastProbeTime"] = None
        condition["lastTransitionTime"] = (
            before["lastTransitionTime"] if before is not None and same else rfc3339(now)
        )
        if pod["metadata"].get("generation"):
            condition["observedGeneration"] = pod["metadata"]["generation"]
    names = {condition["type"] for condition in wanted}
    return wanted + [condition for condition in present if condition["type"] not in names]


def render_status(
    pod: Object,
    records: Mapping[str, ContainerRecord],
    plan: Plan,
    facts: PodFacts,
    now: float,
) -> Object:
    """Return the fields of a Pod's status that a kubelet writes.

    Args:
        pod: The Pod as the API has it: its conditions' times, and conditions of others, are kept.
        records: What is known of each container.
        plan: What is going to happen next.
        facts: What is known of the Pod as a whole.
        now: Seconds since the epoch.
    """
    starting = (
        "PodInitializing" if init_containers(pod) and facts.sandbox_ready else "ContainerCreating"
    )
    main = [
        _container_status(c, records[c["name"]], plan, starting=starting) for c in containers(pod)
    ]
    inits, incomplete = [], []
    for container in init_containers(pod):
        record = records[container["name"]]
        entry = _container_status(container, record, plan, starting="PodInitializing")
        done = record.last is not None and not running(record) and record.last.exit_code == 0
        if is_sidecar(container):
            done = entry["started"] or plan.initialized
        else:
            entry["ready"] = done
        if not done and not (plan.initialized and not record.stale):
            incomplete.append(container["name"])
        inits.append(entry)
    phase = _phase(pod, records, plan, facts)
    sidecars = [s for s, c in zip(inits, init_containers(pod), strict=True) if is_sidecar(c)]
    status: Object = {
        "phase": phase,
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "startTime": facts.start_time,
        "conditions": _conditions(pod, sidecars + main, incomplete, phase, facts, now),
        "containerStatuses": main,
        "reason": facts.reason or None,
        "message": facts.message or None,
    }
    if inits:
        status["initContainerStatuses"] = inits
    if facts.ip:
        status["podIP"] = facts.ip
        status["podIPs"] = [{"ip": facts.ip}]
    if pod["metadata"].get("generation"):
        status["observedGeneration"] = pod["metadata"]["generation"]
    return status


def same_status(wanted: Object, present: Object) -> bool:
    """Tell whether a status says already what it should: a merge patch would change nothing."""
    return all(present.get(key) == value for key, value in wanted.items())
