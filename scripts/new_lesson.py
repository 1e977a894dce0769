"""Begin a lesson: ``.venv/bin/python scripts/new_lesson.py 14 backup "Keep a copy"``.

Makes the notebook and its exercises from ``scripts/lesson_template/``. Both run and pass all tests as they are; then they are yours.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).resolve().parent / "lesson_template"


def instantiate(number: str, slug: str, title: str, root: Path = ROOT) -> list[Path]:
    """Make a lesson's files.

    Args:
        number: Two digits that no lesson has yet.
        slug: Its name in file names, e.g. ``"backup"``.
        title: Its heading.
        root: The checkout.

    Returns:
        The files.
    """
    if not re.fullmatch(r"\d\d", number):
        raise SystemExit(f"The number must have two digits, such as 14; it is {number!r}.")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise SystemExit(f"The name must be lower case, such as rolling-update; it is {slug!r}.")
    there = list((root / "notebooks" / "en").glob(f"{number}-*.ipynb"))
    if there:
        raise SystemExit(f"There is a lesson {number} already: {there[0].name}.")
    notebook = root / "notebooks" / "en" / f"{number}-{slug}.ipynb"
    exercises = root / "oamkit" / "lesson" / "exercises" / f"l{number}.py"
    for source, target in (("lesson.ipynb", notebook), ("exercises.py", exercises)):
        text = (TEMPLATE / source).read_text(encoding="utf-8")
        filled = text.replace("98", number).replace("A title that says what one can do", title)
        target.write_text(filled, encoding="utf-8")
    return [notebook, exercises]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Begin a lesson from the template.")
    parser.add_argument("number", help='two digits, e.g. "14"')
    parser.add_argument("slug", help='its name in file names, e.g. "backup"')
    parser.add_argument("title", help='its heading, e.g. "Keep a copy"')
    given = parser.parse_args()
    for file in instantiate(given.number, given.slug, given.title):
        print(file.relative_to(ROOT))
    print("Say in oamkit/lesson/lessons.py what it needs, then read docs/writing-a-lesson.md.")


if __name__ == "__main__":
    sys.exit(main())
