"""Revisions of Components. Numbers in names are those of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.errors import RenderError
from oamkit.oam import ApplicationConfiguration, revisions
from oamkit.oam.component import Component
from oamkit.oam.naming import revision_component, revision_name


def component(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "Component",
        "metadata": {
            "name": "comp1",
            "namespace": "shop",
            "uid": "comp-uid",
            "generation": 1,
            **metadata,
        },
        "spec": {"workload": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "1"}}},
    }


def numbered(*numbers: int, name: str = "comp1") -> list[dict[str, Any]]:
    return [{"metadata": {"name": revision_name(name, n)}, "revision": n} for n in numbers]


def test_11_4_49_a_revision_holds_the_whole_component_and_points_at_itself() -> None:
    made = revisions.revision_of(component(), 1)
    assert made["metadata"]["name"] == "comp1-v1"
    assert made["metadata"]["labels"] == {"controller.oam.dev/component": "comp1"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "Component",
        "name": "comp1",
        "uid": "comp-uid",
        "controller": True,
    }
    assert made["revision"] == 1
    assert made["data"]["spec"] == component()["spec"]
    assert made["data"]["status"] == {
        "latestRevision": {"name": "comp1-v1", "revision": 1},
        "observedGeneration": 1,
    }


def test_11_4_50_another_spec_differs_and_other_metadata_does_not() -> None:
    made = revisions.revision_of(component(), 1)
    assert revisions.holds_spec_of(made, component(labels={"team": "a"}))
    changed = component()
    changed["spec"] = {"workload": {"kind": "Deployment"}}
    assert not revisions.holds_spec_of(made, changed)


def test_4_a_component_is_recorded_when_its_status_knows_its_generation() -> None:
    new = component()
    assert not revisions.is_recorded(new)
    done = revisions.recorded(new, "comp1-v1", 1)
    assert revisions.is_recorded(done)
    assert not revisions.is_recorded({**done, "metadata": {**done["metadata"], "generation": 2}})


@pytest.mark.parametrize(
    ("latest", "status", "number"),
    [
        (None, {}, 0),
        (None, {"latestRevision": {"name": "comp1-v4", "revision": 4}}, 4),
        ({"revision": 5}, {"latestRevision": {"name": "comp1-v4", "revision": 4}}, 5),
    ],
    ids=["the first", "its revision is gone", "its revision is there"],
)
def test_4_numbers_go_on_from_the_last_one(latest: Any, status: Any, number: int) -> None:
    assert revisions.base_number({**component(), "status": status}, latest) == number


def test_11_4_51_54_the_oldest_over_the_limit_are_deleted_except_those_in_use() -> None:
    three = numbered(2, 10, 1)
    assert revisions.surplus(three, 3, ()) == []
    assert revisions.surplus(three, 2, ()) == ["comp1-v1"]
    assert revisions.surplus(three, 1, ()) == ["comp1-v1", "comp1-v2"]
    assert revisions.surplus(three, 2, {"comp1-v1"}) == []
    assert revisions.surplus(three, 1, {"comp1-v1"}) == ["comp1-v2"]


def test_11_4_54_names_of_other_components_in_use_keep_nothing() -> None:
    assert revisions.surplus(numbered(1, 2, 3), 2, {"other-v1", "other-v2"}) == ["comp1-v1"]


@pytest.mark.parametrize("name", ["web", "a-b", "a-v2", "v1"])
@pytest.mark.parametrize("number", [1, 10, 2**40])
def test_11_4_52_names_are_built_and_read_back(name: str, number: int) -> None:
    assert revision_component(revision_name(name, number)) == name


def test_11_4_53_only_pinned_revisions_are_in_use() -> None:
    app = ApplicationConfiguration.parse(
        {
            "metadata": {"name": "app"},
            "spec": {"components": [{"componentName": "web"}, {"revisionName": "comp1-v1"}]},
        }
    )
    assert revisions.pinned([app]) == {"comp1-v1"}


def test_11_4_78_the_component_comes_out_of_its_revision_as_it_was() -> None:
    made = revisions.revision_of(component(), 3)
    found = Component.parse(revisions.component_of(made))
    assert (found.name, found.latest_revision) == ("comp1", "comp1-v3")


@pytest.mark.parametrize("data", [None, [], "text", {"spec": []}])
def test_11_4_79_data_of_a_wrong_type_is_told_and_counts_as_another_spec(data: Any) -> None:
    odd = {"metadata": {"name": "comp1-v1"}, "data": data}
    with pytest.raises(RenderError, match="invalid type of revision comp1-v1"):
        revisions.component_of(odd)
    assert not revisions.holds_spec_of(odd, component())


def test_14_6_a_revision_belongs_to_the_component_of_its_uid_only() -> None:
    made = revisions.revision_of(component(), 1)
    assert revisions.belongs_to(made, component())
    assert not revisions.belongs_to(made, component(uid="another"))
    assert not revisions.belongs_to({"metadata": {}}, component())
