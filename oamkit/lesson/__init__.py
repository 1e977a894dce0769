"""What a lesson is made of: its start state, its pictures and its exercises.

A notebook begins with :func:`start`, uses :func:`flow` and :func:`layers` for its pictures, :func:`say` where it prints a sentence (it is
translated, like all that the kit says), and :func:`exercise` for its exercises.
"""

from __future__ import annotations

from oamkit.lesson.exercising import find as exercise
from oamkit.lesson.figures import Figure, flow, layers
from oamkit.lesson.git import git
from oamkit.lesson.operators import Operator, operator
from oamkit.lesson.overview import reset
from oamkit.lesson.people import Person, person, rights
from oamkit.lesson.start import Started, start
from oamkit.show import say

__all__ = [
    "Figure",
    "Operator",
    "Person",
    "Started",
    "exercise",
    "flow",
    "git",
    "layers",
    "operator",
    "person",
    "reset",
    "rights",
    "say",
    "start",
]
