"""Contract 1.2–1.6: odd input is an error that names the field, never a crash."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oamkit.errors import InputError
from oamkit.oam import (
    ApplicationConfiguration,
    Component,
    ScopeDefinition,
    TraitDefinition,
    TypedReference,
)

ODD_APPS: list[tuple[Any, str]] = [
    ([], "expected an object, got a list"),
    ({}, "metadata.name: expected a name, found none"),
    ({"metadata": {"name": 3}}, "metadata.name: expected a string, got an integer"),
    ({"spec": []}, "spec: expected an object, got a list"),
    ({"spec": {"components": {}}}, "spec.components: expected a list, got an object"),
    ({"spec": {"components": ["x"]}}, "spec.components[0]: expected an object, got a string"),
    (
        {"spec": {"components": [{"componentName": True}]}},
        "spec.components[0].componentName: expected a string, got a boolean",
    ),
    (
        {"spec": {"components": [{"traits": [{}, "x"]}]}},
        "spec.components[0].traits[1]: expected an object, got a string",
    ),
    (
        {"spec": {"components": [{"scopes": [{"scopeRef": {"kind": 1.5}}]}]}},
        "spec.components[0].scopes[0].scopeRef.kind: expected a string, got a number",
    ),
    (
        {"spec": {"components": [{"dataInputs": [3]}]}},
        "spec.components[0].dataInputs[0]: expected an object, got an integer",
    ),
    (
        {"metadata": {"name": "a", "labels": {"x": 1}}},
        "metadata.labels[x]: expected a string, got an integer",
    ),
    (
        {"spec": {1: "x"}},
        "spec: expected keys that are strings, got the key 1",
    ),
    (
        {"status": {"workloads": [{"workloadRef": "x"}]}},
        "status.workloads[0].workloadRef: expected an object, got a string",
    ),
]


@pytest.mark.parametrize(("odd", "message"), ODD_APPS, ids=[message for _, message in ODD_APPS])
def test_1_6_odd_applications_name_the_field(odd: Any, message: str) -> None:
    if isinstance(odd, dict) and odd:
        odd = {"metadata": {"name": "example"}, **odd}
    with pytest.raises(InputError) as caught:
        ApplicationConfiguration.parse(odd)
    assert caught.value.message == message


@pytest.mark.parametrize("value", [True, 1.5, None, [], {}, 2**31, -(2**31) - 1])
def test_1_6_parameter_values_are_strings_or_32_bit_integers(value: Any) -> None:
    entry = {"parameterValues": [{"name": "p", "value": value}]}
    with pytest.raises(InputError) as caught:
        ApplicationConfiguration.parse(
            {"metadata": {"name": "example"}, "spec": {"components": [entry]}}
        )
    assert caught.value.field == "spec.components[0].parameterValues[0].value"


@pytest.mark.parametrize("value", [0, 2**31 - 1, -(2**31), "", "text"])
def test_1_6_parameter_values_that_fit(value: Any) -> None:
    entry = {"parameterValues": [{"name": "p", "value": value}]}
    app = ApplicationConfiguration.parse(
        {"metadata": {"name": "example"}, "spec": {"components": [entry]}}
    )
    assert app.components[0].parameter_values[0].value == value


@pytest.mark.parametrize(
    ("parse", "odd", "field"),
    [
        (
            Component.parse,
            {"spec": {"parameters": [{"fieldPaths": []}]}},
            "spec.parameters[0].name",
        ),
        (
            Component.parse,
            {"spec": {"parameters": [{"name": "a", "fieldPaths": [1]}]}},
            "spec.parameters[0].fieldPaths[0]",
        ),
        (
            Component.parse,
            {"spec": {"parameters": [{"name": "a", "required": "yes"}]}},
            "spec.parameters[0].required",
        ),
        (
            TraitDefinition.parse,
            {"metadata": {"name": "t"}, "spec": {"revisionEnabled": 1}},
            "spec.revisionEnabled",
        ),
        (ScopeDefinition.parse, {"spec": {}}, "metadata.name"),
    ],
)
def test_1_2_to_1_5_odd_objects_name_the_field(parse: Any, odd: Any, field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(odd)
    assert caught.value.field == field


def test_1_1_references_read_what_is_there() -> None:
    assert TypedReference.to({"apiVersion": 3, "metadata": "x"}) == TypedReference("", "", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["metadata", "spec", "status", "components", "name", "traits", "trait", "scopes", "scopeRef",
             "parameterValues", "workloads", "componentName", "value", "labels", "x"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(json_values)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for parse in (ApplicationConfiguration.parse, Component.parse, TraitDefinition.parse):
        with contextlib.suppress(InputError):
            parse(value)
