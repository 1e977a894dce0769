"""Admission (contract 9); ``11_4`` in names stands for the contract's list of unit behaviours, 83 to 91."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.errors import OamKitError
from oamkit.oam import KindKey, ObjectKey, ServedKind
from oamkit.oam.admission import DeniedError, Request, mutated, validated
from oamkit.oam.jsonpatch import diff
from oamkit.oam.mutation import mutate_application, mutate_component
from oamkit.oam.validation import validate_application, validate_component

Obj = dict[str, Any]
MUTATE = {"Component": mutate_component, "ApplicationConfiguration": mutate_application}
VALIDATE = {"Component": validate_component, "ApplicationConfiguration": validate_application}
PLURALS = {"Component": "components", "ApplicationConfiguration": "applicationconfigurations"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("a/~", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


class Cluster:
    """Lookups that know what a dict holds."""

    def __init__(self, *objects: Obj) -> None:
        self.objects = {(o["kind"], o["metadata"]["name"]): o for o in objects}
        self.kinds = {
            ("apps/v1", "Deployment"): "deployments",
            ("example.com/v1", "Foo"): "foo",
            ("core.oam.dev/v1alpha2", "ManualScalerTrait"): "manualscalertraits",
        }

    async def object(self, key: ObjectKey) -> Obj | None:
        return self.objects.get((key.kind, key.name))

    async def kind(self, key: KindKey) -> ServedKind | None:
        plural = self.kinds.get(tuple(key))
        return ServedKind(plural) if plural else None

    async def named(self, plural: str, group: str, version: str) -> KindKey | None:
        for (api_version, kind), found in self.kinds.items():
            if found == plural and api_version == f"{group}/{version or 'v1'}":
                return KindKey(api_version, kind)
        return None


def definition(kind: str, name: str, resource: str = "", **spec: Any) -> Obj:
    return {
        "kind": f"{kind}Definition",
        "metadata": {"name": name},
        "spec": {"definitionRef": {"name": resource or name}, **spec},
    }


CRD = {
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "foo.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Foo"},
        "versions": [{"name": "v0", "served": False}, {"name": "v1", "served": True}],
    },
}


def request(kind: str, obj: Any, operation: str = "CREATE", **fields: Any) -> Request:
    return Request.parse(
        {
            "request": {
                "uid": "u",
                "operation": operation,
                "namespace": "shop",
                "resource": {
                    "group": "core.oam.dev",
                    "version": "v1alpha2",
                    "resource": PLURALS[kind],
                },
                "object": obj,
                **fields,
            }
        }
    )


def mutate(kind: str, obj: Obj, *objects: Obj) -> Obj:
    """Return the object after its mutating webhook."""
    before = copy.deepcopy(obj)
    patch = asyncio.run(mutated(request(kind, obj), kind, MUTATE[kind], Cluster(*objects)))
    assert obj == before
    return patched(obj, patch)


def validate(kind: str, obj: Any, *objects: Obj, **fields: Any) -> None:
    what = request(kind, obj, **fields)
    asyncio.run(validated(what, kind, VALIDATE[kind], Cluster(*objects)))


def denied(kind: str, obj: Any, *objects: Obj) -> str:
    with pytest.raises(OamKitError) as caught:
        validate(kind, obj, *objects)
    return caught.value.message


def patched(document: Any, patch: list[Obj]) -> Any:
    """Apply a JSON patch, as the API server does."""
    document = copy.deepcopy(document)
    for operation in patch:
        if not operation["path"]:
            document = operation["value"]
            continue
        *parents, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"][1:].split("/")
        ]
        target = document
        for part in parents:
            target = target[int(part) if isinstance(target, list) else part]
        if operation["op"] == "remove":
            del target[last]
        else:
            if operation["op"] == "replace" and isinstance(target, dict):
                assert last in target
            target[int(last) if isinstance(target, list) else last] = operation["value"]
    return document


@given(JSON, JSON)
def test_9_a_patch_makes_the_new_of_the_old_and_is_empty_if_they_are_equal(
    old: Any, new: Any
) -> None:
    assert patched(old, diff(old, new)) == new
    assert diff(new, copy.deepcopy(new)) == []


# --- Component


def component(workload: Any, name: str = "web", **spec: Any) -> Obj:
    return {
        "kind": "Component",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"workload": workload, **spec},
    }


def test_11_4_89_a_typed_workload_becomes_an_object_of_the_types_kind() -> None:
    typed = component(
        {
            "type": "web-service",
            "metadata": {"name": "keep", "labels": {"lost": "x"}, "annotations": {"lost": "x"}},
            "spec": {"replicas": 1},
        }
    )
    typed["metadata"]["labels"] = {"team": "a"}
    typed["metadata"]["annotations"] = {
        "note": "b",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    new = mutate("Component", typed, definition("Workload", "web-service", "deployments.apps"))
    assert new["spec"]["workload"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "keep",
            "namespace": "shop",
            "labels": {"team": "a", "workload.oam.dev/type": "web-service"},
            "annotations": {"note": "b"},
        },
        "spec": {"replicas": 1},
    }
    assert new["metadata"] == typed["metadata"]


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (1, "workload content has an unknown type field"),
        ("none", 'workloaddefinitions.core.oam.dev "none" not found'),
        ("", 'workloaddefinitions.core.oam.dev "" not found'),
        ("gone", "defines gone.example.com, which the cluster doesn't serve"),
        ("old", "defines deployments.apps of version v0, which the cluster doesn't serve"),
    ],
)
def test_11_4_89_a_type_that_cannot_be_resolved_is_a_bad_request(type_: Any, message: str) -> None:
    definitions = [
        definition("Workload", "gone", "gone.example.com"),
        definition("Workload", "old", definitionRef={"name": "deployments.apps", "version": "v0"}),
    ]
    with pytest.raises(DeniedError) as caught:
        mutate("Component", component({"type": type_}), *definitions)
    assert caught.value.message.endswith(message)
    assert caught.value.status == 400


@pytest.mark.parametrize("workload", [{"apiVersion": "v1", "kind": "Pod"}, "text", None, []])
def test_11_4_89_without_a_type_nothing_changes(workload: Any) -> None:
    assert mutate("Component", component(workload)) == component(workload)


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_11_4_90_a_good_component_passes(operation: str) -> None:
    validate("Component", component({"apiVersion": "v1", "kind": "Pod"}), operation=operation)


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ("text", "spec.workload: the workload is malformat"),
        ({"apiVersion": "v1"}, "the workload data missing GVK, api = v1, kind = ,"),
        (
            {"type": "web", "apiVersion": "v1", "kind": "Pod"},
            "spec.workload: the workload contains type info",
        ),
        (
            {"type": "web"},
            (
                "[spec.workload: the workload contains type info,"
                " spec.workload: the workload data missing GVK, api = , kind = ,]"
            ),
        ),
    ],
)
def test_11_4_90_a_bad_workload_is_denied(workload: Any, message: str) -> None:
    assert message in denied("Component", component(workload))


@pytest.mark.parametrize("name", ["Web", "a..b", "-a", "a" * 254, "", 3])
def test_9_4_a_component_has_a_name_that_can_be_one(name: Any) -> None:
    message = denied("Component", component({"apiVersion": "v1", "kind": "Pod"}, name=name))
    assert message.startswith("metadata.name: ")


# --- ApplicationConfiguration

TRAIT = {"apiVersion": "example.com/v1", "kind": "Foo"}
WORKLOAD = {"apiVersion": "apps/v1", "kind": "Deployment"}
GOOD = [
    component(WORKLOAD),
    definition("Workload", "deployments.apps"),
    definition("Trait", "foo.example.com"),
]


def app(*traits: Any, **entry: Any) -> Obj:
    entry = {"componentName": "web", **entry}
    return {
        "kind": "ApplicationConfiguration",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"components": [{**entry, "traits": [{"trait": trait} for trait in traits]}]},
    }


def changed(*traits: Any, objects: list[Obj] | None = None) -> Obj:
    found = [CRD, definition("Trait", "foo", "foo.example.com")] if objects is None else objects
    new = mutate("ApplicationConfiguration", app(*traits), *found)
    trait: Obj = new["spec"]["components"][0]["traits"][0]["trait"]
    return trait


def test_11_4_88_a_named_trait_becomes_an_object_of_the_kind_that_its_definition_names() -> None:
    named = {"name": "foo", "properties": {"key": "v"}, "metadata": {"labels": {"mine": "x"}}}
    assert changed(named) == {
        "apiVersion": "example.com/v1",
        "kind": "Foo",
        "metadata": {"labels": {"mine": "x", "trait.oam.dev/type": "foo"}},
        "spec": {"key": "v"},
    }
    assert "spec" not in changed({"name": "foo"})


def test_11_4_88_other_traits_are_left_alone() -> None:
    assert changed(TRAIT) == TRAIT


def test_9_2_the_definition_may_name_a_version_and_a_built_in_kind() -> None:
    ref = {"name": "deployments.apps", "version": "v1"}
    found = changed({"name": "d"}, objects=[definition("Trait", "d", definitionRef=ref)])
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (1, "name of trait should be string instead of float64"),
        (None, "name of trait should be string instead of <nil>"),
        ({}, "name of trait should be string instead of map[string]interface {}"),
        ("none", 'traitdefinitions.core.oam.dev "none" not found'),
    ],
)
def test_11_4_88_a_name_that_cannot_be_resolved_is_a_bad_request(name: Any, message: str) -> None:
    with pytest.raises(DeniedError) as caught:
        changed({"name": name})
    assert (caught.value.message, caught.value.status) == (message, 400)


def test_11_4_83_a_component_or_a_revision_but_not_both() -> None:
    revision = {
        "kind": "ControllerRevision",
        "metadata": {"name": "web-v1"},
        "data": component(WORKLOAD),
    }
    validate("ApplicationConfiguration", app(TRAIT), *GOOD)
    pinned = app(TRAIT, componentName="", revisionName="web-v1")
    validate("ApplicationConfiguration", pinned, revision, *GOOD)
    both = app(TRAIT, revisionName="web-v1")
    assert denied("ApplicationConfiguration", both, revision, *GOOD) == (
        'spec.components[0]: componentName "web" and revisionName "web-v1" are mutually exclusive,'
        " you can only specify one of them"
    )
    neither = app(TRAIT, componentName="")
    assert 'cannot get component ""' in denied("ApplicationConfiguration", neither, *GOOD)


@pytest.mark.parametrize(
    ("trait", "message"),
    [
        ({"name": "x", **TRAIT}, "the trait contains 'name' info that should be mutated to GVK"),
        (
            {"properties": {}, **TRAIT},
            "the trait contains 'properties' info that should be mutated to spec",
        ),
        ({"apiVersion": "v1"}, "the trait data missing GVK, api = v1, kind = ,"),
        ("text", 'cannot unmarshal trait of component "web"'),
    ],
)
def test_11_4_84_a_trait_must_be_an_object_of_a_kind(trait: Any, message: str) -> None:
    found = denied("ApplicationConfiguration", app(TRAIT, trait), *GOOD)
    assert found == f"spec.components[0].traits[1].trait: {message}"


def test_11_4_84_all_that_is_wrong_is_told() -> None:
    found = denied("ApplicationConfiguration", app({"name": "x", "properties": {}}), *GOOD)
    assert found.startswith("[")
    assert found.count("spec.components[0].traits[0].trait: ") == 3


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (0, 'cannot get component "web": components.core.oam.dev "web" not found'),
        (
            1,
            (
                'cannot get workload definition of component "web":'
                ' workloaddefinitions.core.oam.dev "deployments.apps" not found'
            ),
        ),
        (
            2,
            (
                'cannot get trait definition in component "web":'
                ' traitdefinitions.core.oam.dev "foo.example.com" not found'
            ),
        ),
    ],
)
def test_9_3_what_an_application_names_must_be_there(missing: int, message: str) -> None:
    there = [obj for i, obj in enumerate(GOOD) if i != missing]
    assert denied("ApplicationConfiguration", app(TRAIT), *there) == message


def test_9_3_a_missing_revision_and_an_unknown_kind() -> None:
    pinned = app(componentName="", revisionName="web-v1")
    assert denied("ApplicationConfiguration", pinned, *GOOD).startswith(
        'cannot get component "web": cannot get component revision "web-v1": '
    )
    unknown = app({"apiVersion": "example.com/v1", "kind": "Bar"})
    assert "no matches for kind" in denied("ApplicationConfiguration", unknown, *GOOD)


def versioned(workload: Obj, path: str = "metadata.name") -> list[Obj]:
    parameter = {"name": "p", "fieldPaths": [path]}
    return [
        component(workload, parameters=[parameter]),
        definition("Workload", "deployments.apps"),
        definition("Trait", "foo.example.com", revisionEnabled=True),
    ]


def test_11_4_85_a_versioned_workload_has_no_name_of_its_own() -> None:
    kind = "ApplicationConfiguration"
    text = (
        "spec.components[0]: versioning-enabled component's workload name MUST NOT be assigned,"
        ' expect workload name "{}" to be empty.'
    )
    named = {**WORKLOAD, "metadata": {"name": "fixed"}}
    assert denied(kind, app(TRAIT), *versioned(named)) == text.format("fixed")
    given = app(TRAIT, parameterValues=[{"name": "p", "value": "given"}])
    assert denied(kind, given, *versioned(WORKLOAD)) == text.format("given")
    validate(kind, app(TRAIT), *versioned(WORKLOAD))
    validate(kind, app(), *versioned(named))


@pytest.mark.parametrize(
    ("path", "is_name"),
    [
        ("metadata.name", True),
        ("metadata['name']", True),
        ("metadata.namespace", False),
        ("spec.template.metadata.name", False),
        ("metadata..name", False),
    ],
)
def test_11_4_87_only_metadata_name_is_the_workloads_name(path: str, is_name: bool) -> None:
    given = app(TRAIT, parameterValues=[{"name": "p", "value": "x"}])
    objects = versioned(WORKLOAD, path)
    if is_name:
        assert "MUST NOT" in denied("ApplicationConfiguration", given, *objects)
    else:
        validate("ApplicationConfiguration", given, *objects)


def limited(applies_to: list[str]) -> list[Obj]:
    return [
        component({**WORKLOAD, "metadata": {"labels": {"workload.oam.dev/type": "web-service"}}}),
        definition("Workload", "web-service", "deployments.apps"),
        definition("Trait", "foo.example.com", appliesToWorkloads=applies_to),
    ]


@pytest.mark.parametrize(
    "entry", ["*", None, "web-service", "deployments.apps", "*.apps", "unheard-of"]
)
def test_11_4_86_where_a_trait_applies(entry: str | None) -> None:
    applies_to = [] if entry is None else ["other", entry]
    if entry == "unheard-of":
        assert denied("ApplicationConfiguration", app(TRAIT), *limited(applies_to)) == (
            'spec.components[0].traits[0].trait: the trait "foo.example.com" cannot apply to workload'
            ' "web-service" of component "web" (appliable: ["other" "unheard-of"])'
        )
    else:
        validate("ApplicationConfiguration", app(TRAIT), *limited(applies_to))


@pytest.mark.parametrize(
    "entry", ["*.example.com", "apps/v1.Deployment", "statefulsets.apps", "web"]
)
def test_11_4_86_where_a_trait_does_not_apply(entry: str) -> None:
    assert "cannot apply" in denied("ApplicationConfiguration", app(TRAIT), *limited([entry]))


@pytest.mark.parametrize("kind", ["Component", "ApplicationConfiguration"])
def test_14_10_what_is_on_its_way_out_is_never_held_up(kind: str) -> None:
    broken = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": "odd"}
    validate(kind, broken, operation="UPDATE")
    validate(kind, None, operation="DELETE")
    update = request(kind, broken, operation="UPDATE")
    assert asyncio.run(mutated(update, kind, MUTATE[kind], Cluster())) == []


def test_9_3_another_resource_is_a_bad_request() -> None:
    other = {"group": "apps", "version": "v1", "resource": "deployments"}
    with pytest.raises(DeniedError) as caught:
        validate("ApplicationConfiguration", app(), resource=other)
    assert caught.value.status == 400


@pytest.mark.parametrize("obj", [None, "text", []])
@pytest.mark.parametrize("kind", ["Component", "ApplicationConfiguration"])
def test_11_4_88_89_91_no_object_is_a_bad_request(kind: str, obj: Any) -> None:
    with pytest.raises(DeniedError) as caught:
        mutate(kind, obj)
    assert caught.value.status == 400
    assert "there is no" in denied(kind, obj)
