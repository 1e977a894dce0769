"""Lessons on a cluster that the kit didn't make."""

from __future__ import annotations

from pathlib import Path

from support.kind.nodes import Nodes
from support.kind.place import NODES

from oamkit.course.runner import run_course


def test_lessons_run_on_it_and_leave_it_there(nodes: Nodes, tmp_path: Path) -> None:
    course = run_course(["05", "06"], provider="kubeconfig", output=tmp_path)
    assert course.passed, course.lessons[-1].failure
    assert course.lessons[-1].answer == "Hello World from Flask"
    assert len(nodes.place.containers(NODES)) == 3
