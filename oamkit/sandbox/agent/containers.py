"""The containers of one Pod: starts, ends, probes and restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from oamkit.sandbox.agent.actions import Outcome, Target, perform
from oamkit.sandbox.agent.backoff import Backoff
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.messages import termination_message
from oamkit.sandbox.agent.model import ContainerRecord, Inputs, Object, all_containers
from oamkit.sandbox.agent.plan import Plan, decide, running
from oamkit.sandbox.agent.prober import Prober
from oamkit.sandbox.agent.probes import Probe, ProbeKind, Verdict
from oamkit.sandbox.agent.pulling import ImagePuller, NotStartedError
from oamkit.sandbox.agent.recall import recall
from oamkit.sandbox.agent.starting import Start, forget_attempts, start_container
from oamkit.sandbox.agent.stopping import Deadline, Stop, field_path, stop_container, stop_order
from oamkit.sandbox.cri import ContainerState, ContainerStatus, PodStatus

__all__ = ["ContainerSet"]

HOOK_SECONDS = 600.0
DEFAULT_GRACE = 30


class ContainerSet:
    """The containers of one Pod.

    Args:
        context: What all workers share.
        pod: The Pod.
        known: The Pod as the runtime has it.
        wake: Called when something happened to a container.

    Attributes:
        records: What is known of each container, by name.
        ip: The Pod's address.
        pod: The Pod, as it was seen last.
    """

    def __init__(
        self, context: Context, pod: Object, known: PodStatus | None, wake: Callable[[], None]
    ) -> None:
        self.pod = pod
        self.ip = known.ip if known else ""
        self.records: dict[str, ContainerRecord] = recall(pod, known, time.time())
        self._context = context
        self._uid: str = pod["metadata"]["uid"]
        self._wake = wake
        self._specs = {container["name"]: container for container in all_containers(pod)}
        self._puller = ImagePuller(context.images, context.recorder)
        self._back_offs: dict[str, Backoff] = {}
        self._announced: dict[str, int] = {}
        self._retry_at: dict[str, float] = {}
        self._graces: dict[str, int | None] = {}
        self._probers: dict[str, Prober] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._stops: dict[str, asyncio.Task[ContainerStatus]] = {}

    def update(self, pod: Object) -> None:
        """Take over a newer version of the Pod. A container whose image has changed is started anew, as the kubelet does it.

        Where nothing is restarted (``restartPolicy: Never``) a container goes on with its old image.
        Source: https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
        """
        self.pod = pod
        specs = {container["name"]: container for container in all_containers(pod)}
        changed = [
            name
            for name, container in specs.items()
            if container.get("image") != self._specs[name].get("image")
        ]
        self._specs = specs
        for name in changed:
            record = self.records[name]
            if running(record) and pod["spec"].get("restartPolicy", "Always") == "Always":
                record.kill_reason = f"Container {name} definition changed, will be restarted"
                # It hasn't failed, so its next start needn't wait.
                self._back_offs.pop(name, None)
                self._retry_at.pop(name, None)

    def plan(self, now: float) -> Plan:
        """Return what to do next."""
        return decide(self.pod, self.records, self._back_offs, now)

    def adopt(self) -> None:
        """Watch over containers that an earlier life of the agent has started."""
        for record in self.records.values():
            if running(record):
                self._watch(record)
                self._probe(record, started=record.started)

    async def close(self) -> None:
        """Stop watching; the containers go on running."""
        self.stop_probing()
        tasks = [*self._watchers.values(), *self._stops.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def hold_back(self, message: str | None) -> None:
        """Let the containers that were never started say why; ``None`` if nothing holds them back any more."""
        for record in self.records.values():
            if record.last is None or record.stale:
                if message is not None:
                    record.waiting = ("ContainerCreating", message)
                elif record.waiting and record.waiting[0] == "ContainerCreating":
                    record.waiting = None

    async def start(
        self, name: str, inputs: Inputs, folders: Mapping[str, Path], changed: bool
    ) -> float | None:
        """Start a container, unless it failed a moment ago and nothing has changed since.

        Returns:
            Seconds after which to try again; ``None`` if it was started.
        """
        record, container = self.records[name], self._specs[name]
        now = time.time()
        if not changed and now < self._retry_at.get(name, 0):
            return self._retry_at[name] - now
        start = Start(self.pod, container, record, inputs, folders)
        try:
            status = await start_container(self._context, self._puller, start)
        except NotStartedError as error:
            record.waiting = (error.reason, error.message)
            self._retry_at[name] = time.time() + error.retry
            return error.retry
        if record.last is not None:
            self._back_offs[name] = self._back_offs.get(name, Backoff()).after(now)
        record.previous, record.last = record.last, status
        record.attempts = status.attempt + 1
        record.waiting, record.stale, record.kill_reason = None, False, ""
        record.started = record.ready = False
        forget_attempts(self._context, self._uid, name, status.attempt - 1)
        if status.state is ContainerState.RUNNING:
            self._watch(record)
            if await self._post_start(record):
                self._probe(record)
        else:
            self._ended(record, status)
        return None

    def stop_failing(self, plan: Plan) -> None:
        """Stop the containers that failed a probe or a hook; their end wakes the Pod."""
        for name, reason in plan.stop.items():
            if name not in self._stops or self._stops[name].done():
                self.stop_probing(name)
                grace = self._graces.get(name)
                if grace is None:
                    grace = self.pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
                self._stop(name, reason, Deadline(grace))

    async def stop_all(self, deadline: Deadline) -> None:
        """Stop all containers in the right order and return when they have ended."""
        for step in stop_order(self.pod, lambda name: running(self.records[name])):
            names = [container["name"] for container in step]
            for name in names:
                old = self._stops.pop(name, None)
                if old is not None:
                    old.cancel()
                self._stop(name, f"Stopping container {name}", deadline)
            ended = await asyncio.gather(*(self._stops[name] for name in names))
            for name, status in zip(names, ended, strict=True):
                self._ended(self.records[name], status)

    def stop_probing(self, name: str | None = None) -> None:
        """Stop the probes of a container, or of all."""
        for key in [name] if name else list(self._probers):
            prober = self._probers.pop(key, None)
            if prober:
                prober.close()

    def announce_back_off(self, plan: Plan) -> None:
        """Record an event for each container that has begun to wait for its next start."""
        for name in plan.back_off:
            record = self.records[name]
            if self._announced.get(name) != record.attempts:
                self._announced[name] = record.attempts
                meta = self.pod["metadata"]
                text = f"Back-off restarting failed container {name} in pod {meta['name']}_{meta['namespace']}({meta['uid']})"
                self._event(name, "Warning", "BackOff", text)

    def _stop(self, name: str, reason: str, deadline: Deadline) -> None:
        last = self.records[name].last
        stop = Stop(self.pod, self._specs[name], last.attempt if last else 0, self.ip, reason)
        task = asyncio.create_task(stop_container(self._context, stop, deadline))
        self._stops[name] = task

    def _watch(self, record: ContainerRecord) -> None:
        last = record.last
        if last is None:
            return

        async def wait() -> None:
            ended = await self._context.runtime.wait_container(self._uid, record.name, last.attempt)
            if record.last is not None and record.last.attempt == ended.attempt:
                self._ended(record, ended)

        old = self._watchers.get(record.name)
        if old:
            old.cancel()
        self._watchers[record.name] = asyncio.create_task(wait(), name=f"end of {record.name}")

    def _ended(self, record: ContainerRecord, status: ContainerStatus) -> None:
        self.stop_probing(record.name)
        stop = self._stops.get(record.name)
        if stop is not None and stop.done():
            del self._stops[record.name]
        if status.state is ContainerState.RUNNING:
            return
        record.last = status
        record.started = record.ready = False
        record.kill_reason = ""
        paths, container = self._context.paths(self._uid), self._specs[record.name]
        said = termination_message(
            container,
            status.exit_code or 0,
            paths.termination(record.name, status.attempt),
            paths.log(record.name, status.attempt),
        )
        previous = record.previous.attempt if record.previous else -1
        kept = {previous: record.messages[previous]} if previous in record.messages else {}
        record.messages = {**kept, status.attempt: said} if said else kept
        self._wake()

    async def _post_start(self, record: ContainerRecord) -> bool:
        """Run the ``postStart`` hook; tell whether the container may go on."""
        hook = (self._specs[record.name].get("lifecycle") or {}).get("postStart")
        if not hook:
            return True
        outcome = await perform(self._target(record.name), hook, HOOK_SECONDS)
        if not outcome.ok:
            self._event(
                record.name,
                "Warning",
                "FailedPostStartHook",
                f"PostStartHook failed: {outcome.message}",
            )
            record.kill_reason = "FailedPostStartHook"
            self._wake()
        return outcome.ok

    def _probe(self, record: ContainerRecord, *, started: bool = False) -> None:
        prober = Prober(
            self._target(record.name),
            lambda probe, verdict: self._report(record, probe, verdict),
            lambda probe, outcome: self._unhealthy(record, probe, outcome),
            started=started,
        )
        self._probers[record.name] = prober
        if not started:
            record.started = ProbeKind.STARTUP not in prober.probes
            record.ready = record.started and ProbeKind.READINESS not in prober.probes

    def _report(self, record: ContainerRecord, probe: Probe, verdict: Verdict) -> None:
        good = verdict is Verdict.SUCCESS
        if probe.kind is ProbeKind.READINESS:
            record.ready = good
        elif verdict is Verdict.FAILURE:
            self._graces[record.name] = probe.grace
            record.kill_reason = (
                f"Container {record.name} failed {probe.kind} probe, will be restarted"
            )
        elif probe.kind is ProbeKind.STARTUP and good:
            record.started = True
            record.ready = "readinessProbe" not in self._specs[record.name]
        self._wake()

    def _unhealthy(self, record: ContainerRecord, probe: Probe, outcome: Outcome) -> None:
        text = f"{probe.kind.capitalize()} probe failed: {outcome.message}"
        self._event(record.name, "Warning", "Unhealthy", text)

    def _target(self, name: str) -> Target:
        return Target(self._context.runtime, self._uid, self._specs[name], self.ip)

    def _event(self, name: str, kind: str, reason: str, message: str) -> None:
        where = field_path(self.pod, name)
        self._context.recorder.emit(self.pod, kind, reason, message, container=where)
