"""CUE's messages as objects."""

from __future__ import annotations

import pytest

from oamkit.cue import CueError, Place, Problem
from oamkit.cue.errors import parse

CASES = {
    'a."b-c"[0].#D._h: field not allowed:\n    ./x.cue:3:9\n': (
        'a."b-c"[0].#D._h', "field not allowed", ["x.cue:3:9"],
    ),
    "expected operand, found ':':\n    ./x.cue:1:2\n": ("", "expected operand, found ':'", ["x.cue:1:2"]),
    "a.b: structural cycle\n": ("a.b", "structural cycle", []),
    "m@v0: import failed: no package \"x: y\":\n    ./x.cue:2:8\n": (
        "", 'm@v0: import failed: no package "x: y"', ["x.cue:2:8"],
    ),
    "a: my own: words\n    ./x y.cue:5:6\n    /abs/z.cue:1:1\n": (
        "a", "my own: words", ["x y.cue:5:6", "/abs/z.cue:1:1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("stderr", CASES)
def test_a_message_is_taken_apart(stderr: str) -> None:
    (problem,) = parse(stderr)
    assert (problem.path, problem.message, [str(each) for each in problem.places]) == CASES[stderr]


def test_several_messages() -> None:
    assert [each.path for each in parse("".join(CASES))] == [path for path, _, _ in CASES.values()]
    assert list(parse("")) == []


def test_places_are_marked_below_their_lines() -> None:
    problem = Problem("too big", "a.n", (Place("x.cue", 12, 3, "\t\tn: 7"), Place("y.cue", 3, 1)))
    assert str(problem).splitlines() == [
        "a.n: too big", "  --> x.cue:12:3", "12 | \t\tn: 7", "   | \t\t^", "  --> y.cue:3:1",
    ]  # fmt: skip


def test_many_problems_are_not_all_shown_but_all_there() -> None:
    error = CueError([Problem(f"wrong {n}", "a") for n in range(50)])
    assert len(error.problems) == 50
    assert "and 30 more" in str(error)
    assert "wrong 49" not in str(error)
