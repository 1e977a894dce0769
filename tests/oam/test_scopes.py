"""Contract 3.9: scopes; 11.4 (43)–(45)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from oamkit.errors import RenderError
from oamkit.oam import ApplicationConfiguration, TypedReference, all_memberships, left_memberships
from oamkit.oam.scopes import with_workload, without_workload

WEB = TypedReference("apps/v1", "Deployment", "web")
DB = TypedReference("apps/v1", "Deployment", "db")
PATH = "spec.workloadRefs"


def scope(*workloads: TypedReference) -> dict[str, Any]:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "HealthScope",
        "metadata": {"name": "health"},
        "spec": {"workloadRefs": [workload.to_dict() for workload in workloads]},
    }


def test_11_4_43_a_workload_joins_at_the_end() -> None:
    before = scope(DB)
    untouched = copy.deepcopy(before)
    assert with_workload(before, PATH, WEB) == scope(DB, WEB)
    assert before == untouched


def test_11_4_44_a_workload_that_is_in_changes_nothing() -> None:
    entry = {**WEB.to_dict(), "uid": "some"}
    assert with_workload({"spec": {"workloadRefs": [entry]}}, PATH, WEB) is None


def test_11_4_45_a_workload_leaves_and_the_order_stays() -> None:
    last = TypedReference("apps/v1", "Deployment", "last")
    assert without_workload(scope(WEB, DB, last), PATH, WEB) == scope(DB, last)
    assert without_workload(scope(DB), PATH, WEB) is None


@pytest.mark.parametrize("spec", [{}, {"workloadRefs": "text"}, {"workloadRefs": None}])
def test_3_9_a_scope_without_the_list_is_named_by_who_joins(spec: Any) -> None:
    with pytest.raises(RenderError) as caught:
        with_workload({**scope(), "spec": spec}, PATH, WEB)
    assert caught.value.message == (
        'cannot find scope workloadRef "core.oam.dev/v1alpha2" "HealthScope" "health"'
        ' with workloadRefsPath "spec.workloadRefs"'
    )


@pytest.mark.parametrize("spec", [{}, {"workloadRefs": "text"}, {"workloadRefs": None}])
def test_3_9_a_scope_without_the_list_holds_nobody_who_leaves(spec: Any) -> None:
    assert without_workload({**scope(), "spec": spec}, PATH, WEB) is None


def test_3_9_only_memberships_that_are_over_are_left(facts: Any, make: Any) -> None:
    facts.add(
        make.component("db"),
        scope(),
        make.definition("ScopeDefinition", "healthscopes.core.oam.dev", workloadRefsPath=PATH),
    )
    ref = TypedReference.to(scope()).to_dict()
    app = make.app(
        make.entry("web", scopes=[{"scopeRef": ref}]),
        make.entry("db"),
        status={
            "workloads": [
                make.recorded(name, name, scopes=[{"scopeRef": ref}])
                for name in ("web", "db", "gone")
            ]
        },
    )
    view = ApplicationConfiguration.parse(app)
    over = left_memberships(view, facts.render(app))
    assert [membership.workload.name for membership in over] == ["db", "gone"]
    assert [membership.workload.name for membership in all_memberships(view)] == [
        "web",
        "db",
        "gone",
    ]
