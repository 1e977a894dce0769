"""Contract 1.1 and 2.6: conditions and the status of an ApplicationConfiguration; 11.4 (29), (34), (39), (40)."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.oam import ApplicationConfiguration, Plan, failed, history_labels, history_of, succeeded
from oamkit.oam.conditions import Condition, set_condition, synced, unset

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def test_1_1_a_condition_that_says_the_same_keeps_its_timestamp() -> None:
    first = set_condition([], synced("boom"), THEN)
    assert first == [
        {
            "type": "Synced",
            "status": "False",
            "lastTransitionTime": THEN,
            "reason": "ReconcileError",
            "message": "boom",
        }
    ]
    assert set_condition(first, synced("boom"), NOW) == first


@pytest.mark.parametrize("error", ["", "other"])
def test_1_1_any_difference_replaces_the_condition_in_its_place(error: str) -> None:
    other = {"type": "Other", "status": "True"}
    first = [*set_condition([], synced("boom"), THEN), other]
    second = set_condition(first, synced(error), NOW)
    assert [condition["type"] for condition in second] == ["Synced", "Other"]
    assert second[0]["lastTransitionTime"] == NOW
    assert second[0].get("message", "") == error


def test_1_1_success_has_no_message() -> None:
    (condition,) = set_condition([], synced(), NOW)
    assert (condition["status"], condition["reason"]) == ("True", "ReconcileSuccess")
    assert "message" not in condition


def test_1_1_a_condition_can_be_taken_back() -> None:
    conditions = set_condition([], Condition("A", "True", "R"), NOW)
    assert unset(conditions, "A") == []
    assert unset(conditions, "B") == conditions


def passed(facts: Any, app: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    view = ApplicationConfiguration.parse(app)
    return succeeded(view, app.get("status", {}), facts.render(app), now=NOW, **kwargs)


def test_11_4_34_40_the_shape_of_a_workloads_entry(facts: Any, make: Any) -> None:
    facts.add(make.component(latest="web-v2"))
    app = make.app(make.entry("web", make.scaler(1, "mine")))
    assert passed(facts, app) == {
        "observedGeneration": 7,
        "conditions": set_condition([], synced(), NOW),
        "dependency": {},
        "workloads": [
            {
                "componentName": "web",
                "componentRevisionName": "web-v2",
                "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "traits": [
                    {
                        "traitRef": {
                            "apiVersion": "core.oam.dev/v1alpha2",
                            "kind": "ManualScalerTrait",
                            "name": "mine",
                        }
                    }
                ],
            }
        ],
    }


def test_11_3_a2_a_trait_without_definition_has_a_message(facts: Any, make: Any) -> None:
    foo = {"apiVersion": "example.com/v1", "kind": "Foo"}
    (workload,) = passed(facts, make.app(make.entry("web", foo)))["workloads"]
    assert workload["traits"][0]["message"].startswith("No valid TraitDefinition found")


def test_2_6_a_second_pass_over_the_same_changes_nothing(facts: Any, make: Any) -> None:
    app = make.app(make.entry("web", make.scaler(1)))
    first = passed(facts, app)
    app["status"] = first
    view = ApplicationConfiguration.parse(app)
    assert succeeded(view, first, facts.render(app), now="later") == first


def foreign(make: Any, **changes: Any) -> dict[str, Any]:
    entry = make.recorded("web", "web", "mine", revision="web-v2", status="ready")
    entry["traits"][0]["status"] = "running"
    return {**entry, **changes}


def test_11_4_39_what_others_wrote_is_kept(facts: Any, make: Any) -> None:
    facts.add(make.component(latest="web-v2"))
    app = make.app(
        make.entry("web", make.scaler(1, "mine")),
        status={"status": "theirs", "workloads": [foreign(make)]},
    )
    status = passed(facts, app)
    assert status["status"] == "theirs"
    assert status["workloads"][0]["status"] == "ready"
    assert status["workloads"][0]["traits"][0]["status"] == "running"


def test_11_4_39_what_others_wrote_goes_with_the_revision_and_the_trait(
    facts: Any, make: Any
) -> None:
    facts.add(make.component(latest="web-v3"))
    app = make.app(
        make.entry("web", make.scaler(1, "other")), status={"workloads": [foreign(make)]}
    )
    (workload,) = passed(facts, app)["workloads"]
    assert "status" not in workload
    assert "status" not in workload["traits"][0]


def test_2_6_two_uses_of_one_revision_keep_their_own_statuses(facts: Any, make: Any) -> None:
    facts.add(make.component(parameters=[{"name": "n", "fieldPaths": ["metadata.name"]}]))
    entries = [
        make.entry(parameterValues=[{"name": "n", "value": name}]) for name in ("web-a", "web-b")
    ]
    recorded = [
        make.recorded("web", name, status=f"{name} is ready") for name in ("web-a", "web-b")
    ]
    workloads = passed(facts, make.app(*entries, status={"workloads": recorded}))["workloads"]
    assert [workload["status"] for workload in workloads] == ["web-a is ready", "web-b is ready"]


def test_11_4_29_what_is_waited_for_is_stored_and_taken_back(facts: Any, make: Any) -> None:
    app = make.app(make.entry())
    waiting = passed(facts, app, unsatisfied=[{"reason": "not there"}])
    assert waiting["dependency"] == {"unsatisfied": [{"reason": "not there"}]}
    assert waiting["conditions"][0]["reason"] == "ReconcileSuccess"
    app["status"] = waiting
    assert passed(facts, app)["dependency"] == {}


def test_2_6_an_error_keeps_what_was_recorded(make: Any) -> None:
    status = {
        "workloads": [foreign(make)],
        "historyWorkloads": [{"revision": "web-v1"}],
        "dependency": {"unsatisfied": [{}]},
    }
    view = ApplicationConfiguration.parse(make.app(status=status))
    after = failed(view, status, "cannot render components: boom", now=NOW)
    assert after["workloads"] == status["workloads"]
    assert after["historyWorkloads"] == status["historyWorkloads"]
    assert after["dependency"] == {}
    assert after["observedGeneration"] == 7
    assert after["conditions"] == set_condition([], synced("cannot render components: boom"), NOW)


def test_design_5_conversions_are_a_condition_while_there_are_any(facts: Any, make: Any) -> None:
    job = {"apiVersion": "apps/v1beta2", "kind": "Deployment", "spec": {"selector": {"a": "b"}}}
    facts.add(make.component(workload=job))
    app = make.app(make.entry())
    app["status"] = passed(facts, app)
    condition = app["status"]["conditions"][1]
    assert (condition["type"], condition["reason"]) == ("Converted", "APIVersionNotServed")
    assert condition["message"] == "Deployment web was converted from apps/v1beta2 to apps/v1"
    facts.add(make.component())
    assert [found["type"] for found in passed(facts, app)["conditions"]] == ["Synced"]


def live(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"{name}-uid"}}


def test_14_12_history_leaves_out_the_current_workload(facts: Any, make: Any) -> None:
    facts.add(
        make.component(latest="web-v3"),
        make.definition("TraitDefinition", "manualscalertraits.core.oam.dev", revisionEnabled=True),
    )
    app = make.app(make.entry("web", make.scaler()))
    (component,) = facts.render(app).components
    assert history_labels(ApplicationConfiguration.parse(app), component) == {
        "app.oam.dev/name": "example",
        "app.oam.dev/component": "web",
        "app.oam.dev/resourceType": "WORKLOAD",
    }
    history = history_of(component, [live("web-v2"), live("web-v3"), live("web-v1")])
    assert [entry["revision"] for entry in history] == ["web-v1", "web-v2"]
    assert history[0]["workloadRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web-v1",
        "uid": "web-v1-uid",
    }
    assert passed(facts, app, history=history)["historyWorkloads"] == history


def test_2_6_there_is_no_history_without_revisions(facts: Any, make: Any) -> None:
    (component,) = facts.render(make.app(make.entry())).components
    assert history_of(component, [live("web-v1")]) == []


def test_14_4_an_emptied_application_has_no_workloads(make: Any) -> None:
    app = make.app(status={"workloads": [foreign(make)]})
    view = ApplicationConfiguration.parse(app)
    assert "workloads" not in succeeded(view, app["status"], Plan(), now=NOW)
