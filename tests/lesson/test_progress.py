"""How far a learner is, on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from oamkit import lesson, paths
from oamkit.lesson import overview, progress
from oamkit.lesson.exercising import of_lesson
from oamkit.lesson.progress import Progress
from oamkit.lesson.verdict import Outcome

pytestmark = pytest.mark.usefixtures("home")


def test_nothing_is_known_at_first() -> None:
    assert progress.load() == Progress()
    assert progress.load().outcome("07.1") is Outcome.NOT_ATTEMPTED


def test_what_was_solved_once_stays_solved() -> None:
    progress.record("07.1", Outcome.INCORRECT)
    assert progress.load().outcome("07.1") is Outcome.INCORRECT
    progress.record("07.1", Outcome.CORRECT)
    progress.record("07.1", Outcome.NOT_ATTEMPTED)
    assert progress.load().outcome("07.1") is Outcome.CORRECT
    attempt = progress.load().exercises["07.1"]
    assert attempt.checks == 3
    assert attempt.outcome is Outcome.NOT_ATTEMPTED
    assert attempt.solved.endswith("+00:00")


def test_it_is_reset_by_lesson_or_as_a_whole() -> None:
    for number in ("07.1", "07.2", "08.1"):
        progress.record(number, Outcome.CORRECT)
    progress.opened("07")
    progress.opened("08")
    before = progress.reset("07")
    assert set(before.exercises) == {"07.1", "07.2", "08.1"}
    assert set(progress.load().exercises) == {"08.1"}
    assert set(progress.load().lessons) == {"08"}
    progress.reset()
    assert progress.load() == Progress()


def test_only_its_owner_can_read_it() -> None:
    progress.opened("03")
    mode = (paths.data() / "progress.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"exercises": {"07.1": {}}, "lessons": {}}',
        '{"exercises": [1]}',
        "\x00\xff",
    ],
)
def test_a_file_that_can_t_be_read_is_put_aside(text: str) -> None:
    file = paths.data() / "progress.json"
    file.write_text(text)
    assert progress.load() == Progress()
    assert file.with_suffix(".unreadable").read_text() == text
    progress.record("07.1", Outcome.CORRECT)
    assert progress.load().outcome("07.1") is Outcome.CORRECT


def test_a_write_that_is_cut_off_is_told_and_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.record("07.1", Outcome.CORRECT)

    def cut_off(document: object, file: object, **options: object) -> None:
        file.write('{"exercises": {')  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(json, "dump", cut_off)
        progress.record("07.2", Outcome.CORRECT)
    assert capsys.readouterr().out == "Your progress can't be kept: No space left on device.\n"
    assert set(progress.load().exercises) == {"07.1"}


def _record_many(first: int) -> None:
    for n in range(first, first + 10):
        progress.record(f"07.{n}", Outcome.CORRECT)


def test_notebooks_that_write_at_once_lose_nothing(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_record_many, args=(first,)) for first in (10, 20, 30)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(progress.load().exercises) == 30


def test_a_lesson_begins_by_saying_how_far_the_learner_is(project_root: Path) -> None:
    there = [each.number for each in of_lesson("06")]
    before = overview.of("06")
    assert (before.state, before.solved, before.done) == ("not begun", (), False)
    assert f"0 of {len(there)} solved" in before.line()
    for number in there:
        progress.record(number, Outcome.CORRECT)
    progress.opened("06")
    after = overview.of("06")
    assert after.done
    assert after.line() == f"Exercises: all {len(there)} solved."
    assert overview.of("00").line() == "This lesson has no exercises."


def test_a_start_is_remembered_and_tells_the_progress(project_root: Path) -> None:
    here = Path.cwd()
    try:
        started = lesson.start("02")
    finally:
        os.chdir(here)
    assert started.progress == overview.of("02")
    assert progress.load().lessons["02"]
    assert str(started).splitlines()[0].startswith("Lesson 02 can begin.")


def test_the_overview_lists_all_lessons_with_their_titles(project_root: Path) -> None:
    progress.opened("00")
    shown = str(overview.overview()).splitlines()
    assert shown[0].split() == ["LESSON", "TITLE", "STATE", "EXERCISES", "OPENED"]
    assert shown[1].split()[0] == "00"
    assert " done " in shown[1]
    assert any("not begun" in line for line in shown)


def test_a_lesson_s_progress_is_forgotten_on_demand() -> None:
    progress.record("06.1", Outcome.CORRECT)
    progress.record("07.1", Outcome.CORRECT)
    assert str(lesson.reset("6")) == "The progress in lesson 06 is forgotten (1 exercises)."
    assert set(progress.load().exercises) == {"07.1"}
    assert str(lesson.reset()) == "The progress in all lessons is forgotten (1 exercises)."


def test_the_command_shows_and_forgets() -> None:
    from typer.testing import CliRunner

    from oamkit.cli import app

    progress.record("07.1", Outcome.CORRECT)
    progress.opened("07")
    run = CliRunner().invoke
    shown = run(app, ["progress"])
    assert shown.exit_code == 0, shown.output
    assert "LESSON" in shown.output
    of_one = run(app, ["progress", "7"]).output
    assert of_one.startswith("Exercises: 1 of 4 solved. Still to solve: 07.2")
    assert "lesson 07 is forgotten" in run(app, ["progress", "--reset", "7"]).output
    assert progress.load() == Progress()


@pytest.mark.parametrize("words", [("77",), ("--reset", "77")])
def test_the_progress_in_a_lesson_that_is_not_there_is_refused(words: tuple[str, ...]) -> None:
    from typer.testing import CliRunner

    from oamkit.cli import app

    failed = CliRunner().invoke(app, ["progress", *words])
    assert "there is no lesson '77'" in str(failed.exception)


def test_what_a_single_lesson_wants_more_is_made_at_the_end_of_its_start(
    project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oamkit.lesson import extras

    called: list[str] = []
    monkeypatch.setattr(extras, "EXTRAS", {"02": lambda: called.append("02")})
    here = Path.cwd()
    try:
        lesson.start("01")
        assert called == []
        lesson.start("02")
    finally:
        os.chdir(here)
    assert called == ["02"]
