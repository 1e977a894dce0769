"""Fields that a kind doesn't have are found in the server's words, and left out."""

from __future__ import annotations

import pytest

from oamkit.oam.pruning import undeclared, without

OBJECT = {"metadata": {"name": "a"}, "spec": {"key": "x", "foo": 1, "list": [{"a": 1, "b": 2}]}}


def test_11_1_e11_all_paths_of_one_message_are_found() -> None:
    text = (
        "failed to create typed patch object (ns/a; v1, Kind=Bar): errors:\n"
        "  .spec.foo: field not declared in schema\n  .spec.list[0].b: field not declared in schema"
    )
    assert undeclared(text) == ("spec.foo", "spec.list[0].b")
    assert undeclared("admission webhook denied the request: spec.foo") == ()


def test_11_1_e11_what_is_left_out_leaves_all_else_and_the_original_alone() -> None:
    pruned = without(OBJECT, ("spec.foo", "spec.list[0].b"))
    assert pruned == {"metadata": {"name": "a"}, "spec": {"key": "x", "list": [{"a": 1}]}}
    assert "foo" in OBJECT["spec"]


@pytest.mark.parametrize("path", ["spec.none", "none.foo", "spec.list[5].a", 'spec.list[name="x"].b', "spec[", "spec.list[0]"])  # fmt: skip
def test_11_1_e11_a_path_that_leads_nowhere_gives_nothing(path: str) -> None:
    assert without(OBJECT, (path,)) is None
