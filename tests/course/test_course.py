"""The whole course, in a sandbox of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.html_pages import problems
from support.layers import lent_layers

from oamkit.course.book import write as write_book
from oamkit.course.runner import run_course
from oamkit.sandbox.lifecycle import Sandbox

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.notebooks,
    pytest.mark.timeout(1500),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture
def sandbox(home: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox()
    with lent_layers(home):
        yield sandbox
    sandbox.reset()


def test_lessons_run_alone_and_in_order(sandbox: Sandbox, tmp_path: Path) -> None:
    alone = run_course(["06"], provider="sandbox", output=tmp_path / "alone")
    assert alone.passed, alone.lessons[-1].failure
    assert alone.lessons[-1].answer == "Hello World from Flask"
    assert sandbox.status() is not None  # later lessons use it

    course = run_course(provider="sandbox", output=tmp_path / "course")
    assert course.passed, course.lessons[-1].failure
    assert [result.lesson.number for result in course.lessons][:7] == [f"0{n}" for n in range(7)]
    assert sandbox.status() is None  # lesson 99 has deleted it
    report = course.report.read_text()
    assert "Hello World from Flask" in report
    assert report.count('class="passed"') == len(course.lessons)

    book = write_book(tmp_path / "course", tmp_path / "book")
    assert problems(tmp_path / "book") == []
    assert "en" in book.languages
    assert len(list((tmp_path / "book" / "en").glob("*.html"))) == len(course.lessons) + 2
