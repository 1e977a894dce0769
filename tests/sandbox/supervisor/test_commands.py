"""``oamkit sandbox …`` on the command line; the sandbox itself is shown in ``test_sandbox.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from oamkit.sandbox import commands
from oamkit.sandbox.commands import app
from oamkit.sandbox.config import Layout
from oamkit.sandbox.lifecycle import Progress, Sandbox
from oamkit.sandbox.state import ComponentState, Phase, Ports, State


def some_state(phase: Phase) -> State:
    etcd = ComponentState("etcd", phase, pid=7, restarts=2, memory=50_000_000)
    return State(Phase.READY, Layout.NAMESPACED, Ports(6443, 80, 8443, 10250), components=[etcd])


def run(*words: str, expect: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == expect, result.output
    assert "Traceback" not in result.output
    return result.output


def test_up_shows_a_line_for_each_component_and_where_to_find_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(_: Sandbox, *, progress: Progress, **__: object) -> State:
        for phase in (Phase.WAITING, Phase.STARTING, Phase.READY, Phase.READY):
            progress(some_state(phase))
        return some_state(Phase.READY)

    monkeypatch.setattr(Sandbox, "up", up)
    output = run("up")
    assert output.count("etcd ready") == 1
    assert "https://127.0.0.1:6443" in output
    assert "http://localhost and https://localhost:8443" in output
    assert str(home / "data" / "sandbox" / "kubeconfig") in output


def test_status_says_that_nothing_runs(home: Path) -> None:
    assert "isn't running" in run("status", expect=3)


def test_status_shows_each_component(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "status", lambda _: some_state(Phase.READY))
    row = next(line for line in run("status").splitlines() if line.startswith("etcd"))
    assert row.split()[:5] == ["etcd", "✓", "ready", "7", "2"]
    assert row.endswith("50 MB")


def test_it_speaks_the_language_of_the_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAMKIT_LANG", "zh")
    assert run("status", expect=3).startswith("沙箱没有运行")
    assert run("down") == "沙箱没有在运行。\n"
    monkeypatch.setattr(Sandbox, "status", lambda _: some_state(Phase.READY))
    shown = run("status")
    assert shown.startswith("沙箱：")
    assert "✓ 就绪" in shown
    assert "https://127.0.0.1:6443" in shown
    monkeypatch.setattr(Sandbox, "up", lambda _, **__: some_state(Phase.READY))
    assert "沙箱已启动。" in run("up")


def test_down_of_nothing_is_no_error(home: Path) -> None:
    assert "wasn't running" in run("down")


def test_reset_asks_first(home: Path) -> None:
    assert "Delete all objects" in run("reset", expect=1)


def test_reset_where_a_sandbox_never_ran_makes_nothing(home: Path) -> None:
    assert "is empty" in run("reset", "--yes")
    assert not (home / "data" / "sandbox").exists()


def test_logs_are_shown_as_they_are(home: Path) -> None:
    log = home / "data" / "sandbox" / "logs" / "etcd.log"
    log.parent.mkdir(parents=True)
    log.write_text("[one]\ntwo\n")
    assert run("logs", "etcd") == "[one]\ntwo\n"


def test_kubeconfig_prints_nothing_but_the_path(home: Path) -> None:
    assert run("kubeconfig") == f"{home / 'data' / 'sandbox' / 'kubeconfig'}\n"


def test_without_a_verb_it_explains_itself(home: Path) -> None:
    assert "reset" in CliRunner().invoke(commands.app, []).output
