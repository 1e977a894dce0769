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


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ('spec.containers[name="web"].imgae', 0),
        ('spec.containers[name="a]b."].imgae', 1),
        ('spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].nmae', 2),
    ],
)
def test_items_of_lists_are_found_by_their_keys(path: str, left: int) -> None:
    port = {"containerPort": 80, "nmae": "http"}  # its protocol is the default
    web = {"name": "web", "imgae": "x", "ports": [{"containerPort": 81}, port]}
    other = {"name": "a]b.", "imgae": "y"}
    pruned = without({"spec": {"containers": [web, other]}}, (path,))
    assert pruned is not None
    found, second = pruned["spec"]["containers"]
    gone = ["imgae" not in found, "imgae" not in second, "nmae" not in found["ports"][1]]
    assert gone == [index == left for index in range(3)]


def test_a_path_with_a_key_is_found_in_the_server_s_words() -> None:
    text = 'failed to create typed patch object (ns/a; apps/v1, Kind=Deployment): .spec.c[name="a b"].x: field not declared in schema'
    assert undeclared(text) == ('spec.c[name="a b"].x',)
