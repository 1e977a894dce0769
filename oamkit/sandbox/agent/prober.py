"""Runs the probes of one start of a container, each in a task of its own.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from oamkit.sandbox.agent.actions import Outcome, Target, perform
from oamkit.sandbox.agent.probes import Counter, Probe, ProbeKind, Verdict, probes_of

__all__ = ["Prober"]

Report = Callable[[Probe, Verdict], None]
Failed = Callable[[Probe, Outcome], None]


class Prober:
    """The probes of one start of a container.

    Liveness and readiness wait for the startup probe, if there is one.

    Args:
        target: The container.
        report: Called when a probe's verdict changes.
        failed: Called with each bad result, for an event.
        started: Whether the startup probe has succeeded already, in an earlier life of the agent.
    """

    def __init__(
        self, target: Target, report: Report, failed: Failed, *, started: bool = False
    ) -> None:
        self._target = target
        self._report = report
        self._failed = failed
        self._started = asyncio.Event()
        self.probes = probes_of(target.container)
        if started or ProbeKind.STARTUP not in self.probes:
            self._started.set()
        self._tasks = [
            asyncio.create_task(self._run(probe), name=f"{probe.kind} probe of {target.uid}")
            for probe in self.probes.values()
            if not (started and probe.kind is ProbeKind.STARTUP)
        ]
        self._adopted = started

    def close(self) -> None:
        """Stop probing."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, probe: Probe) -> None:
        if probe.kind is not ProbeKind.STARTUP:
            await self._started.wait()
        if self._adopted:
            # After a restart of the agent not everybody probes in the same moment.
            await asyncio.sleep(random.uniform(0, probe.period))  # noqa: S311 - no secret
        else:
            await asyncio.sleep(probe.delay)
        counter = Counter(probe)
        known = Verdict.UNKNOWN
        while True:
            outcome = await perform(self._target, probe.action, probe.timeout)
            if not outcome.ok:
                self._failed(probe, outcome)
            verdict = counter.add(outcome.ok)
            if verdict is not known:
                known = verdict
                self._report(probe, verdict)
            if probe.kind is ProbeKind.STARTUP and verdict is Verdict.SUCCESS:
                self._started.set()
                return
            if verdict is Verdict.FAILURE and probe.kind is not ProbeKind.READINESS:
                return  # the container is stopped: its next start gets probes of its own
            await asyncio.sleep(probe.period)
