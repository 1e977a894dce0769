"""CUE's messages as objects: what is wrong, at which path, and in which places of which files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from oamkit.errors import InputError

__all__ = ["CueError", "CueLimitError", "Place", "Problem", "parse"]

_PLACE = re.compile(r"\s+(?P<file>\S.*?):(?P<line>\d+):(?P<column>\d+)")
_PATH = re.compile(
    r'(?P<path>(?:"(?:[^"\\]|\\.)*"|[\w#$]+|\[[^\]]*\]|\.)+): (?P<rest>.*)', re.DOTALL
)
SHOWN = 20
"""How many problems an error shows; all of them are in its ``problems``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file.

    Attributes:
        file: As the caller named it.
        line: From 1.
        column: From 1.
        text: The line itself; ``""`` if the file isn't at hand.
    """

    file: str
    line: int
    column: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    r"""One thing that CUE found wrong.

    Attributes:
        message: CUE's own words.
        path: Of the value, e.g. ``"web.spec.replicas"``; ``""`` if it concerns the file as such.
        places: Where what contradicts each other is written.

    Example:
        >>> problem, = parse("web.n: invalid value 11 (out of bound <=10):\n    ./a.cue:3:23\n    ./a.cue:6:37\n")
        >>> problem.path, problem.message, str(problem.places[1])
        ('web.n', 'invalid value 11 (out of bound <=10)', 'a.cue:6:37')
    """

    message: str
    path: str = ""
    places: tuple[Place, ...] = ()

    @property
    def place(self) -> Place | None:
        """The first of its places."""
        return self.places[0] if self.places else None

    def __str__(self) -> str:
        """CUE's words, and below them each place with its line and a mark under the column."""
        width = max((len(str(place.line)) for place in self.places), default=0)
        lines = [f"{self.path}: {self.message}" if self.path else self.message]
        for place in self.places:
            lines.append(f"{'':{width}}--> {place}")
            if place.text:
                # Tabs stay tabs, so that the mark stands under the column whatever their width.
                lead = re.sub(r"[^\t]", " ", place.text[: place.column - 1])
                lines.append(f"{place.line:>{width}} | {place.text}")
                lines.append(f"{'':{width}} | {lead}^")
        return "\n".join(lines)


class CueError(InputError):
    """CUE found something wrong.

    Args:
        problems: What it found, in its order.
        what: What was done, for the first line.
        hint: What to do next.

    Attributes:
        problems: As given.
    """

    default_code = "cue"

    def __init__(self, problems: Sequence[Problem] = (), *, what: str = "", hint: str = "") -> None:
        shown = "\n".join(str(problem) for problem in problems[:SHOWN])
        if len(problems) > SHOWN:
            shown += f"\n… and {len(problems) - SHOWN} more"
        super().__init__("\n".join(filter(None, (what, shown))), hint=hint, docs="cue.md")
        self.problems = tuple(problems)
        place = next((problem.place for problem in problems if problem.place), None)
        if place is not None:
            self.file, self.line, self.column = Path(place.file), place.line, place.column
        self.field = problems[0].path if problems else ""


class CueLimitError(CueError):
    """A call of CUE was stopped, because it took more than its :class:`~oamkit.cue.limits.Limits`."""

    default_code = "cue-limit"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(what=message, hint=hint)


def parse(stderr: str) -> Iterator[Problem]:
    """Yield the problems that CUE wrote to standard error.

    A problem is a line (or several) that isn't indented, followed by its places, each indented, on a line of its own.
    """
    head: list[str] = []
    places: list[Place] = []
    for line in stderr.splitlines():
        found = _PLACE.fullmatch(line)
        if found:
            file = found["file"].removeprefix("./")
            places.append(Place(file, int(found["line"]), int(found["column"])))
            continue
        if places or (head and not line.startswith((" ", "\t"))):
            yield _problem(head, places)
            head, places = [], []
        if line.strip():
            head.append(line)
    if head:
        yield _problem(head, places)


def _problem(head: list[str], places: list[Place]) -> Problem:
    text = "\n".join(head).strip().removesuffix(":")
    found = _PATH.fullmatch(text)
    if found:
        return Problem(found["rest"], found["path"], tuple(places))
    return Problem(text, "", tuple(places))
