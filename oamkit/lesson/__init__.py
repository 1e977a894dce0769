"""What a lesson is made of: its start state and its pictures.

A notebook begins with :func:`start` and uses :func:`flow` and :func:`layers` for its pictures.
"""

from __future__ import annotations

from oamkit.lesson.figures import Figure, flow, layers
from oamkit.lesson.start import Started, start

__all__ = ["Figure", "Started", "flow", "layers", "start"]
