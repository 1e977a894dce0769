"""How containers are stopped: ``preStop``, SIGTERM, the grace period, SIGKILL.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from oamkit.errors import SandboxError
from oamkit.sandbox.agent.actions import Target, perform
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.model import Object, all_containers, init_containers, is_sidecar
from oamkit.sandbox.cri import ContainerStatus

__all__ = ["Deadline", "Stop", "field_path", "stop_container", "stop_order"]

MINIMUM_AFTER_HOOK = 2.0
"""Seconds that a container gets for SIGTERM at least, however long its ``preStop`` took."""


class Deadline:
    """A time that may come nearer: a second ``kubectl delete`` with a shorter grace period."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds
        self._changed = asyncio.Event()

    def shorten(self, seconds: float) -> None:
        """Bring it nearer; does nothing if it is nearer already."""
        at = time.monotonic() + seconds
        if at < self.at:
            self.at = at
            self._changed.set()

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self.at - time.monotonic())

    async def wait(self) -> None:
        """Return when it has come."""
        while self.left > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.left):
                    await self._changed.wait()


def field_path(pod: Object, name: str) -> str:
    """Return a container's field path, for events.

    Example:
        >>> field_path({"spec": {"containers": [{"name": "main"}]}}, "main")
        'spec.containers{main}'
    """
    inits = {container["name"] for container in init_containers(pod)}
    return f"spec.{'initContainers' if name in inits else 'containers'}{{{name}}}"


def stop_signal(container: Object) -> int:
    """Return the signal that asks a container to end (``lifecycle.stopSignal``)."""
    name = (container.get("lifecycle") or {}).get("stopSignal") or "SIGTERM"
    return int(getattr(signal, name, signal.SIGTERM))


@dataclass(frozen=True)
class Stop:
    """A container to stop.

    Attributes:
        pod: Its Pod.
        container: Its spec.
        attempt: Which start of it.
        ip: The Pod's address.
        reason: What the event says.
    """

    pod: Object
    container: Object
    attempt: int
    ip: str
    reason: str


async def stop_container(context: Context, stop: Stop, deadline: Deadline) -> ContainerStatus:
    """Stop a container and return how it ended.

    The time for ``preStop`` counts as part of the grace period.
    """
    name, uid = stop.container["name"], stop.pod["metadata"]["uid"]
    where = field_path(stop.pod, name)
    context.recorder.emit(stop.pod, "Normal", "Killing", stop.reason, container=where)
    ended = asyncio.create_task(context.runtime.wait_container(uid, name, stop.attempt))
    try:
        hook = (stop.container.get("lifecycle") or {}).get("preStop")
        if hook and deadline.left > 0:
            target = Target(context.runtime, uid, stop.container, stop.ip)
            outcome = await _hook(target, hook, ended, deadline)
            if outcome:
                context.recorder.emit(
                    stop.pod, "Warning", "FailedPreStopHook", outcome, container=where
                )
            if deadline.left < MINIMUM_AFTER_HOOK:
                deadline = Deadline(MINIMUM_AFTER_HOOK)
        if not ended.done() and deadline.left > 0:
            await _signal(context, uid, name, stop_signal(stop.container))
            await _first(ended, deadline)
        while not ended.done():
            await _signal(context, uid, name, signal.SIGKILL)
            await asyncio.wait({ended}, timeout=1.0)
        return await ended
    finally:
        ended.cancel()


async def _hook(
    target: Target, hook: Object, ended: asyncio.Task[ContainerStatus], deadline: Deadline
) -> str:
    task = asyncio.create_task(perform(target, hook, deadline.left))
    try:
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.result().ok:
            return f"PreStopHook failed: {task.result().message}"
        return ""
    finally:
        task.cancel()


async def _first(ended: asyncio.Task[ContainerStatus], deadline: Deadline) -> None:
    timer = asyncio.create_task(deadline.wait())
    try:
        await asyncio.wait({ended, timer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()


async def _signal(context: Context, uid: str, name: str, number: int) -> None:
    with contextlib.suppress(SandboxError, ProcessLookupError):
        await context.runtime.signal_container(uid, name, number)


def stop_order(pod: Object, running: Callable[[str], bool]) -> list[list[Object]]:
    """Return the containers to stop, in steps: all but sidecars at once, then the sidecars from the last to the first (KEP-753)."""
    alive = [c for c in all_containers(pod) if running(c["name"])]
    sidecars = [c for c in alive if is_sidecar(c)]
    first = [c for c in alive if not is_sidecar(c)]
    return [step for step in [first, *([c] for c in reversed(sidecars))] if step]
