"""One Pod from its first sight to its end: a task that goes from what is to what should be, again and again.

``run`` lives through three stretches: :meth:`PodWorker._live` keeps the Pod's containers as :func:`~oamkit.sandbox.agent.plan.decide` wants
them; when nothing will run again the Pod is ended and its status stays; when it is deleted, everything is stopped and the object removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from oamkit.errors import ApiError, OamKitError, SandboxError
from oamkit.sandbox.agent.containers import ContainerSet
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.model import (
    Inputs,
    Object,
    SourceMissingError,
    from_rfc3339,
    namespaced_name,
    rfc3339,
)
from oamkit.sandbox.agent.plan import Plan
from oamkit.sandbox.agent.pod_setup import gather, set_up, write_volumes
from oamkit.sandbox.agent.podconfig import ignored_settings
from oamkit.sandbox.agent.resources import PODS
from oamkit.sandbox.agent.status import PodFacts, render_status
from oamkit.sandbox.agent.status_writer import write_status
from oamkit.sandbox.agent.stopping import Deadline
from oamkit.sandbox.agent.volume_files import remove_volumes
from oamkit.sandbox.cri import PodStatus

__all__ = ["PodWorker"]

log = logging.getLogger(__name__)

SETUP_RETRY = 10.0
API_RETRY = 2.0
DEFAULT_GRACE = 30


class PodWorker:
    """Runs one Pod.

    Args:
        context: What all workers share.
        pod: The Pod as the API has it.
        known: The Pod as the runtime has it, from an earlier life of the agent; ``None`` if it isn't set up.
    """

    def __init__(self, context: Context, pod: Object, known: PodStatus | None) -> None:
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self._context = context
        self._wake = asyncio.Event()
        self._terminating = asyncio.Event()
        self._deadline: Deadline | None = None
        self._sandbox = known
        self._changed = False
        self._warned = ""
        status = pod.get("status") or {}
        self._ended = status.get("phase") in ("Succeeded", "Failed")
        self._failure = (
            (status.get("reason") or "", status.get("message") or "") if self._ended else ("", "")
        )
        self._start_time = status.get("startTime") or rfc3339(time.time())
        self.containers = ContainerSet(context, pod, known, self.wake)
        self.update(pod)

    def wake(self) -> None:
        """Look at the Pod again soon."""
        self._wake.set()

    def update(self, pod: Object) -> None:
        """Take over a newer version of the Pod."""
        self.pod = pod
        self.containers.update(pod)
        if pod["metadata"].get("deletionTimestamp"):
            self._terminate_within(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
        self.wake()

    def gone(self) -> None:
        """Take note that the object isn't there any more: it was deleted by force."""
        self._terminate_within(1.0)

    @property
    def ip(self) -> str:
        """The Pod's address; ``""`` while it has none."""
        status_ip: str = (self.pod.get("status") or {}).get("podIP") or ""
        return self._sandbox.ip if self._sandbox else status_ip if self._ended else ""

    def log(self, container: str, attempt: int) -> Path:
        """Return where the log of one start of a container is."""
        return self._context.paths(self.uid).log(container, attempt)

    async def run(self) -> None:
        """Run the Pod until it is gone. When cancelled, its containers go on running."""
        try:
            live = asyncio.create_task(self._live())
            ends = asyncio.create_task(self._terminating.wait())
            try:
                await asyncio.wait({live, ends}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (live, ends):
                    task.cancel()
                await asyncio.gather(live, ends, return_exceptions=True)
            await self._terminate()
        finally:
            await self.containers.close()
            await self._context.objects.release(self.uid)

    def _terminate_within(self, seconds: float) -> None:
        if self._deadline is None:
            self._deadline = Deadline(seconds)
        self._deadline.shorten(seconds)
        self._terminating.set()

    async def _live(self) -> None:
        self.containers.adopt()
        for setting in ignored_settings(self.pod) if not self._sandbox and not self._ended else ():
            text = f"{setting} has no effect: the sandbox runs Pods as processes of one user"
            self._event("Normal", "Ignored", text)
        while True:
            self._wake.clear()
            try:
                delay = await self._sync()
            except OamKitError as error:
                log.warning("%s: %s", namespaced_name(self.pod), error.message)
                delay = API_RETRY
            # Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that comes together with the event, as a
            # deletion's does.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _sync(self) -> float | None:
        """Bring the Pod one step nearer to what it should be; return after how many seconds to look again."""
        if self._ended:
            if self._sandbox is not None:
                await self._clear_away()
            return None
        now = time.time()
        plan = self.containers.plan(now)
        overdue = self._overdue(now)
        if overdue:
            self._failure = overdue
            self._event("Normal", "DeadlineExceeded", overdue[1])
        if plan.phase or overdue:
            await self._end()
            return None
        self.containers.stop_failing(plan)
        inputs = await self._prepare()
        delays = []
        if inputs is None:
            delays.append(SETUP_RETRY)
        else:
            await self._write(self.containers.plan(time.time()))
            for name in plan.start:
                retry = await self.containers.start(name, inputs, self._folders, self._changed)
                delays += [retry] if retry is not None else []
            self._changed = False
        plan = self.containers.plan(time.time())
        self.containers.announce_back_off(plan)
        await self._write(plan)
        return self._delay(plan, delays)

    def _delay(self, plan: Plan, delays: list[float]) -> float | None:
        now = time.time()
        times = [*plan.back_off.values(), self._context.tokens.renew_at(self.uid)]
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        if deadline is not None:
            times.append(from_rfc3339(self._start_time) + deadline)
        delays = delays + [moment - now for moment in times if moment is not None]
        return max(0.02, min(delays)) if delays else None

    def _overdue(self, now: float) -> tuple[str, str] | None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None or now < from_rfc3339(self._start_time) + seconds:
            return None
        return "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"

    async def _prepare(self) -> Inputs | None:
        """Have the Pod set up and its volumes up to date; ``None``, with an event, if that can't be done now."""
        try:
            inputs = await gather(self._context, self.pod, self.ip, self._inputs_changed)
            self._folders = await write_volumes(self._context, self.pod, inputs)
            if self._sandbox is None:
                self._sandbox = await set_up(self._context, self.pod)
                inputs = Inputs(inputs.objects, inputs.node, inputs.tokens, self.ip)
        except SourceMissingError as error:
            self._cannot("FailedMount", str(error))
            return None
        except SandboxError as error:
            self._cannot("FailedCreatePodSandBox", error.message)
            return None
        self.containers.ip = self.ip
        self.containers.hold_back(None)
        self._warned = ""
        return inputs

    def _inputs_changed(self) -> None:
        self._changed = True
        self.wake()

    def _cannot(self, reason: str, message: str) -> None:
        if message != self._warned:
            self._warned = message
            self._event("Warning", reason, message)
        self.containers.hold_back(message)

    async def _end(self) -> None:
        """Stop what still runs of a Pod that won't start anything again, and keep its status."""
        grace = self.pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
        await self.containers.stop_all(Deadline(grace))
        await self._write(self.containers.plan(time.time()), failed=bool(self._failure[0]))
        self._ended = True
        await self._clear_away()

    async def _terminate(self) -> None:
        deadline = self._deadline or Deadline(0)
        self.containers.stop_probing()
        await self.containers.stop_all(deadline)
        while True:
            try:
                await self._remove_object()
            except OamKitError as error:
                log.warning("%s can't be removed yet: %s", namespaced_name(self.pod), error.message)
                await asyncio.sleep(API_RETRY)
            else:
                return

    async def _remove_object(self) -> None:
        if not self._ended:
            plan = self.containers.plan(time.time())
            codes = [r.last.exit_code for r in self.containers.records.values() if r.last]
            plan.phase = plan.phase or ("Failed" if any(codes) or not codes else "Succeeded")
            await self._write(plan)
            self._ended = True
        await self._clear_away(everything=True)
        meta = self.pod["metadata"]
        try:
            await self._context.client.delete(
                PODS, meta["name"], meta["namespace"], uid=self.uid, grace=0
            )
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def _clear_away(self, *, everything: bool = False) -> None:
        """Give back the Pod's address and remove its volumes, secrets included; its logs stay until it is deleted."""
        await self._context.runtime.remove_pod(self.uid)
        self._sandbox = None
        await self._context.objects.release(self.uid)
        self._context.tokens.forget(self.uid)
        paths = self._context.paths(self.uid)
        await asyncio.to_thread(remove_volumes, paths.volumes)
        if everything:
            await asyncio.to_thread(remove_volumes, paths.root)

    async def _write(self, plan: Plan, *, failed: bool = False) -> None:
        reason, message = self._failure
        facts = PodFacts(
            ip=self.ip or (self.pod.get("status") or {}).get("podIP") or "",
            host_ip=self._context.node.node_ip,
            sandbox_ready=self._sandbox is not None and not plan.phase,
            start_time=self._start_time,
            reason=reason,
            message=message,
            phase="Failed" if failed else "",
        )
        status = render_status(self.pod, self.containers.records, plan, facts, time.time())
        self.pod = await write_status(self._context.client, self.pod, status)

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._context.recorder.emit(self.pod, kind, reason, message)
