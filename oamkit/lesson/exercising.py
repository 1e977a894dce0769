"""Exercises: a task in words stands in the notebook, its check here.

A module for each lesson, ``oamkit/lesson/exercises/lNN.py``, holds a function for each exercise::

    from oamkit.lesson.exercising import Look, Verdict, Wrong, correct, exercise, incorrect, not_attempted

    @exercise(
        "07.1",
        title="Two Pods, by the operator",
        solution="…Python that solves it, with oamkit's public names…",
        wrong=(Wrong("by hand", "kubectl('scale', 'deployment/web', '--replicas=2')", hint="overwrites"),),
    )
    def two_pods(look: Look) -> Verdict: ...

The function reads the cluster (and the learner's answer, if it has a second parameter), changes nothing, and returns a verdict with
hints that say what is seen. In CI each exercise is run unsolved, with its wrong answers, and with its solution.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oamkit import show
from oamkit.errors import InputError, OamKitError
from oamkit.lesson import progress, sources
from oamkit.lesson.look import Look
from oamkit.lesson.verdict import (
    Outcome,
    Verdict,
    cannot_check,
    correct,
    incorrect,
    not_attempted,
)
from oamkit.show import Line, Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "Exercise",
    "Hint",
    "Look",
    "Outcome",
    "Solution",
    "Verdict",
    "Wrong",
    "all_exercises",
    "cannot_check",
    "correct",
    "exercise",
    "find",
    "incorrect",
    "last_answer",
    "not_attempted",
    "of_lesson",
]

PATIENCE = 15.0
"""Seconds for which a check goes on looking while what it sees still changes."""

QUIET, QUIET_UNSETTLED = 0.5, 5.0
"""Seconds without a change after which it believes what it sees: if controllers are done with it, and if they aren't."""

QUIET_TRIED = 2.0
"""Seconds instead of :data:`QUIET` where the cluster was tried: a new policy, or a route of the Ingress, counts a second or two later."""

SLOW = 1.5
"""The most seconds instead of :data:`QUIET` on a cluster so busy that looking takes long: so will acting."""

Examine = Callable[..., Verdict]
"""The check: from a :class:`Look`, and the answer if it wants one, to a verdict."""


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that learners give, and what must be said about it.

    Attributes:
        name: What it is, in a few words.
        source: Python that gives it.
        hint: A text that one of the hints for it must contain.
    """

    name: str
    source: str
    hint: str


@dataclass(frozen=True)
class Hint(Line):
    """One hint.

    Attributes:
        text: The hint, or why there is none.
        number: Which one it is, from 1; 0 if it isn't one.
        count: How many there are now.
    """

    text: str
    number: int = 0
    count: int = 0

    def line(self) -> str:
        """Say it."""
        if not self.number:
            return self.text
        return f"Hint {self.number} of {self.count}: {self.text}"


@dataclass(frozen=True)
class Solution(Rendered):
    """A solution's Python, ready to be copied into a cell.

    Attributes:
        source: The code.
    """

    source: str

    def __str__(self) -> str:
        return self.source

    def __rich__(self) -> RenderableType:
        from rich.syntax import Syntax

        return Syntax(self.source, "python", theme="ansi_dark", background_color="default")

    def to_html(self) -> str:
        """Return it as a block of code."""
        return show.Text(self.source).to_html()


@dataclass(frozen=True)
class Exercise(Line):
    """A task that the learner's own cluster is checked for. :func:`find` returns it.

    Attributes:
        number: E.g. ``"07.1"``.
        title: What it is about.
        solved_by: Python that solves it.
        wrong: Wrong answers that CI tries.
        start: Python that brings the state in which it begins; ``""`` if the lesson's own start is enough.
        bonus: Whether it goes beyond the lesson.
        examine: The check.
    """

    number: str
    title: str
    solved_by: str
    wrong: tuple[Wrong, ...]
    start: str
    bonus: bool
    examine: Examine = field(repr=False, compare=False)

    @property
    def lesson(self) -> str:
        """The lesson's number."""
        return self.number.partition(".")[0]

    def line(self) -> str:
        """Say which it is, and how it stands."""
        stands = progress.load().outcome(self.number)
        if self.bonus:
            return f"Bonus exercise {self.number}: {self.title} ({stands})"
        return f"Exercise {self.number}: {self.title} ({stands})"

    def check(self, answer: object = None, *, patience: float = PATIENCE) -> Verdict:
        """Look whether it is solved, and remember how it stands. Nothing is changed in the cluster, and nothing raised.

        Args:
            answer: The answer, where the exercise asks for one.
            patience: Seconds for which to go on looking while the cluster is still at work.
        """
        _answers[self.number] = answer
        verdict = self._look(answer, patience)
        progress.record(self.number, verdict.outcome)
        return verdict

    def hint(self, number: int = 1) -> Hint:
        """Give a hint that fits what the cluster looks like now.

        Args:
            number: The first one is the vaguest.
        """
        verdict = self._look(_answers.get(self.number), 0)
        if verdict.passed:
            return Hint("No hint is needed: it is solved.")
        if verdict.outcome is Outcome.CANNOT_CHECK and not verdict.hints:
            return Hint(verdict.message)
        hints = verdict.hints or (verdict.message,)
        if number > len(hints):
            return Hint(
                "There is no further hint for what is seen now. "
                f'lesson.exercise("{self.number}").solution() shows how it can be done.'
            )
        chosen = max(1, number)
        return Hint(hints[chosen - 1], chosen, len(hints))

    def solution(self) -> Solution:
        """Show one way to solve it."""
        return Solution(sources.with_imports(self.solved_by))

    def prepare(self) -> None:
        """Bring the state in which it begins, for whoever comes to it without the lesson's cells above it.

        Raises:
            OamKitError: That can't be done.
        """
        sources.execute(self.start)

    def _look(self, answer: object, patience: float) -> Verdict:
        """Examine until it is correct, or what is seen no longer changes."""
        begin = changed = time.monotonic()
        before = None
        while True:
            look, asked = Look(), time.monotonic()
            verdict = self._examine(look, answer)
            now = time.monotonic()
            if look.state != before:
                before, changed = look.state, now
            done = verdict.passed or not look.state or now - changed >= _quiet(look, now - asked)
            if done or now - begin >= patience:
                return replace(verdict, number=self.number)
            time.sleep(0.2)

    def _examine(self, look: Look, answer: object) -> Verdict:
        given = None if answer is Ellipsis else answer
        wants = len(inspect.signature(self.examine).parameters) > 1
        try:
            return self.examine(look, given) if wants else self.examine(look)
        except OamKitError as error:
            return cannot_check(error.message, *filter(None, [error.hint]))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # What a learner gives as an answer, or makes of an object, can be anything.
            return cannot_check(f"The check doesn't understand what it sees: {error!r}.")


def _quiet(look: Look, seconds: float) -> float:
    """How long a look that took some seconds must show the same to be believed."""
    if not look.settled:
        return QUIET_UNSETTLED
    return QUIET_TRIED if look.tried else min(SLOW, max(QUIET, 20 * seconds))


_answers: dict[str, object] = {}
"""The answer that was last given to each exercise, so that hints fit it."""

_registry: dict[str, Exercise] = {}

_NUMBER = re.compile(r"\d\d\.[1-9]\d?")


def exercise(
    number: str,
    *,
    title: str,
    solution: str,
    wrong: tuple[Wrong, ...],
    prepare: str = "",
    bonus: bool = False,
) -> Callable[[Examine], Examine]:
    """Register a function as an exercise's check; see the module's docstring.

    Args:
        number: E.g. ``"07.1"``.
        title: What it is about, in a few words.
        solution: Python that solves it, run with oamkit's public names. Where the exercise asks for an answer, it sets ``answer``.
        wrong: At least one wrong answer, each with the hint that it must get.
        prepare: Python that brings the state in which it begins, from the lesson's start.
        bonus: Whether it goes beyond the lesson.
    """
    if not _NUMBER.fullmatch(number):
        raise InputError(f"expected a number such as 07.1, got {number!r}", field="number")
    if not wrong:
        raise InputError("expected at least one wrong answer", field=number)

    def register(examine: Examine) -> Examine:
        known = _registry.get(number)
        if known is not None and known.examine.__module__ != examine.__module__:
            raise InputError("there are two exercises of this number", field=number)
        texts = solution.strip(), wrong, prepare.strip()
        _registry[number] = Exercise(number, title, *texts, bonus=bonus, examine=examine)
        return examine

    return register


def find(number: str) -> Exercise:
    """Return an exercise, to check it or to get help.

    Args:
        number: E.g. ``"07.1"``.

    Raises:
        InputError: There is no such exercise.

    Example::

        lesson.exercise("07.1").check()
        lesson.exercise("07.1").hint()      # .hint(2) says more
        lesson.exercise("07.1").solution()
    """
    there = of_lesson(number.partition(".")[0])
    for each in there:
        if each.number == number:
            return each
    names = ", ".join(each.number for each in there) or "none in this lesson"
    raise InputError(f"there is no exercise {number!r}", field="number", hint=f"There is: {names}.")


def last_answer(number: str) -> object:
    """Return the answer that a learner gave to an exercise last; ``None`` if none was given."""
    return _answers.get(number)


def of_lesson(lesson: str) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson, in their order; none if it has none.

    Args:
        lesson: The lesson's number, e.g. ``"07"``.
    """
    if lesson in _lessons():
        import_module(f"oamkit.lesson.exercises.l{lesson}")
    found = [each for each in _registry.values() if each.lesson == lesson]
    return tuple(sorted(found, key=_order))


def all_exercises() -> tuple[Exercise, ...]:
    """Return all exercises of the course, in their order."""
    return tuple(each for lesson in _lessons() for each in of_lesson(lesson))


def _order(each: Exercise) -> int:
    return int(each.number.partition(".")[2])


def _lessons() -> list[str]:
    """The numbers of the lessons that have exercises."""
    from oamkit.lesson import exercises

    names: list[Any] = [module.name for module in pkgutil.iter_modules(exercises.__path__)]
    return sorted(name[1:] for name in names if re.fullmatch(r"l\d\d", name))
