"""Contract 3.5 and 3.6: names of workloads and traits; 11.4 (19)–(25), (52), (77)."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.errors import RenderError
from oamkit.oam import TypedReference, naming
from oamkit.oam.world import definition_key

WEB = TypedReference("apps/v1", "Deployment", "web")


@pytest.mark.parametrize(
    ("trait", "digest"),
    [
        ({}, "67b8949f8d"),
        (
            {
                "kind": "ManualScalerTrait",
                "apiVersion": "core.oam.dev/v1alpha2",
                "spec": {"replicaCount": 3},
            },
            "545647b965",
        ),
        (
            {
                "apiVersion": "extend.oam.dev/v1alpha2",
                "kind": "SimpleRolloutTrait",
                "spec": {"replica": 6, "maxUnavailable": 2, "batch": 2},
            },
            "bbc946f94",
        ),
    ],
    ids=["nothing", "scaler", "rollout"],
)
def test_11_4_77_hashes_equal_the_checked_vectors(trait: dict[str, Any], digest: str) -> None:
    assert naming.trait_hash(trait) == digest


def test_3_6_hash_depends_on_passed_data_and_copes_with_any_text() -> None:
    trait = {"kind": "Foo", "text": "<&>\u2028 ü \ud800"}
    plain = naming.trait_hash(trait)
    assert naming.trait_hash(trait, [{"name": "a"}]) != plain
    assert naming.trait_hash(trait, (), [{"toFieldPaths": ["a"]}]) != plain


@pytest.mark.parametrize(
    ("definition", "middle"),
    [
        ("manualscalertraits.core.oam.dev", "manualscalertraits"),
        pytest.param("scale", "scale", id="11_4_25"),
        ("Scale.example.com", "scale"),
        (".example.com", "trait"),
        (None, "dummy"),
    ],
)
def test_3_6_generated_names_carry_the_definition(definition: str | None, middle: str) -> None:
    assert naming.generated_trait_name("comp", definition, "hash") == f"comp-{middle}-hash"


@pytest.mark.parametrize(
    ("generated", "recorded", "taken", "expected"),
    [
        (["new"], ["old"], [], ["old"]),
        (["new"], [""], [], ["new"]),
        (["new"], [], [], ["new"]),
        (["a", "b"], ["a", "b"], [], ["a", "b"]),
        (["a2", "b"], ["a", "b"], [], ["a", "b"]),
        (["a", "b2"], ["a", "b"], [], ["a", "b"]),
        (["b", "a"], ["a", "b"], [], ["b", "a"]),
        (["c", "a", "b"], ["a", "b"], [], ["c", "a", "b"]),
        (["b"], ["a", "b"], [], ["b"]),
        (["a"], ["given"], ["given"], ["a"]),
        (["a", "a"], [], [], ["a", "a-2"]),
        (["a", "a"], ["a", "a-2"], [], ["a", "a-2"]),
        (["a"], [], ["a"], ["a-2"]),
    ],
    ids=[
        "11_4_23 an edited trait keeps its recorded name",
        "11_4_24 a blank record is no name",
        "11_4_19 nothing recorded",
        "nothing changed",
        "14(11) first edited",
        "14(11) second edited",
        "14(11) order swapped",
        "14(11) one put before",
        "14(11) first removed",
        "14(11) a named trait's name isn't taken over",
        "14(11) twins",
        "14(11) recorded twins",
        "14(11) another component's name",
    ],
)
def test_14_11_unnamed_traits_of_one_kind_keep_apart(
    generated: list[str], recorded: list[str], taken: list[str], expected: list[str]
) -> None:
    assert naming.trait_names(generated, recorded, taken) == expected


def name_workload(**changes: Any) -> str:
    return naming.workload_name(
        "web",
        **{
            "given": "",
            "revision_enabled": True,
            "latest_revision": "web-v2",
            "recorded": None,
            "recorded_revision": "",
            **changes,
        },
    )


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"given": "mine"}, "mine"),
        ({}, "web-v2"),
        ({"revision_enabled": False}, "web"),
        ({"recorded": WEB, "recorded_revision": "web-v2"}, "web"),
        ({"recorded": WEB, "recorded_revision": "web-v1"}, "web-v2"),
        ({"revision_enabled": False, "latest_revision": ""}, "web"),
    ],
    ids=[
        "11_4_21 given name kept",
        "11_4_21 new revision",
        "11_4_21 not enabled",
        "11_1_e12 running workload of this revision kept",
        "running workload of an older revision",
        "no revision needed",
    ],
)
def test_3_5_workload_names(changes: dict[str, Any], name: str) -> None:
    assert name_workload(**changes) == name


def test_3_5_a_revision_is_wanted_and_there_is_none() -> None:
    with pytest.raises(RenderError) as caught:
        name_workload(latest_revision="")
    assert caught.value.message == (
        'cannot get latest revision for component "web" while revision is enabled'
    )


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("web-v1", "web"),
        ("a-b-v3", "a-b"),
        ("web-v1-v12345678901", "web-v1"),
        ("web-v0", ""),
        ("web-prod", ""),
        ("-v1", ""),
        ("web", ""),
    ],
)
def test_11_4_52_revision_names_parse_back(name: str, component: str) -> None:
    assert naming.revision_component(name) == component


@pytest.mark.parametrize(
    ("plural", "api_version", "name"),
    [
        ("deployments", "apps/v1", "deployments.apps"),
        ("simplerollouttraits", "extend.oam.dev/v1alpha2", "simplerollouttraits.extend.oam.dev"),
        ("services", "v1", "services"),
    ],
)
def test_11_4_20_definition_names(plural: str, api_version: str, name: str) -> None:
    assert naming.definition_name(plural, api_version) == name


def test_11_4_81_a_trait_without_definition_is_called_dummy() -> None:
    assert naming.generated_trait_name("web", None, "67b8949f8d") == "web-dummy-67b8949f8d"


def test_11_4_82_definitions_are_cluster_scoped_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEFINITION_NAMESPACE", "elsewhere")
    assert definition_key("TraitDefinition", "scale").namespace == ""
