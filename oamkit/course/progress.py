"""A line for each cell that runs."""

from __future__ import annotations

import time
from typing import Any

from oamkit import show
from oamkit.course.cells import heading, label
from oamkit.lesson.lessons import Lesson

__all__ = ["Progress"]


class Progress:
    """Says which cell runs, and for how long it ran. Its methods are nbclient's hooks.

    Args:
        lesson: The lesson.
        source: Its notebook.

    Attributes:
        title: The lesson's heading.
        takes_parameters: Whether it has a cell tagged ``parameters``.
        total: How many code cells are going to run.
        index: The index of the cell that runs, or ran last.
    """

    def __init__(self, lesson: Lesson, source: Any) -> None:  # noqa: ANN401 - nbformat ships no types
        self.title = heading(source) or lesson.name
        code = [cell for cell in source.cells if cell.cell_type == "code"]
        # papermill puts a cell with the values after the one with this tag, or above all if there is none.
        self.takes_parameters = any("parameters" in cell.metadata.get("tags", []) for cell in code)
        self.total = len(code) + self.takes_parameters
        self.index = 0
        self._lesson = lesson
        self._number = 0
        self._began: float | None = None

    def starts(self, cell: Any, cell_index: int) -> None:  # noqa: ANN401 - see above
        """Say that a cell begins."""
        if cell.cell_type != "code":
            return
        self.index = cell_index
        self._number += 1
        self._began = time.monotonic()
        place = f"  {self._lesson.number}  {self._number:>2}/{self.total}"
        show.say(f"{place}  {label(cell):<64} ", end="")

    def executed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ANN401, ARG002 - nbclient's names
        """Say how long it took."""
        if execute_reply["content"].get("status") == "ok":
            self._end("dim")
        else:
            self.breaks()

    def breaks(self) -> None:
        """Say that it failed; once is enough."""
        self._end("red", failed=True)

    def _end(self, style: str, *, failed: bool = False) -> None:
        if self._began is not None:
            took = show.seconds(time.monotonic() - self._began)
            show.say(f"failed after {took}" if failed else took, style)
            self._began = None
