"""The course: lessons, their start states, their pictures, and running them without a person.

A notebook begins with :func:`start` and uses :func:`flow` and :func:`layers` for its pictures; :mod:`oamkit.course.runner` runs
notebooks (``python -m oamkit.course``).
"""

from __future__ import annotations

from oamkit.course.figures import Figure, flow, layers
from oamkit.course.start import Started, start

__all__ = ["Figure", "Started", "flow", "layers", "start"]
