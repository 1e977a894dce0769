"""Starts the sandbox's processes in order, keeps them running, and stops them in the opposite order."""

from __future__ import annotations

import asyncio
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from oamkit.sandbox import logs, procfs
from oamkit.sandbox.children import Child, Children
from oamkit.sandbox.control_plane import Component
from oamkit.sandbox.state import ComponentState, Phase, State

__all__ = ["Supervisor"]

POLL = 0.05
"""Seconds between two looks whether a component is ready."""
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 10.0
STEADY = 20.0
"""Seconds after which a component that ends again counts as one that ended for the first time."""
ATTEMPTS = 5
"""How often in a row a component may end, before all were ready for the first time, until the sandbox is called failed."""
START_SECONDS = 90.0
"""How long it may take to become ready the first time."""

Probe = Callable[[Component], Awaitable[bool]]


class Supervisor:
    """Keeps the components of one sandbox running.

    Args:
        state: Told of everything that happens; ``changed`` is called after each change.
        specs: The components in the order of their start. The first two (etcd, API server) are each waited for; the rest start
            together when the API server is ready, those in ``late`` when ``prepare`` is done too.
        children: Starts and reaps processes.
        probe: Says whether a component that runs is ready.
        prepare: Called once the API server is ready: makes the objects that every sandbox has.
        changed: Called after each change of ``state``.
        env: The environment of all components.
        logs_dir: The folder of their logs.
        cwd: Their working folder.
        late: Names of the components that wait for ``prepare``.
    """

    def __init__(
        self,
        state: State,
        specs: Sequence[Component],
        children: Children,
        *,
        probe: Probe,
        prepare: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
        env: dict[str, str],
        logs_dir: Path,
        cwd: Path,
        late: frozenset[str] = frozenset({"node-agent", "traefik"}),
    ) -> None:
        self._state = state
        self._specs = specs
        self._children = children
        self._probe = probe
        self._prepare = prepare
        self._changed = changed
        self._env = env
        self._logs = logs_dir
        self._cwd = cwd
        self._late = late
        self._running: dict[str, Child] = {}
        self._gates = {name: asyncio.Event() for name in ("etcd", "kube-apiserver", "objects")}
        self._was_up = False
        self._restart_now: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        state.components = [ComponentState(spec.name, since=time.time()) for spec in specs]

    def start(self) -> None:
        """Start everything, in the background."""
        for name, work in (
            *((spec.name, self._keep(spec)) for spec in self._specs),
            ("kube-apiserver", self._make_objects()),
            ("kube-apiserver", self._limit_start()),
        ):
            task = asyncio.create_task(work, name=name)
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)

    def restart(self, names: Sequence[str]) -> None:
        """Stop components; each is started again at once."""
        for name in names:
            child = self._running.get(name)
            if child is not None:
                self._restart_now.add(name)
                self._note(name, Phase.STOPPING, child.pid)  # who waits until all is ready waits
                child.kill(signal.SIGTERM)

    async def stop(self) -> None:
        """Stop everything: what depends on the API server first, then it, then etcd."""
        self._set_phase(Phase.STOPPING)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        by_name = {spec.name: spec for spec in self._specs}
        upper = [name for name in by_name if name not in ("etcd", "kube-apiserver")]
        for group in (upper, ["kube-apiserver"], ["etcd"]):
            await asyncio.gather(*(self._stop(by_name[name]) for name in group if name in by_name))
        self._set_phase(Phase.STOPPED)

    async def _stop(self, spec: Component) -> None:
        child = self._running.pop(spec.name, None)
        if child is not None:
            self._note(spec.name, Phase.STOPPING, child.pid)
            for number, seconds in ((signal.SIGTERM, spec.stop_seconds), (signal.SIGKILL, 5.0)):
                child.kill(number)
                await asyncio.wait([child.ended], timeout=seconds)
        self._note(spec.name, Phase.STOPPED)

    async def _keep(self, spec: Component) -> None:
        """Start a component, again and again."""
        await self._wait_for_turn(spec)
        delay, attempts = FIRST_BACKOFF, 0
        while True:
            attempts += 1
            began = time.monotonic()
            code, why = await self._run_once(spec)
            lived = time.monotonic() - began
            if spec.name in self._restart_now:
                self._restart_now.discard(spec.name)
                delay = FIRST_BACKOFF
                self._component(spec.name).restarts += 1
                continue
            if lived > STEADY:
                delay, attempts = FIRST_BACKOFF, 1
            message = why or f"ended with exit code {code} after {lived:.1f} s"
            cause = logs.explain(self._logs, spec.name, message)
            self._note(spec.name, Phase.BACKOFF, message=f"{message}. {cause}".strip())
            if not self._was_up and attempts >= ATTEMPTS:
                self._fail(spec.name, message)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_BACKOFF)
            self._component(spec.name).restarts += 1

    async def _run_once(self, spec: Component) -> tuple[int, str]:
        """Run a component to its end; return its exit code, or why it couldn't be started."""
        try:
            logs.rotate(self._logs, spec.name)
            with logs.append(self._logs, spec.name) as output:
                logs.mark_start(output)
                child = self._children.start(
                    spec.argv, env={**self._env, **spec.env}, cwd=self._cwd, output=output
                )
        except OSError as error:
            return 127, f"can't be started: {error}"
        self._running[spec.name] = child
        self._note(spec.name, Phase.STARTING, child.pid)
        while not child.ended.done():
            if await self._probe(spec):
                if not child.ended.done():
                    self._ready(spec, child)
                break
            await asyncio.wait([child.ended], timeout=POLL)
        code = await asyncio.shield(child.ended)
        self._running.pop(spec.name, None)
        return code, ""

    async def _wait_for_turn(self, spec: Component) -> None:
        if spec.name == "etcd":
            return
        if spec.name == "kube-apiserver":
            gate = "etcd"
        else:
            gate = "objects" if spec.name in self._late else "kube-apiserver"
        await self._gates[gate].wait()

    async def _make_objects(self) -> None:
        await self._gates["kube-apiserver"].wait()
        try:
            await self._prepare()
        except Exception as error:  # noqa: BLE001 - whatever it is, `up` reports it
            self._fail("kube-apiserver", f"the first objects can't be made: {error}")
            return
        self._gates["objects"].set()
        self._look()

    async def _limit_start(self) -> None:
        await asyncio.sleep(START_SECONDS)
        late = [each for each in self._state.components if each.phase is not Phase.READY]
        if late and not self._was_up:
            self._fail(late[0].name, f"isn't ready after {START_SECONDS:.0f} s")

    def _ready(self, spec: Component, child: Child) -> None:
        self._note(spec.name, Phase.READY, child.pid)
        if spec.name in self._gates:
            self._gates[spec.name].set()

    def _fail(self, name: str, message: str) -> None:
        if self._state.phase is Phase.FAILED:
            return
        words = logs.last_words(self._logs, name)
        self._state.message = f"{name} {message}." + (f" Its last lines:\n{words}" if words else "")
        self._state.hint = (
            logs.explain(self._logs, name, message) or f"See 'oamkit sandbox logs {name}'."
        )
        self._note(name, Phase.FAILED, message=message)
        self._set_phase(Phase.FAILED)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            traceback.print_exception(error)  # into the supervisor's log
            self._fail(task.get_name(), f"can't be looked after: {error!r}")

    def _component(self, name: str) -> ComponentState:
        return next(each for each in self._state.components if each.name == name)

    def _note(self, name: str, phase: Phase, pid: int | None = None, message: str = "") -> None:
        each = self._component(name)
        each.phase, each.pid, each.message, each.since = phase, pid, message, time.time()
        each.start_time = procfs.start_time(pid) if pid is not None else None
        self._look()

    def _look(self) -> None:
        """See whether all is ready, and tell."""
        if self._state.phase in (Phase.STARTING, Phase.READY):
            ready = all(each.phase is Phase.READY for each in self._state.components)
            wanted = Phase.READY if ready and self._prepared() else Phase.STARTING
            self._was_up |= wanted is Phase.READY
            if wanted is not self._state.phase:
                self._set_phase(wanted)
                return
        self._changed()

    def _prepared(self) -> bool:
        """Whether the objects are made; without an API server there is nothing to make them in."""
        alone = all(spec.name != "kube-apiserver" for spec in self._specs)
        return alone or self._gates["objects"].is_set()

    def _set_phase(self, phase: Phase) -> None:
        self._state.phase, self._state.since = phase, time.time()
        self._changed()
