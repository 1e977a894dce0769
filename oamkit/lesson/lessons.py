"""Which lessons there are, where their notebooks stand, and what each needs before it begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oamkit.cluster import kit
from oamkit.errors import InputError
from oamkit.languages import LANGUAGES

__all__ = ["Lesson", "Need", "find", "folder", "needs"]


class Need(StrEnum):
    """What a lesson may build on, in the order in which it is made."""

    CLUSTER = "the cluster"
    IMAGE = "the app's image"
    RUNTIME = "the OAM runtime"


_ALL = tuple(Need)
_NEEDS = {
    "04": (Need.CLUSTER,),
    "05": (Need.CLUSTER, Need.IMAGE),
    "06": _ALL,
    "07": _ALL,
    "08": _ALL,
    "09": _ALL,
    "11": (Need.CLUSTER, Need.IMAGE),
    "12": _ALL,
    "13": _ALL,
    "99": _ALL,
}
"""What each lesson needs. The others need nothing: 00 to 03, where the cluster is made, and 10, which works with files."""

_NAME = re.compile(r"(?P<number>\d\d)-(?P<slug>[a-z0-9-]+)\.ipynb")


@dataclass(frozen=True)
class Lesson:
    """A lesson's notebook.

    Attributes:
        number: E.g. ``"06"``.
        slug: E.g. ``"deploy"``.
        path: Its file.
    """

    number: str
    slug: str
    path: Path

    @property
    def name(self) -> str:
        """E.g. ``"06-deploy"``."""
        return f"{self.number}-{self.slug}"


def needs(number: str) -> tuple[Need, ...]:
    """Return what must be there before a lesson begins.

    Args:
        number: The lesson's number.

    Example:
        >>> [str(need) for need in needs("05")]
        ['the cluster', "the app's image"]
    """
    return _NEEDS.get(number, ())


def folder(lang: str = "en", *, fall_back: bool = False) -> Path:
    """Return the folder of the notebooks in a language.

    Args:
        lang: ``"en"`` or ``"zh"``.
        fall_back: Whether the English ones will do where there are none in that language.

    Raises:
        InputError: The course isn't there, or not in that language.
    """
    if lang not in LANGUAGES:
        raise InputError(f"expected one of {', '.join(LANGUAGES)}, got {lang!r}", field="lang")
    found = kit.root() / "notebooks" / lang
    if fall_back and not found.is_dir():
        found = found.with_name("en")
    if not found.is_dir():
        raise InputError("there are no notebooks in this language yet", file=found, field="lang")
    return found


def find(wanted: Sequence[str], notebooks: Path) -> list[Lesson]:
    """Return lessons in their order.

    Args:
        wanted: Numbers or names, e.g. ``["03", "06-deploy"]``; all lessons if empty.
        notebooks: The folder of the notebooks.

    Raises:
        InputError: There is no such lesson.
    """
    lessons = [
        Lesson(match["number"], match["slug"], path)
        for path in sorted(notebooks.glob("*.ipynb"))
        if (match := _NAME.fullmatch(path.name))
    ]
    known = {key: lesson for lesson in lessons for key in (lesson.number, lesson.name)}
    if not wanted:
        return lessons
    keys = [each.zfill(2).removesuffix(".ipynb") for each in wanted]
    for key in keys:
        if key not in known:
            names = ", ".join(lesson.name for lesson in lessons) or "none"
            raise InputError(
                f"there is no lesson {key!r}", field="lessons", hint=f"There is: {names}."
            )
    chosen = {known[key] for key in keys}
    return [lesson for lesson in lessons if lesson in chosen]
