"""What an exercise says about a learner's work: one of four outcomes, in words, and hints that were computed with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from oamkit import show
from oamkit.languages import message, translate
from oamkit.show import Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "Outcome",
    "Verdict",
    "cannot_check",
    "correct",
    "incorrect",
    "not_attempted",
]


class Outcome(StrEnum):
    """How an exercise stands."""

    CORRECT = message("correct")
    INCORRECT = message("incorrect")
    NOT_ATTEMPTED = "not attempted"
    CANNOT_CHECK = "cannot be checked"


_TITLES = {
    Outcome.CORRECT: "Correct.",
    Outcome.INCORRECT: "Incorrect.",
    Outcome.NOT_ATTEMPTED: "Not attempted.",
    Outcome.CANNOT_CHECK: "Cannot be checked.",
}


@dataclass(frozen=True)
class Verdict(Rendered):
    """What is seen of an exercise.

    Attributes:
        outcome: One of four.
        message: What is seen, or why nothing can be.
        hints: What may help, from vague to plain; none contains the answer.
        number: The exercise's number, e.g. ``"07.1"``; ``""`` before the exercise has put it in.

    Example:
        >>> print(incorrect("The Deployment has 1 Pod.", "Who may set the number of Pods?"))
        Incorrect. The Deployment has 1 Pod.
    """

    outcome: Outcome
    message: str
    hints: tuple[str, ...] = ()
    number: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is correct."""
        return self.outcome is Outcome.CORRECT

    @property
    def title(self) -> str:
        """The outcome as a sentence."""
        return _TITLES[self.outcome]

    @property
    def _more(self) -> str:
        """How to get a hint; ``""`` where there is none to get."""
        return f'lesson.exercise("{self.number}").hint()' if self.hints and self.number else ""

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        title, message = translate(self.title), translate(self.message)
        gap = "" if title.endswith("。") else " "
        text = Text.assemble((title, show.style_of(self.outcome)), gap, message)
        if self._more:
            text.append("\n" + translate(f"{self._more} helps."), "dim")
        return text

    def to_html(self) -> str:
        """Return it as a status message, which a screen reader reads when it appears."""
        color = show.color_of(self.outcome)
        helps = escape(translate(f"{self._more} helps."))
        code = escape(self._more)
        more = f"<br><small>{helps.replace(code, f'<code>{code}</code>')}</small>" if code else ""
        body = escape(translate(self.message)).replace("\n", "<br>")
        return (
            f'<div role="status" style="border-left:4px solid {color};padding:0.2em 0.8em">'
            f'<strong style="color:{color}">{escape(translate(self.title))}</strong> {body}{more}</div>'
        )


def correct(message: str) -> Verdict:
    """Say that the exercise is solved, and what shows it."""
    return Verdict(Outcome.CORRECT, message)


def incorrect(message: str, *hints: str) -> Verdict:
    """Say what is seen instead of the solution.

    Args:
        message: What the cluster, or the answer, looks like now.
        *hints: What may help, from vague to plain; never the answer.
    """
    return Verdict(Outcome.INCORRECT, message, hints)


def not_attempted(message: str, *hints: str) -> Verdict:
    """Say that nothing was tried yet, and where to begin."""
    return Verdict(Outcome.NOT_ATTEMPTED, message, hints)


def cannot_check(message: str, *hints: str) -> Verdict:
    """Say why nothing can be said, e.g. because the cluster doesn't answer."""
    return Verdict(Outcome.CANNOT_CHECK, message, hints)
