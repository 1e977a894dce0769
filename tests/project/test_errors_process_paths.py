"""The base that every part stands on: errors, the process seam, paths."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from oamkit import paths
from oamkit.errors import CommandError, InputError, MissingToolError, OamKitError, WaitTimeoutError
from oamkit.process import Completed, FakeRunner, RecordingRunner, SubprocessRunner

PYTHON = sys.executable


def test_an_input_error_names_file_line_and_field() -> None:
    error = InputError("expected a string, got 3", file="a.yaml", line=2, column=5, field="spec.x")
    assert str(error) == "a.yaml:2:5: spec.x: expected a string, got 3"


def test_every_error_is_an_oamkit_error_with_its_own_code() -> None:
    def subclasses(cls: type[OamKitError]) -> list[type[OamKitError]]:
        direct = cls.__subclasses__()
        return direct + [deeper for one in direct for deeper in subclasses(one)]

    ours = [cls for cls in subclasses(OamKitError) if cls.__module__ == "oamkit.errors"]
    codes = [cls.default_code for cls in ours]
    assert len(set(codes)) == len(codes) >= 9


def test_an_error_in_a_notebook_is_escaped() -> None:
    assert "<script>" not in OamKitError("<script>")._repr_html_()


def test_a_timeout_error_shows_the_last_state_and_the_events() -> None:
    text = str(WaitTimeoutError("no Pod after 3 s", last_state="Pending", events=["BackOff: web"]))
    assert "Last seen: Pending" in text
    assert "  BackOff: web" in text


def test_a_failing_program_raises_with_its_last_words() -> None:
    script = "import sys; print('x' * 10 + chr(10), file=sys.stderr); print('why', file=sys.stderr); sys.exit(3)"
    with pytest.raises(CommandError, match="exit code 3") as caught:
        SubprocessRunner().run([PYTHON, "-c", script], timeout=20)
    assert caught.value.returncode == 3
    assert caught.value.stderr.endswith("why")


def test_secrets_are_masked_in_errors() -> None:
    with pytest.raises(CommandError) as caught:
        SubprocessRunner().run(
            [PYTHON, "-c", "import sys; sys.exit(sys.argv[1])", "hunter2"],
            timeout=20,
            secrets=["hunter2"],
        )
    assert "hunter2" not in str(caught.value)


def test_a_slow_program_is_killed_after_its_time() -> None:
    with pytest.raises(CommandError, match="took too long") as caught:
        SubprocessRunner().run([PYTHON, "-c", "import time; time.sleep(60)"], timeout=0.2)
    assert caught.value.returncode is None


def test_lines_are_passed_on_while_the_program_runs(tmp_path: Path) -> None:
    """The program goes on only when its first line was seen: a runner that collects them first would wait for ever."""
    seen = tmp_path / "seen"
    script = (
        "import pathlib, sys, time\n"
        "print('first', flush=True)\n"
        f"while not pathlib.Path({str(seen)!r}).exists(): time.sleep(0.01)\n"
        "print(sys.stdin.read(), file=sys.stderr); print('last')\n"
    )
    lines: list[str] = []

    def progress(line: str) -> None:
        lines.append(line)
        seen.touch()

    done = SubprocessRunner().run(
        [PYTHON, "-c", script], timeout=20, input="typed", progress=progress
    )
    assert (done.stdout, done.stderr) == ("first\nlast\n", "typed\n")
    assert lines[0] == "first"
    assert sorted(lines[1:]) == ["last", "typed"]


def test_a_followed_program_fails_and_times_out_as_any_other() -> None:
    script = "import sys; print('why', file=sys.stderr); sys.exit(3)"
    with pytest.raises(CommandError, match="why") as failed:
        SubprocessRunner().run([PYTHON, "-c", script], timeout=20, progress=lambda _: None)
    assert failed.value.returncode == 3
    script = "import time; print('so far', flush=True); time.sleep(60)"
    with pytest.raises(CommandError, match="took too long"):
        SubprocessRunner().run([PYTHON, "-c", script], timeout=0.5, progress=lambda _: None)


def test_a_killed_program_s_children_are_not_waited_for() -> None:
    script = "import subprocess, sys, time; subprocess.Popen(['sleep', '3']); time.sleep(60)"
    begin = time.monotonic()
    with pytest.raises(CommandError, match="took too long"):
        SubprocessRunner().run([PYTHON, "-c", script], timeout=0.5, progress=lambda _: None)
    assert time.monotonic() - begin < 2.5


def test_a_missing_program_is_an_error_with_a_hint() -> None:
    with pytest.raises(MissingToolError, match="isn't there") as caught:
        SubprocessRunner().run(["no-such-program-anywhere"], timeout=1)
    assert "doctor" in caught.value.hint


def test_the_fake_runner_takes_the_longest_match_and_checks_like_the_real_one() -> None:
    fake = RecordingRunner(
        FakeRunner({("kind",): Completed((), 1, stderr="no"), ("kind", "get"): Completed(())})
    )
    assert fake.run(["kind", "get", "nodes"], timeout=1).returncode == 0
    with pytest.raises(CommandError, match="no"):
        fake.run(["kind", "create"], timeout=1)
    assert fake.calls == [("kind", "get", "nodes"), ("kind", "create")]


def test_the_home_variable_moves_data_and_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAMKIT_HOME", str(tmp_path / "one"))
    data, runtime = paths.data(), paths.runtime()
    assert data.is_relative_to(tmp_path)
    assert data.stat().st_mode & 0o077 == 0
    assert len(str(runtime)) < 60
    monkeypatch.setenv("OAMKIT_HOME", str(tmp_path / "two"))
    assert paths.runtime() != runtime
    runtime.rmdir()
    paths.runtime().rmdir()
