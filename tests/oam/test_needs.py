"""What rendering asks for beforehand, and in how many rounds."""

from __future__ import annotations

from typing import Any

from oamkit.oam import (
    ApplicationConfiguration,
    ObjectKey,
    TypedReference,
    World,
    needs,
    scope_needs,
)


def names(facts: Any) -> set[str]:
    return {key.name for key in facts.asked if isinstance(key, ObjectKey)}


def test_many_components_take_no_more_rounds_than_one(facts: Any, make: Any) -> None:
    entries = []
    for number in range(20):
        facts.add(make.component(f"c{number}"))
        entries.append(make.entry(f"c{number}", make.scaler(number)))
    facts.render(make.app(*entries))
    assert facts.rounds <= 3


def test_the_longest_chain_takes_four_rounds(facts: Any, make: Any) -> None:
    facts.add(
        make.component(
            workload={
                "apiVersion": "apps/v1beta1",
                "kind": "Deployment",
                "spec": {"template": {"metadata": {"labels": {"a": "b"}}}},
            },
            latest="web-v1",
        ),
        make.definition("TraitDefinition", "manualscalertraits.core.oam.dev", revisionEnabled=True),
        {"kind": "HealthScope", "metadata": {"name": "health"}},
        make.definition("ScopeDefinition", "healthscopes.core.oam.dev"),
    )
    ref = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "HealthScope", "name": "health"}
    app = make.app(
        make.entry("web", make.scaler(), scopes=[{"scopeRef": ref}]),
        status={"workloads": [make.recorded("web", "old", scopes=[{"scopeRef": ref}])]},
    )
    facts.render(app)
    assert facts.rounds <= 4
    assert names(facts) == {
        "web",
        "old",
        "health",
        "healthscopes.core.oam.dev",
        "manualscalertraits.core.oam.dev",
    }


def test_recorded_workloads_are_only_asked_for_where_revisions_matter(
    facts: Any, make: Any
) -> None:
    app = make.app(
        make.entry("web", make.scaler()), status={"workloads": [make.recorded("web", "old")]}
    )
    facts.render(app)
    assert "old" not in names(facts)


def test_a_pinned_revision_is_asked_for_instead_of_its_component(facts: Any, make: Any) -> None:
    facts.add(make.revision(make.component(latest="web-v1"), "web-v1"))
    facts.render(make.app({"revisionName": "web-v1"}))
    assert names(facts) == {"web-v1"}


def test_a_fault_in_one_component_does_not_hide_what_others_need(facts: Any, make: Any) -> None:
    facts.add(make.component("odd", workload="text"))
    app = ApplicationConfiguration.parse(
        make.app(make.entry("odd"), make.entry("missing"), make.entry("web"))
    )
    world = facts.world(app)
    assert not needs(app, world)
    assert names(facts) == {"odd", "missing", "web"}


def test_2_7_leaving_scopes_needs_the_scopes_and_their_definitions_only(
    facts: Any, make: Any
) -> None:
    ref = TypedReference("core.oam.dev/v1alpha2", "HealthScope", "health")
    recorded = make.recorded("web", "web", scopes=[{"scopeRef": ref.to_dict()}])
    app = ApplicationConfiguration.parse(make.app(make.entry(), status={"workloads": [recorded]}))
    first = scope_needs(app, World())
    assert {key.name for key in first.objects} == {"health"}
    assert {key.kind for key in first.kinds} == {"HealthScope"}
