"""What the readers of instructions share."""

from __future__ import annotations

import posixpath

__all__ = ["InstructionError", "absolute"]


class InstructionError(ValueError):
    """An instruction that is wrong, or that can't be done here.

    Args:
        why: What is wrong, without a full stop.
        instead: What to do, without a full stop.
    """

    def __init__(self, why: str, instead: str = "correct it") -> None:
        super().__init__(why)
        self.why = why
        self.instead = instead


def absolute(path: str) -> str:
    """Return an absolute path without ``.``, ``..`` and double slashes, as POSIX's ``//`` isn't meant here."""
    return "/" + posixpath.normpath(path).lstrip("/")
