"""Every exercise on a real cluster: unsolved, with each of its wrong answers, and solved; nothing is left behind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from inventory import inventory

import oamkit
from oamkit import lesson
from oamkit.cluster.api import Api
from oamkit.lesson import progress, sources
from oamkit.lesson.exercising import Exercise, Outcome, Verdict, all_exercises

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.notebooks,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("sandbox"),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(params=all_exercises(), ids=lambda each: each.number, scope="module")
def exercise(request: pytest.FixtureRequest) -> Exercise:
    """Each in turn, with all of its tests: so one of them may begin where another has changed nothing."""
    return request.param


class Stage:
    """The cluster, and what is known of its state."""

    def __init__(self) -> None:
        self._ready_for: Exercise | None = None

    def begin(self, each: Exercise) -> None:
        """Bring the state in which an exercise begins, unless it is still there."""
        if self._ready_for is not each:
            lesson.start(each.lesson)
            each.prepare()
            self._ready_for = each

    def answer(self, each: Exercise, source: str) -> Verdict:
        """Run an answer's code as a learner does, and check."""
        if not only_says(source):
            self._ready_for = None
        answer = sources.execute(source).get("answer")
        with only_reading():
            return each.check(answer)


@pytest.fixture(scope="module")
def stage(sandbox: None) -> Stage:
    return Stage()


def only_says(source: str) -> bool:
    """Whether an answer's code can't have changed anything: it uses nothing of oamkit's, no file, and no module."""
    reaching = {*oamkit.__all__, "Path"}
    return not any(
        isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Name) and node.id in reaching)
        for node in ast.walk(ast.parse(source))
    )


@contextmanager
def only_reading() -> Iterator[None]:
    """Fail if the cluster is asked to store anything: a check reads."""
    request = Api.request

    def watched(self: Api, method: str, path: str, **rest: Any) -> dict[str, Any]:
        stores = method != "GET" and "dryRun" not in (rest.get("query") or {})
        assert not stores or path.endswith("accessreviews"), f"a check asks for {method} {path}"
        return request(self, method, path, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Api, "request", watched)
        yield


def all_hints(each: Exercise) -> str:
    """All hints for what is seen now."""
    count = each.hint().count
    return "\n".join(str(each.hint(n + 1)) for n in range(count))


def test_unsolved_it_isn_t_correct_and_a_hint_says_where_to_begin(
    exercise: Exercise, stage: Stage
) -> None:
    stage.begin(exercise)
    with only_reading():
        verdict = exercise.check(patience=2)
        assert verdict.outcome in (Outcome.NOT_ATTEMPTED, Outcome.INCORRECT), verdict
        assert exercise.hint().text
    assert progress.load().outcome(exercise.number) is verdict.outcome


def test_each_wrong_answer_gets_its_own_hint(exercise: Exercise, stage: Stage) -> None:
    said = set()
    for wrong in exercise.wrong:
        stage.begin(exercise)
        verdict = stage.answer(exercise, wrong.source)
        assert verdict.outcome is Outcome.INCORRECT, f"{wrong.name}: {verdict}"
        hints = all_hints(exercise)
        assert wrong.hint in hints, f"{wrong.name}: {verdict}\n{hints}"
        said.add(hints)
    assert len(said) == len(exercise.wrong), "two wrong answers get the same hints"


def test_the_solution_is_correct(exercise: Exercise, stage: Stage) -> None:
    stage.begin(exercise)
    verdict = stage.answer(exercise, exercise.solved_by)
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
