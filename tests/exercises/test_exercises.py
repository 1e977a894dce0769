"""What exercises must be like. Nothing is run on a cluster here."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

import oamkit
from oamkit.errors import ClusterError, InputError
from oamkit.lesson import exercise as find
from oamkit.lesson import progress
from oamkit.lesson.exercising import (
    Exercise,
    Look,
    Outcome,
    Verdict,
    Wrong,
    _registry,
    all_exercises,
    correct,
    exercise,
    incorrect,
    not_attempted,
    of_lesson,
)

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks" / "en").glob("[0-9]*.ipynb"))
WITHOUT = ("00", "01")
"""Lessons without exercises: nothing is done in them that a cluster could show."""

pytestmark = [
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("default::DeprecationWarning"),
]


@pytest.fixture
def make() -> Any:
    """Makes an exercise of a lesson 98 that there isn't, for the length of a test."""

    def make(examine: Any, **options: Any) -> Exercise:
        wrong = (Wrong("nothing", "answer = 0", hint="no"),)
        exercise("98.1", title="A test", solution="answer = 42", wrong=wrong, **options)(examine)
        return find("98.1")

    yield make
    _registry.pop("98.1", None)


def test_numbers_run_from_one_and_the_bonus_comes_last() -> None:
    for number in {each.lesson for each in all_exercises()}:
        there = of_lesson(number)
        assert [each.number for each in there] == [f"{number}.{n + 1}" for n in range(len(there))]
        assert [each.bonus for each in there] == sorted(each.bonus for each in there)


@pytest.mark.parametrize("each", all_exercises(), ids=lambda each: each.number)
def test_sources_use_public_names_only(each: Exercise) -> None:
    for source in (each.solved_by, each.start, *(wrong.source for wrong in each.wrong)):
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("oamkit"):
                assert node.module in ("oamkit", "oamkit.lesson")
                assert {name.name for name in node.names} <= {
                    *oamkit.__all__,
                    *oamkit.lesson.__all__,
                }
    ast.parse(str(each.solution()))


@pytest.mark.parametrize("each", all_exercises(), ids=lambda each: each.number)
def test_hints_don_t_contain_the_solution(each: Exercise) -> None:
    opening = 'answer = r"""'  # says how an answer is given, as hints do, and nothing of what it is
    lines = [line.strip() for line in each.solved_by.splitlines()]
    telling = [line for line in lines if len(line) > 12 and line != opening]
    answers = [
        repr(node.value.value)
        for node in ast.parse(each.solved_by).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "answer"
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and len(node.value.value) > 3
    ]
    texts = _texts(each)
    assert texts
    for secret in (*telling, *(answer.strip("'\"") for answer in answers)):
        assert not any(secret in text for text in texts), secret


def _texts(each: Exercise) -> list[str]:
    """The hints that stand in an exercise's module: all arguments but the first of the verdicts that aren't correct."""
    import inspect
    import sys

    tree = ast.parse(inspect.getsource(sys.modules[each.examine.__module__]))
    return [
        part.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("incorrect", "not_attempted", "cannot_check")
        for argument in call.args[1:]
        for part in ast.walk(argument)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_the_exercises_of_its_lesson(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    pattern = r"""lesson\.exercise\(\s*["']([\d.]+)["']\s*\)\.check\("""
    checked = [
        number
        for cell in cells
        if cell.cell_type == "code"
        for number in re.findall(pattern, cell.source)
    ]
    assert checked == [each.number for each in of_lesson(path.stem[:2])]
    text = "\n".join(cell.source for cell in cells)
    for number in re.findall(r"""exercise\(\s*["']([\d.]+)["']""", text):
        find(number)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_has_three_exercises_and_a_bonus(path: Path) -> None:
    there = of_lesson(path.stem[:2])
    if path.stem[:2] in WITHOUT:
        assert not there
        return
    assert sum(not each.bonus for each in there) >= 3
    assert any(each.bonus for each in there)


def test_an_answer_reaches_the_check_and_its_hints(make: Any) -> None:
    def examine(look: Look, answer: object = None) -> Verdict:
        if answer is None:
            return not_attempted("Nothing yet.", "Think of a number.")
        if answer == 42:
            return correct("That's it.")
        return incorrect(f"{answer} isn't it.", "Larger than 40.", "Less than 44.")

    each = make(examine)
    assert str(each) == "Exercise 98.1: A test (not attempted)"
    assert each.check().outcome is Outcome.NOT_ATTEMPTED
    assert each.check(...).outcome is Outcome.NOT_ATTEMPTED
    assert str(each.hint()) == "Hint 1 of 1: Think of a number."
    verdict = each.check(7)
    assert str(verdict) == 'Incorrect. 7 isn\'t it.\nlesson.exercise("98.1").hint() helps.'
    assert 'role="status"' in verdict.to_html()
    assert str(each.hint(2)) == "Hint 2 of 2: Less than 44."
    assert "no further hint" in str(each.hint(3))
    assert each.check(42).passed
    assert "solved" in str(each.hint())
    assert each.check(7).outcome is Outcome.INCORRECT
    assert progress.load().outcome("98.1") is Outcome.CORRECT
    assert progress.load().exercises["98.1"].checks == 5


def test_what_can_t_be_seen_is_said_with_its_reason(make: Any) -> None:
    def unreachable(look: Look) -> Verdict:
        raise ClusterError("The cluster doesn't answer.", hint="Start it.")

    verdict = make(unreachable).check()
    assert verdict.outcome is Outcome.CANNOT_CHECK
    assert verdict.message == "The cluster doesn't answer."
    assert find("98.1").hint().text == "Start it."


def test_an_answer_that_makes_no_sense_is_no_crash(make: Any) -> None:
    def examine(look: Look, answer: Any = None) -> Verdict:
        return correct("yes") if answer["x"] > 3 else incorrect("no", "more")

    each = make(examine)
    for answer in (object(), {}, {"x": "many"}, [1], "x"):
        assert each.check(answer).outcome is Outcome.CANNOT_CHECK


def test_solutions_are_shown_with_the_imports_that_they_need(make: Any) -> None:
    each = make(lambda look: correct("yes"))
    assert str(each.solution()) == "answer = 42"
    source = 'app = yaml.safe_load(Path("x").read_text())\napply(app)'
    shown = str(Exercise("98.2", "", source, (), "", False, lambda look: correct("")).solution())
    assert shown.splitlines()[:4] == [
        "from pathlib import Path",
        "import yaml",
        "from oamkit import apply",
        "",
    ]


def test_one_that_there_isn_t_is_an_error_that_lists_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"There is: 06\.1"):
        find("06.77")
    with pytest.raises(InputError, match="none in this lesson"):
        find("97.1")
    with pytest.raises(InputError, match=r"such as 07\.1"):
        exercise("7", title="", solution="", wrong=(Wrong("", "", ""),))
