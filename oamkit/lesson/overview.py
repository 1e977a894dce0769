"""How far a learner is, lesson by lesson, for people to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit import languages
from oamkit.languages import message
from oamkit.lesson import lessons, progress
from oamkit.lesson.exercising import Exercise, of_lesson
from oamkit.lesson.lessons import Lesson
from oamkit.lesson.progress import Progress
from oamkit.lesson.verdict import Outcome
from oamkit.show import Line, Rendered, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["LessonProgress", "Overview", "Reset", "of", "of_one", "overview", "reset", "title"]


@dataclass(frozen=True)
class LessonProgress(Line):
    """How far a learner is in a lesson.

    Attributes:
        lesson: The lesson's number.
        title: Its heading, in the language that is spoken; ``""`` where only the number is known.
        solved: The exercises that are solved.
        left: Those that aren't, bonus ones aside.
        bonus: The bonus exercises that aren't.
        opened: When it was opened last, in ISO 8601; ``""`` if it never was.
    """

    lesson: str
    title: str
    solved: tuple[str, ...]
    left: tuple[str, ...]
    bonus: tuple[str, ...]
    opened: str = ""

    @property
    def done(self) -> bool:
        """Whether nothing is left to do in it but bonus exercises."""
        return bool(self.opened) and not self.left

    @property
    def state(self) -> str:
        """How it stands, in a word or two."""
        if self.done:
            return message("done")
        return message("begun") if self.opened or self.solved else message("not begun")

    @property
    def exercises(self) -> str:
        """How many are solved; ``""`` where there are none."""
        total = len(self.solved) + len(self.left) + len(self.bonus)
        return f"{len(self.solved)} of {total}" if total else ""

    def line(self) -> str:
        """Say it."""
        if not self.exercises:
            return "This lesson has no exercises."
        if self.left:
            return f"Exercises: {self.exercises} solved. Still to solve: {', '.join(self.left)}."
        if self.bonus:
            return f"Exercises: {self.exercises} solved. Left as a bonus: {', '.join(self.bonus)}."
        return f"Exercises: all {len(self.solved)} solved."


@dataclass(frozen=True)
class Overview(Rendered):
    """How far a learner is in the course.

    Attributes:
        lessons: One for each lesson that there is.
    """

    lessons: tuple[LessonProgress, ...]

    def _table(self) -> Table:
        rows = tuple(
            (each.lesson, each.title, each.state, each.exercises, each.opened[:10])
            for each in self.lessons
        )
        columns = ("LESSON", "TITLE", "STATE", "EXERCISES", "OPENED")
        return Table(columns, rows, empty="There are no lessons.")

    def __rich__(self) -> RenderableType:
        return self._table().__rich__()

    def to_html(self) -> str:
        """Return it as a table."""
        return self._table().to_html()


@dataclass(frozen=True)
class Reset(Line):
    """What was forgotten.

    Attributes:
        lesson: The lesson; ``""`` for all.
        exercises: How many exercises something was known of.
    """

    lesson: str
    exercises: int

    def line(self) -> str:
        """Say it."""
        if self.lesson:
            return (
                f"The progress in lesson {self.lesson} is forgotten ({self.exercises} exercises)."
            )
        return f"The progress in all lessons is forgotten ({self.exercises} exercises)."


def overview() -> Overview:
    """Return how far the learner is in each lesson."""
    known = progress.load()
    return Overview(tuple(of(lesson, known) for lesson in _find()))


def of_one(number: str) -> LessonProgress:
    """Return how far the learner is in the lesson of a number.

    Args:
        number: The lesson, e.g. ``"07"``.

    Raises:
        InputError: There is no such lesson.
    """
    return of(_find(number)[0])


def of(lesson: Lesson | str, known: Progress | None = None) -> LessonProgress:
    """Return how far the learner is in a lesson.

    Args:
        lesson: The lesson, or its number.
        known: What is known; what is on disk by default.
    """
    number, path = (lesson, None) if isinstance(lesson, str) else (lesson.number, lesson.path)
    known = progress.load() if known is None else known
    solved: list[str] = []
    left: list[Exercise] = []
    for each in of_lesson(number):
        if known.outcome(each.number) is Outcome.CORRECT:
            solved.append(each.number)
        else:
            left.append(each)
    return LessonProgress(
        number,
        title(path) if path else "",
        tuple(solved),
        tuple(each.number for each in left if not each.bonus),
        tuple(each.number for each in left if each.bonus),
        known.lessons.get(number, ""),
    )


def reset(number: str = "") -> Reset:
    """Forget how far the learner is in a lesson.

    Args:
        number: The lesson, e.g. ``"07"``; all lessons by default.

    Raises:
        InputError: There is no such lesson.
    """
    lesson = _find(number)[0].number if number else ""
    before = progress.reset(lesson)
    forgotten = [key for key in before.exercises if not lesson or key.partition(".")[0] == lesson]
    return Reset(lesson, len(forgotten))


def _find(*wanted: str) -> list[Lesson]:
    return lessons.find(wanted, lessons.folder(languages.current(), fall_back=True))


def title(notebook: Path) -> str:
    """Return a notebook's first heading; ``""`` if it has none."""
    for cell in json.loads(notebook.read_text(encoding="utf-8")).get("cells", []):
        for line in "".join(cell.get("source", "")).splitlines():
            if cell.get("cell_type") == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return ""
