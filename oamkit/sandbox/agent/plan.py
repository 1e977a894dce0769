"""What to do next for a Pod: a pure function of its spec and of what its containers did so far.

It follows the kubelet's ``computePodActions`` in what it decides: init containers one after the other, sidecars (KEP-753) up before what
comes after them, then the ordinary containers side by side; restart by the Pod's policy, or by the container's own policy and rules
(KEP-5307); and the end of the Pod when nothing will be started again.
Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/ and …/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oamkit.sandbox.agent.backoff import Backoff
from oamkit.sandbox.agent.model import (
    ContainerRecord,
    Object,
    containers,
    init_containers,
    is_sidecar,
)
from oamkit.sandbox.cri import ContainerState

__all__ = ["Plan", "decide", "restarts"]


@dataclass
class Plan:
    """What to do next.

    Attributes:
        start: Containers to start now, in this order.
        stop: Containers to stop, with the reason.
        back_off: Containers that wait before their next start, with the time at which they may start.
        initialized: Whether all init containers are done, and sidecars started.
        phase: ``"Succeeded"`` or ``"Failed"`` when nothing will be started again and no ordinary container runs; else ``""``.
    """

    start: list[str] = field(default_factory=list)
    stop: dict[str, str] = field(default_factory=dict)
    back_off: dict[str, float] = field(default_factory=dict)
    initialized: bool = False
    phase: str = ""


def restarts(pod: Object, container: Object, exit_code: int) -> bool:
    """Tell whether a container that ended with an exit code is started again."""
    for rule in container.get("restartPolicyRules") or []:
        codes = rule.get("exitCodes") or {}
        among = exit_code in (codes.get("values") or [])
        if rule.get("action") == "Restart" and among == (codes.get("operator") == "In"):
            return True
    policy = container.get("restartPolicy") or pod["spec"].get("restartPolicy", "Always")
    return bool(policy == "Always" or (policy == "OnFailure" and exit_code != 0))


def running(record: ContainerRecord) -> bool:
    """Tell whether a container's newest start runs."""
    return record.last is not None and record.last.state is ContainerState.RUNNING


def decide(
    pod: Object,
    records: Mapping[str, ContainerRecord],
    back_offs: Mapping[str, Backoff],
    now: float,
) -> Plan:
    """Decide what to do next.

    Args:
        pod: The Pod.
        records: What is known of each of its containers, by name.
        back_offs: How long each of them waits after its newest end.
        now: Seconds since the epoch.
    """
    plan = Plan()

    def start(name: str) -> None:
        last = records[name].last
        if last is not None and not records[name].stale:
            free_at = back_offs.get(name, Backoff()).until(last.finished_at or now)
            if free_at > now:
                plan.back_off[name] = free_at
                return
        plan.start.append(name)

    for name, record in records.items():
        if record.kill_reason and running(record):
            plan.stop[name] = record.kill_reason
    main = containers(pod)
    plan.phase = _end(pod, main, records)
    if plan.phase:
        plan.initialized = True
        return plan
    begun = any(records[c["name"]].last and not records[c["name"]].stale for c in main)
    plan.initialized = _initialize(pod, records, begun, start, plan)
    if plan.initialized:
        for container in main:
            record = records[container["name"]]
            if record.last is None or (
                not running(record) and restarts(pod, container, record.last.exit_code or 0)
            ):
                start(container["name"])
    return plan


def _initialize(
    pod: Object,
    records: Mapping[str, ContainerRecord],
    begun: bool,
    start: Callable[[str], None],
    plan: Plan,
) -> bool:
    """Go through the init containers; return whether the ordinary ones may run."""
    for container in init_containers(pod):
        name = container["name"]
        record = records[name]
        last = None if record.stale else record.last
        if is_sidecar(container):
            if last is None or not running(record):
                start(name)
            if not begun and not (running(record) and record.started):
                return False
        elif begun:
            continue
        elif last is None:
            start(name)
            return False
        elif running(record):
            return False
        elif last.exit_code != 0:
            if restarts(pod, container, last.exit_code or 1):
                start(name)
            else:
                plan.phase = "Failed"
            return False
    return True


def _end(pod: Object, main: list[Object], records: Mapping[str, ContainerRecord]) -> str:
    codes = []
    for container in main:
        last = records[container["name"]].last
        if last is None or running(records[container["name"]]):
            return ""
        if restarts(pod, container, last.exit_code or 0):
            return ""
        codes.append(last.exit_code)
    return "Failed" if any(codes) else "Succeeded"
