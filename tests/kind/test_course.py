"""The whole course on real containers, run once by papermill: whatever notebooks there are."""

from __future__ import annotations

from pathlib import Path

from support.kind.place import KindPlace

from oamkit.course.runner import run_course
from oamkit.lesson.lessons import find, folder


def test_every_lesson_runs_on_kind_and_nothing_is_left(place: KindPlace, tmp_path: Path) -> None:
    course = run_course(provider="kind", output=tmp_path)
    assert course.passed, course.lessons[-1].failure
    assert [result.lesson.number for result in course.lessons] == [
        lesson.number for lesson in find((), folder())
    ]
    assert "Hello World from Flask" in [result.answer for result in course.lessons]
    assert "Hello World from Flask" in course.report.read_text()
    place.provider().delete()
    assert place.containers() == []
    if place.engine is not None:
        assert place.left() == {"containers": [], "networks": [], "volumes": []}
