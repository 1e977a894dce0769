"""Contract 2.5: garbage collection; 11.4 (35), (36)."""

from __future__ import annotations

from typing import Any

from oamkit.oam import ApplicationConfiguration, garbage


def left(facts: Any, app: dict[str, Any]) -> list[str]:
    found = garbage(ApplicationConfiguration.parse(app), facts.render(app))
    return [f"{reference.kind}/{reference.name}" for reference in found]


def test_11_4_35_both_rendered(facts: Any, make: Any) -> None:
    status = {"workloads": [make.recorded("web", "web", "mine")]}
    assert left(facts, make.app(make.entry("web", make.scaler(1, "mine")), status=status)) == []


def test_11_4_35_a_trait_that_is_not_rendered(facts: Any, make: Any) -> None:
    status = {"workloads": [make.recorded("web", "web", "mine", "")]}
    assert left(facts, make.app(make.entry(), status=status)) == ["ManualScalerTrait/mine"]


def test_11_4_35_neither_rendered_traits_go_first(facts: Any, make: Any) -> None:
    status = {"workloads": [make.recorded("db", "db", "mine")]}
    assert left(facts, make.app(make.entry(), status=status)) == [
        "ManualScalerTrait/mine",
        "Deployment/db",
    ]


def test_14_4_an_emptied_application_leaves_everything(facts: Any, make: Any) -> None:
    status = {"workloads": [make.recorded("web", "web"), make.recorded("db", "db-v1")]}
    assert left(facts, make.app(status=status)) == ["Deployment/web", "Deployment/db-v1"]


def versioned(facts: Any, make: Any) -> None:
    facts.add(
        make.component(latest="web-v3"),
        make.definition("TraitDefinition", "manualscalertraits.core.oam.dev", revisionEnabled=True),
    )


def history(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "revision": name,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        }
        for name in names
    ]


def test_11_4_36_older_revisions_stay_for_their_trait_to_retire(facts: Any, make: Any) -> None:
    versioned(facts, make)
    status = {
        "workloads": [make.recorded("web", "web-v2", "mine")],
        "historyWorkloads": history("web-v1"),
    }
    app = make.app(make.entry("web", make.scaler(1, "mine")), status=status)
    assert left(facts, app) == []


def test_2_5_a_name_that_only_starts_like_a_revision_is_garbage(facts: Any, make: Any) -> None:
    versioned(facts, make)
    status = {"workloads": [make.recorded("web", "web-prod", "mine")]}
    app = make.app(make.entry("web", make.scaler(1, "mine")), status=status)
    assert left(facts, app) == ["Deployment/web-prod"]


def test_2_5_older_revisions_go_with_the_trait_that_wanted_them(facts: Any, make: Any) -> None:
    status = {
        "workloads": [make.recorded("web", "web-v2")],
        "historyWorkloads": history("web-v1", "web", "web-v2"),
    }
    assert left(facts, make.app(make.entry(), status=status)) == [
        "Deployment/web-v2",
        "Deployment/web-v1",
    ]


def test_2_5_an_object_is_the_same_in_all_its_api_versions(facts: Any, make: Any) -> None:
    old = make.recorded("web", "web")
    old["workloadRef"]["apiVersion"] = "extensions/v1beta1"
    assert left(facts, make.app(make.entry(), status={"workloads": [old]})) == []


def test_2_5_a_workload_that_moved_to_another_component_entry_stays(facts: Any, make: Any) -> None:
    facts.add(
        make.component(
            "db",
            workload={"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}},
        )
    )
    assert (
        left(facts, make.app(make.entry("db"), status={"workloads": [make.recorded("web", "web")]}))
        == []
    )


def test_2_5_what_is_recorded_in_a_version_that_left_is_deleted_in_its_successor(
    facts: Any, make: Any
) -> None:
    old = make.recorded("db", "db")
    old["workloadRef"]["apiVersion"] = "apps/v1beta1"
    app = make.app(make.entry(), status={"workloads": [old]})
    (reference,) = garbage(ApplicationConfiguration.parse(app), facts.render(app))
    assert reference.api_version == "apps/v1"
