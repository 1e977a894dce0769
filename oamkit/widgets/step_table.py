"""A lesson's exercises and how they stand, as a table."""

from __future__ import annotations

from oamkit.languages import translate
from oamkit.lesson import exercising, progress
from oamkit.show import Table

__all__ = ["step_table"]


def step_table(lesson: str) -> Table:
    """Return the exercises of a lesson.

    Args:
        lesson: E.g. ``"07"``.
    """
    done = progress.load()
    return Table(
        ("EXERCISE", "TITLE", "STATE"),
        tuple(
            (
                each.number,
                f"{translate(each.title)} ({translate('bonus')})" if each.bonus else each.title,
                str(done.outcome(each.number)),
            )
            for each in exercising.of_lesson(lesson)
        ),
        empty="This lesson has no exercises yet.",
    )
