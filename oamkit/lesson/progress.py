"""How far a learner is: what became of each exercise, and which lessons were opened. Kept on disk, per user.

The file is ``progress.json`` below :func:`oamkit.paths.data`, readable by its owner only. It is replaced as a whole, under a lock, so
that several notebooks can write at once, and one that can't be read is put aside rather than being in the way.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oamkit import paths, show
from oamkit.lesson.verdict import Outcome

__all__ = ["Attempt", "Progress", "load", "opened", "record", "reset"]

VERSION = 1
UNATTENDED = "OAMKIT_UNATTENDED"
"""The variable that says that nobody sits at the notebook, so that nothing is remembered: ``oamkit course`` sets it."""


@dataclass(frozen=True)
class Attempt:
    """What became of an exercise.

    Attributes:
        outcome: How it stood when it was checked last.
        checks: How often it was checked.
        solved: When it was correct first; ``""`` if it never was.
    """

    outcome: Outcome
    checks: int = 1
    solved: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a learner is.

    Attributes:
        exercises: From an exercise's number to what became of it.
        lessons: From a lesson's number to when it was opened last.
    """

    exercises: Mapping[str, Attempt] = field(default_factory=dict)
    lessons: Mapping[str, str] = field(default_factory=dict)

    def outcome(self, number: str) -> Outcome:
        """Return how an exercise stands: what was solved once stays solved, whatever became of the cluster."""
        attempt = self.exercises.get(number)
        if attempt is None:
            return Outcome.NOT_ATTEMPTED
        return Outcome.CORRECT if attempt.solved else attempt.outcome


def load() -> Progress:
    """Return what is on disk; nothing if there is nothing, or nothing that can be read."""
    try:
        return _parse(json.loads(_file().read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Progress()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        with contextlib.suppress(OSError):  # kept, for whoever wants to look
            _file().replace(_file().with_suffix(".unreadable"))
        return Progress()


def record(number: str, outcome: Outcome) -> None:
    """Remember how an exercise stands now. Where that can't be written, it is said, and nothing else is held up.

    Args:
        number: E.g. ``"07.1"``.
        outcome: What its check said.
    """

    def after(before: Progress) -> Progress:
        last = before.exercises.get(number)
        solved = last.solved if last else ""
        if outcome is Outcome.CORRECT and not solved:
            solved = _now()
        attempt = Attempt(outcome, (last.checks if last else 0) + 1, solved)
        return replace(before, exercises={**before.exercises, number: attempt})

    _remember(after)


def opened(lesson: str) -> None:
    """Remember that a lesson was opened now; as :func:`record` does it."""
    _remember(lambda before: replace(before, lessons={**before.lessons, lesson: _now()}))


def _remember(after: Callable[[Progress], Progress]) -> None:
    if os.environ.get(UNATTENDED):
        return
    try:
        with _locked():
            _write(after(load()))
    except OSError as error:
        show.say(f"Your progress can't be kept: {error.strerror}.")


def reset(lesson: str = "") -> Progress:
    """Forget what is known of a lesson; of all lessons if none is named. Returns what was known before."""
    with _locked():
        before = load()
        kept = Progress(
            {key: each for key, each in before.exercises.items() if not _is_of(key, lesson)},
            {key: each for key, each in before.lessons.items() if not _is_of(key, lesson)},
        )
        _write(kept)
    return before


def _is_of(key: str, lesson: str) -> bool:
    return not lesson or key.partition(".")[0] == lesson


def _file() -> Path:
    return paths.data() / "progress.json"


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    descriptor = os.open(paths.data() / "progress.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(progress: Progress) -> None:
    new = _file().with_suffix(".new")
    descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"version": VERSION, **asdict(progress)}, file, indent=1, sort_keys=True)
    new.replace(_file())


def _parse(document: dict[str, Any]) -> Progress:
    return Progress(
        exercises={
            str(number): Attempt(
                Outcome(each["outcome"]), int(each["checks"]), str(each.get("solved", ""))
            )
            for number, each in document["exercises"].items()
        },
        lessons={str(number): str(each) for number, each in document["lessons"].items()},
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
