"""A lesson made from the template runs, passes the tests that every lesson must pass, and its exercises do what they must."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.notebooks, pytest.mark.timeout(240)]

EXERCISES = """
from oamkit.lesson import sources
from oamkit.lesson.exercising import of_lesson

there = of_lesson("98")
assert len(there) == 4, there
for each in there:
    assert not each.check().passed
    for wrong in each.wrong:
        verdict = each.check(sources.execute(wrong.source)["answer"])
        assert verdict.outcome == "incorrect", (each.number, wrong.name, verdict)
        assert wrong.hint in str(each.hint()), (each.number, wrong.name, str(each.hint()))
    assert each.check(sources.execute(each.solved_by)["answer"]).passed, each.number
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a lesson needs, with a new lesson in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("oamkit", "notebooks", "flask-demo", "charts", "scripts", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    run(copy, "scripts/new_lesson.py", "98", "practise", "Practise what you know")
    return copy


def run(copy: Path, *argv: str) -> str:
    env = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "OAMKIT_HOME": str(copy / "home"),
        "OAMKIT_PROVIDER": "sandbox",
    }
    done = subprocess.run(
        [sys.executable, *argv], cwd=copy, env=env, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_it_passes_what_every_notebook_must_pass(checkout: Path) -> None:
    shown = run(
        checkout,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "98",
        "tests/notebooks",
        "tests/exercises/test_exercises.py",
    )
    assert " passed" in shown
    assert "failed" not in shown


def test_it_runs(checkout: Path) -> None:
    shown = run(checkout, "-m", "oamkit.cli", "run", "98")
    assert "Practise what you know" in shown
    assert "passed" in shown


def test_its_exercises_tell_right_from_wrong(checkout: Path) -> None:
    run(checkout, "-c", EXERCISES)


def test_it_takes_no_number_that_is_taken_and_no_name_that_is_none(checkout: Path) -> None:
    for argv, why in (
        (("06", "again", "Again"), "There is a lesson 06 already"),
        (("7", "x", "X"), "two digits"),
        (("97", "No Spaces", "X"), "lower case"),
    ):
        done = subprocess.run(
            [sys.executable, "scripts/new_lesson.py", *argv],
            cwd=checkout,
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0
        assert why in done.stderr
