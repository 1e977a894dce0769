"""Lessons that run, fail, hang and die, in real kernels."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from oamkit import paths
from oamkit.course.runner import CourseResult, run_course
from oamkit.errors import InputError, OamKitError
from oamkit.lesson import progress

# papermill and its kernels: their own resource warnings at shutdown are none of ours.
pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("default"),
]


def _run(notebooks: Path, tmp_path: Path, *lessons: str, cell_seconds: int = 60) -> CourseResult:
    return run_course(
        lessons,
        provider="sandbox",
        notebooks=notebooks,
        output=tmp_path / "out",
        cell_seconds=cell_seconds,
    )


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_lessons_run_in_order_with_a_line_for_each_cell(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("01-second", "print('two')")
    write("00-first", "import os\nvalue = 40 + 2", "value", tags={1: ["answer"]})
    result = _run(notebooks, tmp_path)
    shown = capsys.readouterr().out
    assert result.passed
    assert [each.lesson.number for each in result.lessons] == ["00", "01"]
    assert result.lessons[0].answer == "42"
    assert re.search(r"00   1/2  value = 40 \+ 2 +\d+\.\d s", shown)
    assert re.search(r"00   2/2  value +\d+\.\d s", shown)
    assert "01  Lesson 01-second" in shown
    assert "passed" in shown


def test_two_runs_at_once_do_not_mix(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path, home: Path
) -> None:
    write("00-first", "import pathlib\npathlib.Path('ran').touch()")
    (home / "data").mkdir(parents=True, mode=0o700)
    with (home / "data" / "course.lock").open("w") as other:
        other.write("4711")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OamKitError, match="already being run, by process 4711"):
            _run(notebooks, tmp_path)
    assert not (notebooks / "ran").exists()
    assert _run(notebooks, tmp_path).passed
    assert (notebooks / "ran").exists()


def test_what_runs_by_itself_is_no_progress_of_the_learner_s(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write("00-first", "from oamkit.lesson import progress\nprogress.opened('00')")
    progress.opened("01")
    assert _run(notebooks, tmp_path).passed
    assert set(progress.load().lessons) == {"01"}


def test_the_provider_reaches_the_cell_tagged_parameters(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write("00-one", "PROVIDER = ''", "PROVIDER", tags={0: ["parameters"], 1: ["answer"]})
    assert _run(notebooks, tmp_path).lessons[0].answer == "'sandbox'"


def test_a_failing_cell_ends_the_run_and_is_explained(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("00-one", "print('so far so good')\nraise ValueError('no such thing')", "print('never')")
    write("01-two", "print('never')")
    result = _run(notebooks, tmp_path)
    shown = capsys.readouterr().out
    assert not result.passed
    failure = result.lessons[0].failure
    assert failure is not None
    assert failure.cell == "cell-0"
    assert failure.error == "ValueError: no such thing"
    assert failure.outputs == ("so far so good",)
    assert [lesson.number for lesson in result.skipped] == ["01"]
    assert "oamkit run 00" in shown
    assert str(tmp_path / "out" / "00-one.ipynb") in shown
    report = (tmp_path / "out" / "index.html").read_text()
    assert "Why lesson 00 failed" in report
    assert "not run" in report


def test_an_error_of_the_kit_is_shown_without_its_traceback(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write(
        "00-one",
        "from oamkit.errors import InputError, OamKitError\nraise InputError('wrong', hint='do this')",
    )
    result = _run(notebooks, tmp_path)
    assert result.lessons[0].failure is not None
    page = (tmp_path / "out" / "00-one.html").read_text()
    assert "Hint: do this" in page
    assert "Traceback (most recent call last)" not in page


def test_a_cell_that_takes_too_long_is_ended_with_all_that_it_started(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = tmp_path / "child"
    write(
        "00-hangs",
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        f"open({str(child)!r}, 'w').write(str(child.pid))\n"
        "print('waiting', flush=True)\n"
        "time.sleep(300)",
    )
    result = _run(notebooks, tmp_path, cell_seconds=3)
    assert not result.passed
    assert "failed after" in capsys.readouterr().out
    assert result.lessons[0].failure is not None
    assert "timed out" in result.lessons[0].failure.error
    pid = int(child.read_text())
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def test_a_kernel_that_dies_is_a_failure(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write("00-dies", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    result = _run(notebooks, tmp_path)
    assert result.lessons[0].failure is not None
    assert "died" in result.lessons[0].failure.error


def test_the_report_fetches_nothing_from_anywhere(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write(
        "00-one", "from oamkit.lesson import flow\nflow(('You', 'look'), ('The page', 'is there'))"
    )
    result = _run(notebooks, tmp_path)
    for page in result.report.parent.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<(script|link|iframe)\b", text)
        assert not re.search(r'src="(?!data:)', text)
        assert "url(" not in text
    shown = (result.report.parent / "00-one.html").read_text()
    assert 'alt="You: look → The page: is there"' in shown


def test_lessons_are_chosen_by_number_or_name(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write("00-one", "1")
    write("01-two", "2")
    assert [each.lesson.number for each in _run(notebooks, tmp_path, "1").lessons] == ["01"]
    with pytest.raises(InputError, match="no lesson '07'"):
        _run(notebooks, tmp_path, "07")


def test_kernels_leave_nothing_behind(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    write("00-one", "import os\nos.getpid()", tags={0: ["answer"]})
    before = set(notebooks.iterdir())
    pid = int(_run(notebooks, tmp_path).lessons[0].answer)
    assert pid != os.getpid()
    assert not _alive(pid)
    assert set(notebooks.iterdir()) == before
    assert list(paths.runtime().glob("kernel-*")) == []


def test_runs_in_one_checkout_have_kernels_of_their_own(
    write: Callable[..., Path], notebooks: Path, tmp_path: Path
) -> None:
    """Several learners share a checkout; their runs begin at the same moment."""
    write("00-one", "import time\ntime.sleep(1)\nprint('mine')")
    code = (
        "import pathlib, sys; from oamkit.course.runner import run_course; out = pathlib.Path(sys.argv[1]); "
        "sys.exit(not run_course(['00'], provider='sandbox', notebooks=pathlib.Path(sys.argv[2]), output=out).passed)"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / f"out-{n}"), str(notebooks)],
            env={**os.environ, "OAMKIT_HOME": str(tmp_path / f"home-{n}")},
            stdout=subprocess.DEVNULL,
        )
        for n in range(4)
    ]
    assert [run.wait(90) for run in runs] == [0] * 4
