"""Where the kit's own files are: notebooks, demo, chart, scripts."""

from __future__ import annotations

import os
from pathlib import Path

from oamkit.errors import InputError

__all__ = ["root"]

MARKS = ("notebooks", "flask-demo", "charts")
"""The folders by which the kit's checkout is known."""


def root() -> Path:
    """Return the folder of the kit's checkout.

    It is ``OAMKIT_ROOT`` if that is set, or else the nearest folder at or above the working folder that holds the course, or else
    the checkout that this package is installed from.

    Raises:
        InputError: There is none.
    """
    named = os.environ.get("OAMKIT_ROOT")
    here = Path.cwd()
    candidates = [Path(named)] if named else [here, *here.parents, Path(__file__).parents[2]]
    for folder in candidates:
        if all((folder / mark).is_dir() for mark in MARKS):
            return folder.resolve()
    raise InputError(
        f"the course's files ({', '.join(MARKS)}) are neither in {candidates[0]} nor above it",
        hint="Go into the folder that you cloned, or name it in OAMKIT_ROOT.",
        code="no-course",
    )
