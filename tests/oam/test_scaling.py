"""Scaling by ManualScalerTraits. Numbers in names are those of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.errors import OamKitError
from oamkit.oam import scaling

from .conftest import Facts, Make

TRAIT: dict[str, Any] = {
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "ManualScalerTrait",
    "metadata": {"name": "scaler", "namespace": "shop", "uid": "trait-uid"},
    "spec": {"replicaCount": 3},
}


def deployment(**fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "web-uid"},
        **fields,
    }


@pytest.mark.parametrize(
    "reference",
    [
        None,
        {"kind": "Deployment", "name": "web"},
        {"apiVersion": "apps/v1", "name": "web"},
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": ""},
    ],
)
def test_11_4_73_an_incomplete_workload_reference_is_none(reference: Any) -> None:
    with pytest.raises(OamKitError, match="no workload reference"):
        scaling.workload_of({"spec": {"workloadRef": reference}})


def test_11_4_74_children_are_of_the_declared_kinds_and_owned_by_the_workload() -> None:
    assert scaling.child_kinds(None) == ()
    assert scaling.child_kinds({"spec": {}}) == ()
    declared = [{"apiVersion": "apps/v1", "kind": "Deployment", "selector": {"a": "b"}}]
    (kind,) = scaling.child_kinds({"spec": {"childResourceKinds": declared}})
    assert (kind.api_version, kind.kind, kind.selector) == ("apps/v1", "Deployment", {"a": "b"})
    child = {"metadata": {"ownerReferences": [{"uid": "x"}, {"uid": "web-uid"}]}}
    assert scaling.is_child(child, deployment())
    assert not scaling.is_child({"metadata": {}}, deployment())


def test_11_4_75_the_type_label_names_the_definition_before_the_kind_does() -> None:
    assert scaling.workload_definition_name(deployment(), "deployments") == "deployments.apps"
    labelled = deployment()
    labelled["metadata"]["labels"] = {"workload.oam.dev/type": "web-service"}
    assert scaling.workload_definition_name(labelled, "deployments") == "web-service"


def crd(replicas: Any = None, **subresources: Any) -> dict[str, Any]:
    properties = {"spec": {"properties": {"replicas": replicas}}} if replicas else {}
    return {
        "spec": {
            "versions": [
                {"name": "v1alpha1"},
                {
                    "name": "v1",
                    "schema": {"openAPIV3Schema": {"properties": properties}},
                    "subresources": subresources,
                },
            ]
        }
    }


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        (crd({"type": "integer"}), "spec.replicas"),
        (crd({"type": "string"}), ""),
        (crd(scale={"specReplicasPath": ".spec.size"}), "spec.size"),
        (crd(), ""),
    ],
    ids=["declared", "another type", "scale subresource", "neither"],
)
def test_7_custom_kinds_are_scaled_where_their_definition_says(definition: Any, path: str) -> None:
    assert scaling.replicas_path(definition, "v1") == path
    assert scaling.replicas_path(definition, "v1alpha1") == ""


def test_7_scaling_sets_the_number_and_one_more_owner_of_this_very_object() -> None:
    live = deployment(spec={"replicas": 1})
    live["metadata"]["ownerReferences"] = [{"uid": "app-uid", "controller": True}]
    wanted = scaling.scaled(live, TRAIT, "spec.replicas")
    assert wanted["metadata"]["uid"] == "web-uid"
    (owner,) = wanted["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (
        "trait-uid",
        False,
        True,
    )
    assert wanted["spec"] == {"replicas": 3}
    live["spec"] = {"replicas": 3}
    assert not scaling.is_scaled(live, TRAIT, "spec.replicas")
    live["metadata"]["ownerReferences"].append(owner)
    assert scaling.is_scaled(live, TRAIT, "spec.replicas")
    assert not scaling.is_scaled({**live, "spec": {}}, TRAIT, "spec.replicas")


def test_7_the_trait_never_becomes_the_only_owner() -> None:
    wanted = scaling.scaled(deployment(spec={"replicas": 1}), TRAIT, "spec.replicas")
    assert "ownerReferences" not in wanted["metadata"]
    assert scaling.is_scaled(deployment(spec={"replicas": 3}), TRAIT, "spec.replicas")


def test_7_a_spec_that_is_no_object_is_told() -> None:
    with pytest.raises(OamKitError, match="spec is not an object"):
        scaling.scaled(deployment(spec=[]), TRAIT, "spec.replicas")


def test_7_a_number_in_the_template_gives_way_to_the_trait(facts: Facts, make: Make) -> None:
    plan = facts.render(make.app(make.entry("web", make.scaler(5))))
    assert plan.components[0].workload["spec"]["replicas"] == 5


def test_7_a_number_that_the_template_leaves_open_stays_open(facts: Facts, make: Make) -> None:
    bare = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}}
    facts.add(make.component(workload=bare))
    plan = facts.render(make.app(make.entry("web", make.scaler(5))))
    assert plan.components[0].workload["spec"] == {}
