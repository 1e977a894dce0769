"""How a trait's patch gets into a workload."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.errors import RenderError
from oamkit.oam.cuetext import outline
from oamkit.oam.patching import Rules, patched

BASE = {
    "spec": {
        "replicas": 1,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "args": ["a", "b"],
        "containers": [
            {"name": "web", "image": "a", "env": [{"name": "A", "value": "1"}]},
            {"name": "log", "image": "b"},
        ],
    }
}


def put(patch: Any, template: str = "") -> Any:
    return patched(BASE, {"spec": patch}, Rules.of(outline(template).markers))["spec"]


def test_new_fields_are_added_and_equal_ones_stay() -> None:
    before = str(BASE)
    assert put({"replicas": 1, "paused": True})["paused"] is True
    assert put({"strategy": {"x": 1}})["strategy"]["x"] == 1
    assert put({"args": ["a", "b"]})["args"] == ["a", "b"]
    assert str(BASE) == before


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"replicas": 3}, "the patch sets spec.replicas to 3, but the workload has 1"),
        ({"replicas": True}, "spec.replicas"),
        ({"strategy": "x"}, 'spec.strategy to "x", but the workload has an object'),
        ({"args": ["a"]}, "the patch has 1 elements for spec.args, the workload has 2"),
        ({"args": ["a", "c"]}, r"spec.args\[1\]"),
    ],
)
def test_a_contradiction_is_an_error_that_says_how_to_let_the_patch_win(
    patch: Any, message: str
) -> None:
    with pytest.raises(RenderError, match=message) as caught:
        put(patch)
    assert "+patch" in caught.value.hint


def test_a_strategy_lets_the_patch_win() -> None:
    for strategy in ("retainKeys", "replace"):
        template = f"patch: spec: {{\n// +patchStrategy={strategy}\nstrategy: {{}}\n}}"
        assert put({"strategy": {"type": "Recreate"}}, template)["strategy"] == {"type": "Recreate"}
        template = f"patch: spec: {{\n// +patchStrategy={strategy}\nreplicas: 3\n}}"
        assert put({"replicas": 3}, template)["replicas"] == 3
        with pytest.raises(RenderError):
            put({"replicas": 3, "args": []}, template)


def test_lists_are_merged_by_their_key_at_any_depth() -> None:
    template = """patch: spec: {
	// +patchKey=name
	containers: [{
		name: "web"
		// +patchKey=name
		env: [{name: "B"}]
	}]
}"""
    found = put(
        {
            "containers": [
                {"name": "side", "image": "c"},
                {"name": "web", "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
            ]
        },
        template,
    )["containers"]
    assert [each["name"] for each in found] == ["web", "log", "side"]
    assert found[0] == {
        "name": "web",
        "image": "a",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }
    with pytest.raises(RenderError, match=r"spec\.containers\[web\]\.image"):
        put({"containers": [{"name": "web", "image": "other"}]}, template)
    with pytest.raises(RenderError, match="has no name, its patchKey"):
        put({"containers": [{"image": "other"}]}, template)


@pytest.mark.parametrize(
    "marker",
    [
        "patchStrategy=jsonPatch",
        "patchStrategy=jsonMergePatch",
        "patchStrategy=open",
        "patchKey=name,port",
    ],
)
def test_markers_that_are_not_supported_are_refused_by_name(marker: str) -> None:
    with pytest.raises(RenderError, match=rf"line 1 of the template: \+{marker} isn't supported"):
        Rules.of(outline(f"// +{marker}\npatch: x: 1").markers)


def test_other_comments_mean_nothing() -> None:
    assert Rules.of(outline("// +usage=Which image\n// +short=i\na: 1").markers) == Rules()
