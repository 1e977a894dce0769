"""What an agent that has just started knows of a Pod that an earlier one has run.

The API has the Pod's status as it was written last; the runtime knows what runs now. What ran but is gone has ended without anybody
seeing how: it gets the exit code 137 and the reason ``ContainerStatusUnknown``, as on a real node.
"""

from __future__ import annotations

from oamkit.sandbox.agent.model import ContainerRecord, Object, all_containers, from_rfc3339
from oamkit.sandbox.cri import ContainerState, ContainerStatus, PodStatus

__all__ = ["recall"]

UNKNOWN = "ContainerStatusUnknown"


def recall(pod: Object, known: PodStatus | None, now: float) -> dict[str, ContainerRecord]:
    """Return the records of a Pod's containers.

    Args:
        pod: The Pod as the API has it.
        known: The Pod as the runtime has it; ``None`` if it isn't set up.
        now: Seconds since the epoch.
    """
    status = pod.get("status") or {}
    written = {
        entry["name"]: entry
        for field in ("initContainerStatuses", "containerStatuses")
        for entry in status.get(field) or []
    }
    records = {}
    for container in all_containers(pod):
        name = container["name"]
        record = _written(name, written.get(name) or {}, now)
        if known is not None:
            _seen(record, [run for run in known.containers if run.name == name])
        elif record.last is not None:
            record.stale = True
        records[name] = record
    return records


def _written(name: str, entry: Object, now: float) -> ContainerRecord:
    record = ContainerRecord(name, image_id=entry.get("imageID", ""))
    if not entry.get("containerID"):
        return record
    attempt = int(entry.get("restartCount") or 0)
    record.attempts = attempt + 1
    state, last = entry.get("state") or {}, entry.get("lastState") or {}
    if "running" in state:
        record.started, record.ready = bool(entry.get("started")), bool(entry.get("ready"))
    ended = state.get("terminated") or ("waiting" in state and last.get("terminated")) or {}
    record.last = _ended(name, attempt, entry["containerID"], ended, now)
    if ended.get("message"):
        record.messages[attempt] = ended["message"]
    before = last.get("terminated")
    if before and "waiting" not in state:
        record.previous = _ended(name, attempt - 1, before.get("containerID", ""), before, now)
    return record


def _ended(name: str, attempt: int, identity: str, ended: Object, now: float) -> ContainerStatus:
    finished = ended.get("finishedAt")
    started = ended.get("startedAt")
    return ContainerStatus(
        name=name,
        attempt=attempt,
        id=identity.removeprefix("process://"),
        state=ContainerState.EXITED,
        started_at=from_rfc3339(started) if started else None,
        finished_at=from_rfc3339(finished) if finished else now,
        exit_code=int(ended.get("exitCode", 137)),
        signal=ended.get("signal"),
        reason=ended.get("reason") or UNKNOWN,
        message=ended.get("message")
        or ("" if ended else "The container was gone when the node agent started again."),
    )


def _seen(record: ContainerRecord, runs: list[ContainerStatus]) -> None:
    """Let what the runtime knows win over what was written."""
    if not runs:
        if record.last is not None:
            record.stale = True
        return
    runs = sorted(runs, key=lambda run: run.attempt)
    newest = runs[-1]
    if record.last is not None and newest.attempt < record.last.attempt:
        return
    if record.last is None or record.last.attempt != newest.attempt:
        record.started = record.ready = False
    if len(runs) > 1:
        record.previous = runs[-2]
    record.last = newest
    record.attempts = newest.attempt + 1
    if newest.state is not ContainerState.RUNNING:
        record.started = record.ready = False
