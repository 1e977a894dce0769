"""How components are started, kept and stopped: shown with small programs in place of the real ones."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from oamkit.sandbox import logs, supervisor
from oamkit.sandbox.children import Children
from oamkit.sandbox.config import Layout
from oamkit.sandbox.control_plane import Component, Ready
from oamkit.sandbox.state import Phase, Ports, State
from oamkit.sandbox.supervisor import Supervisor

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def component(name: str, argv: tuple[str, ...] = SLEEP) -> Component:
    return Component(name, argv, Ready.RUNNING)


class Rig:
    """A supervisor of some components, whose history is kept."""

    def __init__(self, folder: Path, specs: list[Component]) -> None:
        self.state = State(Phase.STARTING, Layout.LOOPBACK, Ports(1, 2, 3, 4))
        self.children = Children()
        self.history: list[tuple[str, Phase]] = []
        self.changed = asyncio.Event()
        self.supervisor = Supervisor(
            self.state,
            specs,
            self.children,
            probe=self.probe,
            prepare=self.prepare,
            changed=self.note,
            env=dict(os.environ),
            logs_dir=folder,
            cwd=folder,
        )

    async def probe(self, _: Component) -> bool:
        return True

    async def prepare(self) -> None:
        self.history.append(("objects", Phase.READY))

    def note(self) -> None:
        for each in self.state.components:
            last = next(
                (phase for name, phase in reversed(self.history) if name == each.name), None
            )
            if each.phase is not last:
                self.history.append((each.name, each.phase))
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def first(self, name: str, phase: Phase) -> int:
        return self.history.index((name, phase))

    def part(self, name: str) -> supervisor.ComponentState:
        return next(each for each in self.state.components if each.name == name)


def run(folder: Path, specs: list[Component], story: Callable[[Rig], Awaitable[None]]) -> Rig:
    async def play() -> Rig:
        rig = Rig(folder, specs)
        rig.supervisor.start()
        try:
            await story(rig)
        finally:
            await rig.supervisor.stop()
            rig.children.close()
        return rig

    return asyncio.run(play())


def test_components_start_in_order_and_stop_the_other_way_round(tmp_path: Path) -> None:
    names = ["etcd", "kube-apiserver", "kube-scheduler", "traefik"]

    async def story(rig: Rig) -> None:
        await rig.until(lambda: rig.state.phase is Phase.READY)

    rig = run(tmp_path, [component(name) for name in names], story)
    ready = [rig.first(name, Phase.READY) for name in ("etcd", "kube-apiserver")]
    assert ready[0] < rig.first("kube-apiserver", Phase.STARTING)
    assert ready[1] < rig.first("kube-scheduler", Phase.STARTING)
    assert rig.first("objects", Phase.READY) < rig.first("traefik", Phase.STARTING)
    stopped = [rig.first(name, Phase.STOPPED) for name in reversed(names)]
    assert max(stopped[:2]) < stopped[2] < stopped[3]
    assert rig.state.phase is Phase.STOPPED


def test_a_component_that_dies_is_started_again(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.until(lambda: rig.state.phase is Phase.READY)
        pid = rig.part("etcd").pid
        assert pid is not None
        os.kill(pid, 9)
        await rig.until(lambda: rig.part("etcd").restarts == 1)
        await rig.until(lambda: rig.part("etcd").phase is Phase.READY)
        assert rig.part("etcd").pid != pid
        assert ("etcd", Phase.BACKOFF) in rig.history

    run(tmp_path, [component("etcd")], story)


def test_one_that_never_gets_ready_fails_the_sandbox_with_its_last_lines(tmp_path: Path) -> None:
    broken = (sys.executable, "-c", "raise SystemExit('open /x: no space left on device')")

    async def story(rig: Rig) -> None:
        rig.probe = never  # type: ignore[method-assign]
        rig.supervisor._probe = never
        await rig.until(lambda: rig.state.phase is Phase.FAILED)
        assert "etcd ended with exit code 1" in rig.state.message
        assert "open /x: no space left on device" in rig.state.message
        assert "The disk is full" in rig.state.hint

    async def never(_: Component) -> bool:
        return False

    run(tmp_path, [component("etcd", broken)], story)


def test_a_program_that_is_not_there_fails_the_sandbox(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.until(lambda: rig.state.phase is Phase.FAILED)
        assert "can't be started" in rig.state.message

    run(tmp_path, [component("etcd", ("/nowhere/etcd",))], story)


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    spec = Component("etcd", (sys.executable, "-c", deaf), Ready.RUNNING, stop_seconds=0.2)

    async def story(rig: Rig) -> None:
        async with asyncio.timeout(10):
            while "deaf" not in logs.tail(tmp_path, "etcd", 1):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.01)

    assert run(tmp_path, [spec], story).part("etcd").phase is Phase.STOPPED


REAPER = """
import asyncio, os, sys
from pathlib import Path
from oamkit.sandbox import procfs
from oamkit.sandbox.children import Children, adopt_orphans

ORPHAN = "import os, time\\nif os.fork() == 0:\\n    time.sleep(0.2); os._exit(0)\\nos._exit(7)"

async def play():
    adopt_orphans()
    children = Children()
    with Path("log").open("wb") as output:
        child = children.start([sys.executable, "-c", ORPHAN], env={}, cwd=Path(), output=output)
    print("exit code", await child.ended)
    async with asyncio.timeout(20):
        while procfs.children(os.getpid()):
            await asyncio.sleep(0.02)
    children.close()
    print("no child is left")

asyncio.run(play())
"""


def test_orphans_are_reaped_and_children_keep_their_exit_codes(tmp_path: Path) -> None:
    # In a process of its own: who adopts orphans takes all of them, also those of other tests.
    done = subprocess.run(
        [sys.executable, "-c", REAPER], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout.splitlines(), done.stderr) == (["exit code 7", "no child is left"], "")


def test_a_log_that_has_grown_is_put_aside(tmp_path: Path) -> None:
    log = logs.path(tmp_path, "etcd")
    with logs.append(tmp_path, "etcd") as writer:
        writer.write(b"old\n" * 100)
        writer.flush()
        logs.rotate(tmp_path, "etcd", largest=40)
        writer.write(b"new\n")
    assert log.read_text() == "new\n"
    assert log.with_suffix(".log.1").read_text() == "old\n" * 10


def test_the_last_words_of_a_go_program_are_those_before_its_stack(tmp_path: Path) -> None:
    stack = "\n".join(f"frame {number}" for number in range(50))
    words = "listening\npanic: write wal: no space left on device\n\ngoroutine 1 [running]:\n"
    logs.path(tmp_path, "etcd").write_text(words + stack)
    assert logs.last_words(tmp_path, "etcd", 2).splitlines() == words.splitlines()[:2]
    assert "The disk is full" in logs.explain(tmp_path, "etcd")
