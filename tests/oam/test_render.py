"""Contract 3: rendering; 11.4 (1)–(14), (19)–(25)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from oamkit.errors import ApiError, RenderError
from oamkit.oam import ApplicationConfiguration, Plan, ServedKind, World, render


def only(plan: Plan) -> dict[str, Any]:
    """The workload of a plan with one component."""
    (component,) = plan.components
    return component.workload


def refused(facts: Any, app: dict[str, Any]) -> str:
    with pytest.raises(RenderError) as caught:
        facts.render(app)
    return caught.value.message


def denied() -> ApiError:
    return ApiError("forbidden", status=403, reason="Forbidden")


# 3.1 Which Component


def test_11_4_1_a_component_that_cannot_be_read(facts: Any, make: Any) -> None:
    facts.objects["Component", "web"] = denied()
    assert refused(facts, make.app(make.entry())) == 'cannot get component "web": forbidden'


def test_3_1_a_component_that_is_not_there(facts: Any, make: Any) -> None:
    assert refused(facts, make.app(make.entry("db"))) == (
        'cannot get component "db": components.core.oam.dev "db" not found'
    )


def test_3_1_an_entry_without_any_name(facts: Any, make: Any) -> None:
    assert refused(facts, make.app({})).startswith('cannot get component "": ')


def test_11_4_7_a_pinned_revision_names_component_and_labels(facts: Any, make: Any) -> None:
    snapshot = make.component("a-b", latest="a-b-v3")
    facts.add(make.revision(snapshot, "a-b-v3"))
    (component,) = facts.render(make.app(make.entry("ignored", revisionName="a-b-v3"))).components
    assert (component.name, component.revision_name) == ("a-b", "a-b-v3")
    assert component.workload["metadata"]["name"] == "a-b"
    assert component.workload["metadata"]["labels"]["app.oam.dev/revision"] == "a-b-v3"


def test_3_1_the_pinned_name_counts_whatever_the_snapshot_says(facts: Any, make: Any) -> None:
    facts.add(make.revision(make.component(), "web-v3"))
    (component,) = facts.render(make.app({"revisionName": "web-v3"})).components
    assert component.revision_name == "web-v3"


def test_3_1_a_revision_of_any_name_makes_a_component_name(facts: Any, make: Any) -> None:
    facts.add(make.revision(make.component(), "snapshot"))
    (component,) = facts.render(make.app({"revisionName": "snapshot"})).components
    assert component.name == "snapshot"


def test_3_1_a_pinned_revision_that_is_not_there(facts: Any, make: Any) -> None:
    message = refused(facts, make.app({"revisionName": "web-v9"}))
    assert message.startswith('cannot get component revision "web-v9": ')


@pytest.mark.parametrize("data", [None, "text", {"spec": {"parameters": 3}}])
def test_3_1_a_revision_that_holds_no_component(facts: Any, make: Any, data: Any) -> None:
    facts.add(make.revision(data, "web-v1"))
    message = refused(facts, make.app({"revisionName": "web-v1"}))
    assert message.startswith('cannot get valid component data from controllerRevision "web-v1": ')


# 3.2 Parameters


def test_11_4_2_parameters_that_do_not_fit_name_the_component(facts: Any, make: Any) -> None:
    entry = make.entry(parameterValues=[{"name": "colour", "value": "red"}])
    assert refused(facts, make.app(entry)) == (
        'cannot resolve parameter values for component "web": unsupported parameter "colour"'
    )


@pytest.mark.parametrize("value", ["text", 3], ids=["11_4_11", "11_4_12"])
def test_11_4_3_a_workload_that_cannot_be_rendered_names_the_component(
    facts: Any, make: Any, value: Any
) -> None:
    facts.add(make.component(parameters=[{"name": "p", "fieldPaths": ["kind[0]"]}]))
    entry = make.entry(parameterValues=[{"name": "p", "value": value}])
    assert refused(facts, make.app(entry)) == (
        'cannot render workload for component "web": cannot set parameter "p": kind is not an array'
    )


@pytest.mark.parametrize("workload", ["text", 3, []])
def test_11_4_10_a_workload_that_is_no_object(facts: Any, make: Any, workload: Any) -> None:
    facts.add(make.component(workload=workload))
    assert refused(facts, make.app(make.entry())).startswith(
        'cannot render workload for component "web": cannot unmarshal workload: '
    )


def test_11_4_13_a_parameter_may_name_the_workload(facts: Any, make: Any) -> None:
    facts.add(make.component(parameters=[{"name": "n", "fieldPaths": ["metadata.name"]}]))
    entry = make.entry(parameterValues=[{"name": "n", "value": "mine"}])
    assert only(facts.render(make.app(entry)))["metadata"]["name"] == "mine"


# 3.4 Metadata


def test_11_4_6_namespace_owner_labels_and_annotation_on_all_objects(facts: Any, make: Any) -> None:
    plan = facts.render(make.app(make.entry("web", make.scaler())))
    roles = []
    for obj in plan.objects():
        metadata = obj["metadata"]
        assert metadata["namespace"] == "shop"
        assert metadata["ownerReferences"] == [
            {
                "apiVersion": "core.oam.dev/v1alpha2",
                "kind": "ApplicationConfiguration",
                "name": "example",
                "uid": "app-uid",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
        roles.append(metadata["labels"].pop("app.oam.dev/resourceType"))
        assert metadata["labels"] == {
            "app.oam.dev/name": "example",
            "app.oam.dev/component": "web",
            "app.oam.dev/revision": "",
        }
        assert metadata["annotations"] == {"app.oam.dev/generation": "7"}
    assert roles == ["WORKLOAD", "TRAIT"]


def test_11_4_80_ours_win_over_the_template_and_the_template_over_the_application(
    facts: Any, make: Any
) -> None:
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": "elsewhere",
            "labels": {"app.oam.dev/name": "other", "tier": "template"},
            "annotations": {"app.oam.dev/generation": "1", "note": "template"},
            "ownerReferences": [{"name": "other"}],
        },
    }
    facts.add(make.component(workload=workload, latest="web-v4"))
    app = make.app(
        make.entry(),
        labels={"tier": "app", "team": "shop", "app.oam.dev/component": "wrong"},
        annotations={"note": "app", "more": "app"},
    )
    metadata = only(facts.render(app))["metadata"]
    assert metadata["namespace"] == "shop"
    assert len(metadata["ownerReferences"]) == 1
    assert metadata["labels"] == {
        "app.oam.dev/name": "example",
        "app.oam.dev/component": "web",
        "app.oam.dev/revision": "web-v4",
        "app.oam.dev/resourceType": "WORKLOAD",
        "tier": "template",
        "team": "shop",
    }
    assert metadata["annotations"] == {
        "app.oam.dev/generation": "7",
        "note": "template",
        "more": "app",
    }


def test_3_4_the_record_of_kubectl_apply_is_not_copied(facts: Any, make: Any) -> None:
    note = "kubectl.kubernetes.io/last-applied-configuration"
    plan = facts.render(make.app(make.entry("web", make.scaler()), annotations={note: "{}"}))
    assert not any(note in obj["metadata"]["annotations"] for obj in plan.objects())


def test_3_4_what_only_a_server_sets_is_dropped_from_templates(facts: Any, make: Any) -> None:
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"uid": "u", "resourceVersion": "1", "managedFields": [], "generation": 1},
    }
    facts.add(make.component(workload=workload))
    metadata = only(facts.render(make.app(make.entry())))["metadata"]
    assert metadata.keys() == {"name", "namespace", "labels", "annotations", "ownerReferences"}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ([], "metadata is not an object"),
        ({"labels": []}, "metadata.labels is not an object"),
        ({"annotations": "x"}, "metadata.annotations is not an object"),
        ({"name": 3}, "metadata.name: expected a string, got an integer"),
    ],
    ids=["11_4_21", "labels", "annotations", "name"],
)
@pytest.mark.parametrize("where", ["workload", "trait"])
def test_3_4_odd_metadata_is_named(
    facts: Any, make: Any, metadata: Any, message: str, where: str
) -> None:
    odd = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    if where == "workload":
        facts.add(make.component(workload=odd))
        app = make.app(make.entry())
    else:
        app = make.app(make.entry("web", odd))
    assert refused(facts, app) == f'cannot render {where} for component "web": {message}'


# 3.5 Workload names


def with_rollout(facts: Any, make: Any, latest: str = "web-v2") -> dict[str, Any]:
    """Make the scaler revision-enabled by a type label, and return an entry that has it."""
    facts.add(
        make.component(latest=latest),
        make.definition("TraitDefinition", "rollout", revisionEnabled=True),
    )
    return make.entry("web", make.scaler(labels={"trait.oam.dev/type": "rollout"}))


def test_11_4_8_a_revision_enabled_trait_names_the_workload_by_revision(
    facts: Any, make: Any
) -> None:
    (component,) = facts.render(make.app(with_rollout(facts, make))).components
    assert component.revision_enabled
    assert component.reference.name == "web-v2"


def test_11_1_e12_a_running_workload_of_the_same_revision_keeps_its_name(
    facts: Any, make: Any
) -> None:
    entry = with_rollout(facts, make)
    facts.add(
        {
            "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app.oam.dev/revision": "web-v2"}},
        }
    )
    app = make.app(entry, status={"workloads": [make.recorded("web", "web")]})
    assert only(facts.render(app))["metadata"]["name"] == "web"


def test_3_5_a_recorded_workload_that_is_gone_is_no_reason_to_keep_its_name(
    facts: Any, make: Any
) -> None:
    app = make.app(with_rollout(facts, make), status={"workloads": [make.recorded("web", "web")]})
    assert only(facts.render(app))["metadata"]["name"] == "web-v2"


def test_3_5_a_revision_enabled_trait_without_any_revision(facts: Any, make: Any) -> None:
    entry = with_rollout(facts, make, latest="")
    assert refused(facts, make.app(entry)).endswith(
        'cannot get latest revision for component "web" while revision is enabled'
    )


def test_14_1_a_pinned_revision_without_such_a_trait_is_named_by_component(
    facts: Any, make: Any
) -> None:
    facts.add(make.revision(make.component(latest="web-v1"), "web-v1"))
    assert only(facts.render(make.app({"revisionName": "web-v1"})))["metadata"]["name"] == "web"


def test_11_3_a4_pinned_revisions_get_a_workload_each(facts: Any, make: Any) -> None:
    entry = with_rollout(facts, make, latest="web-v9")
    facts.add(make.revision(make.component(latest="web-v1"), "web-v1"))
    plan = facts.render(make.app({**entry, "revisionName": "web-v1"}))
    assert plan.components[0].reference.name == "web-v1"


# 3.6 Trait names


def trait_names(plan: Plan) -> list[str]:
    return [trait.reference.name for component in plan.components for trait in component.traits]


def test_11_4_19_an_unnamed_trait_gets_the_generated_name(facts: Any, make: Any) -> None:
    plan = facts.render(make.app(make.entry("web", make.scaler(3))))
    assert trait_names(plan) == ["web-manualscalertraits-545647b965"]


def test_11_4_22_a_named_trait_keeps_its_name(facts: Any, make: Any) -> None:
    assert trait_names(facts.render(make.app(make.entry("web", make.scaler(name="mine"))))) == [
        "mine"
    ]


def test_11_3_a5_an_edited_trait_stays_the_same_object(facts: Any, make: Any) -> None:
    recorded = make.recorded("web", "web", "web-manualscalertraits-545647b965")
    app = make.app(make.entry("web", make.scaler(5)), status={"workloads": [recorded]})
    assert trait_names(facts.render(app)) == ["web-manualscalertraits-545647b965"]


def test_14_11_two_unnamed_traits_of_a_kind_keep_their_objects(facts: Any, make: Any) -> None:
    first = trait_names(facts.render(make.app(make.entry("web", make.scaler(1), make.scaler(2)))))
    assert len(set(first)) == 2
    status = {"workloads": [make.recorded("web", "web", *first)]}
    edited = make.app(make.entry("web", make.scaler(9), make.scaler(2)), status=status)
    assert trait_names(facts.render(edited)) == first


def test_14_11_one_component_used_twice_has_traits_of_its_own_each_time(
    facts: Any, make: Any
) -> None:
    facts.add(make.component(parameters=[{"name": "n", "fieldPaths": ["metadata.name"]}]))

    def entry(name: str, count: int) -> dict[str, Any]:
        values = [{"name": "n", "value": name}]
        return make.entry("web", make.scaler(count), parameterValues=values)

    first = trait_names(facts.render(make.app(entry("a", 3), entry("b", 3))))
    assert len(set(first)) == 2
    status = {
        "workloads": [
            make.recorded("web", name, trait) for name, trait in zip("ab", first, strict=True)
        ]
    }
    edited = make.app(entry("a", 8), entry("b", 9), status=status)
    assert trait_names(facts.render(edited)) == first


def test_14_11_a_new_trait_does_not_take_the_name_of_the_components_other_use(
    facts: Any, make: Any
) -> None:
    facts.add(make.component(parameters=[{"name": "n", "fieldPaths": ["metadata.name"]}]))

    def entry(name: str, *traits: dict[str, Any]) -> dict[str, Any]:
        return make.entry("web", *traits, parameterValues=[{"name": "n", "value": name}])

    status = {"workloads": [make.recorded("web", "a"), make.recorded("web", "b", "running")]}
    app = make.app(entry("a", make.scaler(1)), entry("b", make.scaler(2)), status=status)
    first, second = trait_names(facts.render(app))
    assert first.startswith("web-manualscalertraits-")
    assert second == "running"


# 3.7, 3.8 Definitions and the workload's reference


def test_11_4_9_the_workload_reference_is_written_at_a_nested_path(facts: Any, make: Any) -> None:
    facts.add(
        make.definition(
            "TraitDefinition", "manualscalertraits.core.oam.dev", workloadRefPath="spec.a[0].ref"
        )
    )
    (component,) = facts.render(make.app(make.entry("web", make.scaler(3)))).components
    assert component.traits[0].obj["spec"] == {
        "replicaCount": 3,
        "a": [{"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}],
    }


def test_11_4_42_without_a_path_no_reference_is_written(facts: Any, make: Any) -> None:
    facts.add(make.definition("TraitDefinition", "manualscalertraits.core.oam.dev"))
    (component,) = facts.render(make.app(make.entry("web", make.scaler(3)))).components
    assert component.traits[0].obj["spec"] == {"replicaCount": 3}


def test_3_7_a_reference_that_cannot_be_written(facts: Any, make: Any) -> None:
    trait = {**make.scaler(name="mine"), "spec": "text"}
    assert refused(facts, make.app(make.entry("web", trait))) == (
        'cannot set trait "mine" reference to "web": spec is not an object'
    )


def test_11_3_a2_a_trait_without_definition_works_and_says_so(facts: Any, make: Any) -> None:
    foo = {"apiVersion": "example.com/v1", "kind": "Foo"}
    (component,) = facts.render(make.app(make.entry("web", foo))).components
    assert component.traits[0].reference.name.startswith("web-dummy-")
    assert component.traits[0].message == (
        "No valid TraitDefinition found, all framework capabilities will work as default or disabled"
    )


def test_11_4_5_a_definition_that_cannot_be_read(facts: Any, make: Any) -> None:
    facts.objects["TraitDefinition", "manualscalertraits.core.oam.dev"] = denied()
    assert refused(facts, make.app(make.entry("web", make.scaler(name="s")))) == (
        'cannot find trait definition "core.oam.dev/v1alpha2" "ManualScalerTrait" "s": forbidden'
    )


def test_3_8_a_trait_kind_that_the_cluster_does_not_know(facts: Any, make: Any) -> None:
    trait = {"apiVersion": "x.io/v1", "kind": "Unknown", "metadata": {"name": "u"}}
    assert refused(facts, make.app(make.entry("web", trait))) == (
        'cannot find trait definition "x.io/v1" "Unknown" "u": '
        'no matches for kind "Unknown" in version "x.io/v1"'
    )


def test_3_8_a_workload_kind_that_the_cluster_does_not_know(facts: Any, make: Any) -> None:
    facts.add(make.component(workload={"apiVersion": "x.io/v1", "kind": "Unknown"}))
    assert refused(facts, make.app(make.entry())) == (
        'cannot render workload for component "web": '
        'no matches for kind "Unknown" in version "x.io/v1"'
    )


@pytest.mark.parametrize("trait", ["text", None, []])
def test_11_4_4_14_a_trait_that_is_no_object(facts: Any, make: Any, trait: Any) -> None:
    assert refused(facts, make.app(make.entry("web", trait))).startswith(
        'cannot render trait for component "web": cannot unmarshal trait: '
    )


def test_11_4_75_a_type_label_wins_over_discovery(facts: Any, make: Any) -> None:
    facts.add(make.definition("TraitDefinition", "scale", workloadRefPath="spec.target"))
    trait = make.scaler(labels={"trait.oam.dev/type": "scale"})
    (component,) = facts.render(make.app(make.entry("web", trait))).components
    assert component.traits[0].reference.name.startswith("web-scale-")
    assert "target" in component.traits[0].obj["spec"]


def test_3_8_core_kinds_have_definitions_too(facts: Any, make: Any) -> None:
    facts.add(make.definition("TraitDefinition", "services"))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    (component,) = facts.render(make.app(make.entry("web", service))).components
    assert component.traits[0].message == ""


def test_a_cluster_scoped_kind_is_refused(facts: Any, make: Any) -> None:
    trait = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    assert refused(facts, make.app(make.entry("web", trait))).endswith(
        "Namespace of v1 is cluster-scoped"
    )


# 3.9 Scopes


SCOPE = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "HealthScope", "name": "health"}


def test_3_9_a_component_joins_a_scope_that_exists(facts: Any, make: Any) -> None:
    facts.add(
        {"kind": "HealthScope", "metadata": {"name": "health"}},
        make.definition(
            "ScopeDefinition", "healthscopes.core.oam.dev", workloadRefsPath="spec.workloadRefs"
        ),
    )
    (component,) = facts.render(make.app(make.entry(scopes=[{"scopeRef": SCOPE}]))).components
    (scope,) = component.scopes
    assert (scope.reference.name, scope.definition.workload_refs_path) == (
        "health",
        "spec.workloadRefs",
    )


def test_3_9_a_scope_that_is_not_there(facts: Any, make: Any) -> None:
    assert refused(facts, make.app(make.entry(scopes=[{"scopeRef": SCOPE}]))).startswith(
        'cannot get scope "health": '
    )


def test_3_8_a_scope_without_definition(facts: Any, make: Any) -> None:
    facts.add({"kind": "HealthScope", "metadata": {"name": "health"}})
    assert refused(facts, make.app(make.entry(scopes=[{"scopeRef": SCOPE}]))).startswith(
        'cannot find scope definition "core.oam.dev/v1alpha2" "HealthScope" "health": '
    )


# Several components


def test_two_entries_that_make_one_object_are_refused(facts: Any, make: Any) -> None:
    assert refused(facts, make.app(make.entry(), make.entry())) == (
        'spec.components[0] and spec.components[1] both make the Deployment "web"'
    )


def test_two_named_traits_that_are_one_object_are_refused(facts: Any, make: Any) -> None:
    app = make.app(make.entry("web", make.scaler(1, "s"), make.scaler(2, "s")))
    assert refused(facts, app) == (
        "spec.components[0].traits[0].trait and spec.components[0].traits[1].trait"
        ' both make the ManualScalerTrait "s"'
    )


def test_14_4_no_components_are_an_empty_plan(facts: Any, make: Any) -> None:
    assert facts.render(make.app()) == Plan()


def test_2_3_objects_come_in_the_order_of_the_spec(facts: Any, make: Any) -> None:
    facts.add(make.component("db"))
    app = make.app(make.entry("web", make.scaler(1, "z"), make.scaler(1, "a")), make.entry("db"))
    assert [obj["metadata"]["name"] for obj in facts.render(app).objects()] == [
        "web",
        "z",
        "a",
        "db",
    ]


def test_rendering_shares_nothing_with_its_input(facts: Any, make: Any) -> None:
    app = make.app(make.entry("web", make.scaler()), labels={"team": "shop"})
    before = copy.deepcopy((app, facts.objects))
    for obj in facts.render(app).objects():
        obj["spec"].clear()
        obj["metadata"]["labels"].clear()
    assert (app, facts.objects) == before


def test_rendering_without_its_facts_says_which_one_is_missing(make: Any) -> None:
    app = ApplicationConfiguration.parse(make.app(make.entry()))
    with pytest.raises(RenderError, match="web was not looked up"):
        render(app, World())


def test_3_8_discovery_that_fails_is_told(facts: Any, make: Any) -> None:
    facts.kinds["core.oam.dev/v1alpha2", "ManualScalerTrait"] = denied()
    assert refused(facts, make.app(make.entry("web", make.scaler()))).endswith(": forbidden")


def test_design_5_the_files_of_2020_render(facts: Any, make: Any) -> None:
    facts.add(make.definition("TraitDefinition", "ingresses.extensions"))
    backend = {"serviceName": "web", "servicePort": 80}
    ingress = {
        "apiVersion": "extensions/v1beta1",
        "kind": "Ingress",
        "spec": {"rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}]},
    }
    plan = facts.render(make.app(make.entry("web", ingress)))
    (trait,) = plan.components[0].traits
    assert trait.reference.api_version == "networking.k8s.io/v1"
    assert trait.reference.name.startswith("web-ingresses-")
    assert trait.message == ""
    assert [conversion.from_ for conversion in plan.conversions()] == ["extensions/v1beta1"]


def test_design_5_references_name_the_converted_workload(facts: Any, make: Any) -> None:
    old = {
        "apiVersion": "apps/v1beta1",
        "kind": "Deployment",
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}}},
    }
    facts.add(make.component(workload=old))
    (component,) = facts.render(make.app(make.entry("web", make.scaler()))).components
    assert component.reference.api_version == "apps/v1"
    assert component.traits[0].obj["spec"]["workloadRef"]["apiVersion"] == "apps/v1"


def test_design_5_a_served_old_version_is_left_alone(facts: Any, make: Any) -> None:
    facts.kinds["apps/v1beta1", "Deployment"] = ServedKind("deployments")
    facts.add(make.component(workload={"apiVersion": "apps/v1beta1", "kind": "Deployment"}))
    plan = facts.render(make.app(make.entry()))
    assert only(plan)["apiVersion"] == "apps/v1beta1"
    assert not list(plan.conversions())
