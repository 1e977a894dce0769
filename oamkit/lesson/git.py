"""Real git on a folder of a lesson, with the command shown as the learner would type it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from oamkit import show
from oamkit.cluster import active
from oamkit.errors import CommandError, MissingToolError
from oamkit.process import Completed

__all__ = ["git", "subjects"]

_AUTHOR = {"NAME": "A learner", "EMAIL": "learner@shop.example"}


def git(folder: Path | str, *arguments: str, timeout: float = 30.0) -> show.Text:
    """Run git in a folder, and show the command. Neither the user's settings nor a repository around the folder take part.

    Args:
        folder: The repository.
        *arguments: What comes after ``git``, a word each.
        timeout: Seconds.

    Returns:
        What it printed.

    Raises:
        CommandError: It ended with an error.
        MissingToolError: There is no git on this machine.

    Example::

        git("build/lesson-12/config", "log", "--oneline")
    """
    show.command(["git", *arguments])
    done = _run(Path(folder), arguments, timeout)
    return show.Text(done.stdout + done.stderr)


def subjects(folder: Path | str) -> list[str]:
    """Return the first lines of a repository's commits, the newest first; none if there is no repository."""
    try:
        return _run(Path(folder), ("log", "--format=%s"), 30.0).stdout.splitlines()
    except (CommandError, FileNotFoundError):
        return []


def _run(place: Path, arguments: Sequence[str], timeout: float) -> Completed:
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(place.resolve().parent),
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _AUTHOR.items()},
    }  # fmt: skip
    argv = ["git", "-c", "init.defaultBranch=main", "-c", "advice.detachedHead=false", *arguments]
    try:
        return active.runner().run(argv, timeout=timeout, env=environ, cwd=place)
    except CommandError as error:
        raise error.told(argv=["git", *arguments]) from error
    except MissingToolError as error:
        raise MissingToolError(
            "The program git isn't there.", hint="Debian, Ubuntu: apt install git."
        ) from error
