"""What single lessons want beyond what :mod:`oamkit.lesson.lessons` says that they need.

A function is called at the end of the lesson's start, in a cluster that has all that the lesson needs, and must be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["EXTRAS"]

EXTRAS: Mapping[str, Callable[[], None]] = {}
"""From a lesson's number to what brings the rest of its start state."""
