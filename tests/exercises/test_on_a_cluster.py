"""Every exercise on a real cluster: unsolved, with each of its wrong answers, and solved; nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from inventory import inventory

from oamkit import lesson
from oamkit.lesson import progress, sources
from oamkit.lesson.exercising import Exercise, Outcome, Verdict, all_exercises

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.notebooks,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("sandbox"),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(params=all_exercises(), ids=lambda each: each.number)
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return request.param


def begin(each: Exercise) -> None:
    """Bring the state in which the exercise begins."""
    lesson.start(each.lesson)
    each.prepare()


def answered(each: Exercise, source: str) -> Verdict:
    """Run an answer's code as a learner does, and check."""
    return each.check(sources.execute(source).get("answer"))


def all_hints(each: Exercise) -> str:
    """All hints for what is seen now."""
    count = each.hint().count
    return "\n".join(str(each.hint(n + 1)) for n in range(count))


def test_unsolved_it_isn_t_correct_and_a_hint_says_where_to_begin(exercise: Exercise) -> None:
    begin(exercise)
    verdict = exercise.check(patience=2)
    assert verdict.outcome in (Outcome.NOT_ATTEMPTED, Outcome.INCORRECT), verdict
    assert exercise.hint().text
    assert progress.load().outcome(exercise.number) is verdict.outcome


def test_each_wrong_answer_gets_its_own_hint(exercise: Exercise) -> None:
    said = set()
    for wrong in exercise.wrong:
        begin(exercise)
        verdict = answered(exercise, wrong.source)
        assert verdict.outcome is Outcome.INCORRECT, f"{wrong.name}: {verdict}"
        hints = all_hints(exercise)
        assert wrong.hint in hints, f"{wrong.name}: {verdict}\n{hints}"
        said.add(hints)
    assert len(said) == len(exercise.wrong), "two wrong answers get the same hints"


def test_the_solution_is_correct(exercise: Exercise) -> None:
    begin(exercise)
    verdict = answered(exercise, exercise.solved_by)
    assert verdict.passed, verdict
    assert "solved" in exercise.hint().text
    assert progress.load().outcome(exercise.number) is Outcome.CORRECT


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_behind(sandbox: None) -> Iterator[None]:
    """After a lesson's start, the cluster holds what it held before the first exercise."""
    lesson.start("06")
    before = inventory()
    yield
    lesson.start("06")
    assert inventory() == before
