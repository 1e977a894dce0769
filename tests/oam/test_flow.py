"""Data passing (contract 5); numbers in names are the contract's, ``11_4`` stands for its list of unit behaviours."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from oamkit.errors import OamKitError
from oamkit.oam import ApplicationConfiguration, flow, render, succeeded
from oamkit.oam.dataparts import store_keys
from oamkit.oam.flow import Flow
from oamkit.oam.passing import Operation, Requirement
from oamkit.oam.readiness import unmet
from oamkit.oam.stores import perform, steps

Obj = dict[str, Any]
NOW = "2026-01-01T00:00:00Z"
OUT, IN = "out", "in"


def foo(name: str, **fields: Any) -> Obj:
    return {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": name}, **fields}


def output(**fields: Any) -> Obj:
    return {"name": "key", "fieldPath": "status.key", **fields}


def data_input(**fields: Any) -> Obj:
    return {"valueFrom": {"dataOutputName": "key"}, "toFieldPaths": ["spec.key"], **fields}


def part(name: str, role: str, passing: Obj, make: Any, facts: Any) -> Obj:
    """An entry of spec.components whose workload or trait is the Foo called ``name`` and passes data."""
    if role == "workload":
        facts.add(make.component(f"c-{name}", workload=foo(name)))
        return {"componentName": f"c-{name}", **passing}
    facts.add(make.component(f"c-{name}", workload=foo(f"w-{name}")))
    return {"componentName": f"c-{name}", "traits": [{"trait": foo(name), **passing}]}


def passed(facts: Any, app: Obj) -> Flow:
    view = ApplicationConfiguration.parse(app)
    world = facts.world(view)
    return flow(view, render(view, world), world)


def objects(passed: Flow) -> dict[str, Obj]:
    return {obj["metadata"]["name"]: obj for obj in passed.plan.objects()}


def waiting(passed: Flow) -> set[str]:
    return {each.reference.name for each in passed.plan.parts() if each.field in passed.waiting}


@pytest.mark.parametrize(
    ("source", "target", "ready"),
    list(itertools.product(["workload", "trait"], ["workload", "trait"], [True, False])),
)
def test_11_4_37_what_waits_for_data_of_a_workload_or_trait(
    facts: Any, make: Any, source: str, target: str, ready: bool
) -> None:
    entries = [
        part(OUT, source, {"dataOutputs": [output()]}, make, facts),
        part(IN, target, {"dataInputs": [data_input()]}, make, facts),
    ]
    facts.add(foo(OUT, status={"key": "test"} if ready else {}))
    result = passed(facts, make.app(*entries))
    if ready:
        assert not result.waiting
        assert not result.unsatisfied
        assert objects(result)[IN]["spec"] == {"key": "test"}
    else:
        assert waiting(result) == {IN}
        assert result.unsatisfied == (
            {
                "reason": "status.key not found in object",
                "from": {
                    "apiVersion": "example.com/v1",
                    "kind": "Foo",
                    "name": OUT,
                    "fieldPath": "status.key",
                },
                "to": {
                    "apiVersion": "example.com/v1",
                    "kind": "Foo",
                    "name": IN,
                    "fieldPaths": ["spec.key"],
                },
            },
        )


def two(facts: Any, make: Any, outputs: list[Obj], inputs: list[Obj]) -> Obj:
    app: Obj = make.app(
        part(OUT, "workload", {"dataOutputs": outputs}, make, facts),
        part(IN, "workload", {"dataInputs": inputs}, make, facts),
    )
    return app


def reasons(result: Flow) -> list[str]:
    return [entry["reason"] for entry in result.unsatisfied]


@pytest.mark.parametrize("role", ["workload", "trait"])
def test_11_4_37_an_output_that_nobody_gives_is_an_error(facts: Any, make: Any, role: str) -> None:
    app = make.app(part(IN, role, {"dataInputs": [data_input()]}, make, facts))
    with pytest.raises(OamKitError) as caught:
        passed(facts, app)
    assert caught.value.message == (
        f"handleDataInput for {role} (shop/in) failed: DataOutputName (key): DataOutput does not exist"
    )


def test_11_4_37_a_list_is_appended_to_the_one_in_the_template(facts: Any, make: Any) -> None:
    app = two(facts, make, [output(fieldPath="status.list")], [data_input()])
    facts.objects["Component", "c-in"]["spec"]["workload"]["spec"] = {"key": ["a"]}
    facts.add(foo(OUT, status={"list": ["b"]}))
    assert objects(passed(facts, app))[IN]["spec"] == {"key": ["a", "b"]}


def test_5_3_a_list_makes_the_field_and_fits_no_other(facts: Any, make: Any) -> None:
    app = two(facts, make, [output(fieldPath="status.list")], [data_input()])
    facts.add(foo(OUT, status={"list": ["b"]}))
    assert objects(passed(facts, app))[IN]["spec"] == {"key": ["b"]}
    facts.objects["Component", "c-in"]["spec"]["workload"]["spec"] = {"key": "text"}
    with pytest.raises(OamKitError, match="not an array"):
        passed(facts, app)


def test_11_4_37_of_two_outputs_the_ready_one_is_kept(facts: Any, make: Any) -> None:
    store = {"apiVersion": "v1", "kind": "ConfigMap", "name": "store"}
    facts.kinds["v1", "ConfigMap"] = facts.kinds["v1", "Service"]

    def to_store(path: str) -> Obj:
        put = {"type": "jsonPatch", "op": "add", "toFieldPath": "data", "value": "{}"}
        check = {"op": "notEmpty", "fieldPath": path}
        return {"outputStore": {**store, "operations": [{**put, "conditions": [check]}]}}

    app = make.app(
        part(
            OUT,
            "workload",
            {"dataOutputs": [to_store("status.one"), to_store("status.two")]},
            make,
            facts,
        )
    )
    facts.add(foo(OUT, status={"one": "here"}))
    result = passed(facts, app)
    (writes,) = result.stores.values()
    assert len(writes) == 1
    assert reasons(result) == ["can't get value to check status.two: no such field"]
    assert "fieldPath" not in result.unsatisfied[0]["from"]
    assert not result.waiting, "an output never holds up its own object"


def from_store(path: str) -> Obj:
    return {
        "inputStore": {
            "apiVersion": "example.com/v1",
            "kind": "Foo",
            "name": "store",
            "operations": [
                {
                    "type": "jsonPatch",
                    "op": "add",
                    "toFieldPath": "spec",
                    "valueFrom": {"fieldPath": path},
                }
            ],
        }
    }


def test_11_4_37_a_store_that_has_the_data_gives_it(facts: Any, make: Any) -> None:
    app = make.app(part(IN, "workload", {"dataInputs": [from_store("spec")]}, make, facts))
    facts.add(foo("store", spec={"key": "v"}))
    result = passed(facts, app)
    assert not result.unsatisfied
    assert objects(result)[IN]["spec"] == {"key": "v"}


def test_11_4_37_one_of_two_stores_without_its_data_holds_up_all(facts: Any, make: Any) -> None:
    inputs = [from_store("spec"), from_store("status.none")]
    app = make.app(part(IN, "workload", {"dataInputs": inputs}, make, facts))
    facts.add(foo("store", spec={"key": "v"}))
    result = passed(facts, app)
    assert reasons(result) == ["status.none not found in object"]
    assert waiting(result) == {IN}
    assert "spec" not in objects(result)[IN]


def test_5_3_a_store_that_is_not_there_is_waited_for(facts: Any, make: Any) -> None:
    app = make.app(part(IN, "workload", {"dataInputs": [from_store("spec")]}, make, facts))
    assert reasons(passed(facts, app)) == ["failed to get object (shop/store)"]


def test_11_4_38_an_output_is_found_with_its_object_path_and_conditions(
    facts: Any, make: Any
) -> None:
    check = {"op": "eq", "value": "v2", "fieldPath": "status.version"}
    app = two(facts, make, [output(conditions=[check])], [data_input()])
    facts.add(foo(OUT, status={"key": "test", "version": "v1"}))
    result = passed(facts, app)
    assert reasons(result) == ["got(v1) expected to be v2"]
    assert result.unsatisfied[0]["from"]["fieldPath"] == "status.key"


def test_5_1_the_last_of_two_outputs_with_one_name_counts(facts: Any, make: Any) -> None:
    app = two(facts, make, [output(), output(fieldPath="status.other")], [data_input()])
    facts.add(foo(OUT, status={"key": "first", "other": "last"}))
    assert objects(passed(facts, app))[IN]["spec"] == {"key": "last"}


def test_5_1_a_circle_just_waits(facts: Any, make: Any) -> None:
    def both(name: str, other: str) -> Obj:
        return {
            "dataOutputs": [output(name=name)],
            "dataInputs": [data_input(valueFrom={"dataOutputName": other})],
        }

    app = make.app(
        part("a", "workload", both("a", "b"), make, facts),
        part("b", "workload", both("b", "a"), make, facts),
    )
    result = passed(facts, app)
    assert waiting(result) == {"a", "b"}
    assert reasons(result) == ["failed to get object (shop/b)", "failed to get object (shop/a)"]


@pytest.mark.parametrize("value", [0, False, [], {"a": 1}, 1.5])
def test_5_2_anything_but_an_empty_text_is_ready(facts: Any, make: Any, value: object) -> None:
    app = two(facts, make, [output()], [data_input()])
    facts.add(foo(OUT, status={"key": value}))
    result = passed(facts, app)
    assert not result.unsatisfied
    assert objects(result)[IN]["spec"] == {"key": value}


def test_5_2_an_empty_text_is_not_ready(facts: Any, make: Any) -> None:
    app = two(facts, make, [output()], [data_input()])
    facts.add(foo(OUT, status={"key": ""}))
    assert reasons(passed(facts, app)) == ["value should not be empty"]


def test_5_2_an_output_without_path_and_conditions_needs_no_object(facts: Any, make: Any) -> None:
    app = two(facts, make, [{"name": "key"}], [data_input(toFieldPaths=[])])
    assert not passed(facts, app).unsatisfied


def test_5_2_a_source_that_cannot_be_read_stops_the_pass(facts: Any, make: Any) -> None:
    app = two(facts, make, [output()], [data_input()])
    facts.objects["Foo", OUT] = OamKitError("forbidden")
    with pytest.raises(OamKitError, match="forbidden"):
        passed(facts, app)


def test_1_6_the_empty_structs_of_go_clients_count_as_absent(facts: Any, make: Any) -> None:
    store = {"apiVersion": "", "kind": "", "name": ""}
    app = two(
        facts,
        make,
        [output(outputStore=store)],
        [{"valueFrom": {"dataOutputName": ""}, "inputStore": store}],
    )
    result = passed(facts, app)
    assert not result.unsatisfied
    assert not result.stores
    assert store_keys(ApplicationConfiguration.parse(app)) == frozenset()


def test_11_4_29_what_waits_is_told_and_recorded_and_no_failure(facts: Any, make: Any) -> None:
    app = two(facts, make, [output()], [data_input()])
    result = passed(facts, app)
    status = succeeded(
        ApplicationConfiguration.parse(app),
        {},
        result.plan,
        now=NOW,
        unsatisfied=result.unsatisfied,
    )
    assert status["conditions"][0]["reason"] == "ReconcileSuccess"
    assert [w["workloadRef"]["name"] for w in status["workloads"]] == [OUT, IN]
    assert status["dependency"]["unsatisfied"][0]["reason"] == "failed to get object (shop/out)"


APP = {
    "metadata": {
        "labels": {"app-hash": "hash-v1", "app.hash": "hash-v1"},
        "annotations": {"app-hash": "hash-v1", "app-int": 1},
    }
}


@pytest.mark.parametrize(
    ("condition", "value", "reason"),
    [
        (None, "v", ""),
        ({"op": "notEmpty"}, "", "value should not be empty"),
        ({"op": "notEmpty"}, "v", ""),
        ({"op": "eq", "value": "v"}, "v", ""),
        ({"op": "eq", "value": "w"}, "v", "got(v) expected to be w"),
        ({"op": "notEq", "value": "w"}, "v", ""),
        ({"op": "notEq", "value": "v"}, "v", "got(v) expected not to be v"),
        ({"op": "eq", "value": "x", "field_path": "spec.x"}, "v", ""),
        ({"op": "eq", "value": "v", "field_path": "spec.x"}, "v", "got(x) expected to be v"),
        ({"op": "eq", "value_from": "metadata.labels.app-hash"}, "hash-v1", ""),
        ({"op": "eq", "value_from": "metadata.labels[app.hash]"}, "hash-v1", ""),
        ({"op": "eq", "value_from": "metadata.annotations.app-hash"}, "hash-v1", ""),
        (
            {"op": "eq", "value_from": "metadata.annotations.app-int"},
            "v",
            "get valueFrom.fieldPath fail: metadata.annotations.app-int: not a string",
        ),
        ({"op": "eq", "value": "x"}, None, "can't get value to check FieldPath not specified"),
        (
            {"op": "eq", "value": "x", "field_path": "spec.n"},
            "v",
            "can't get value to check spec.n: not a string",
        ),
        ({"op": "unheard-of", "value": "x"}, "v", ""),
    ],
)
def test_11_4_26_conditions(condition: Obj | None, value: str | None, reason: str) -> None:
    conditions = [Requirement(**condition)] if condition else []
    obj = {"spec": {"x": "x", "n": 1}}
    assert unmet(conditions, obj, value, APP) == reason


def operation(to: str, inside: str = "", **fields: Any) -> Operation:
    return Operation("jsonPatch", fields.pop("op", "add"), to, inside, **fields)


def done(source: Obj, target: Obj, *operations: Operation) -> Obj:
    return perform(steps(operations, source), target)


@pytest.mark.parametrize("number", [47, 48])
def test_11_4_47_48_data_goes_into_the_text_of_a_store_or_of_a_workload(number: int) -> None:
    source = foo("out", spec={"key": "value-in-workload"})
    target = {"metadata": {"name": "store"}} if number == 47 else foo("in", spec={"key": "old"})
    field = "data" if number == 47 else "spec"
    result = done(
        source,
        target,
        operation(field, value="{}"),
        operation(f"{field}.key", value='"{}"'),
        operation(f"{field}.key", "value", value_from="spec.key"),
    )
    assert result[field] == {"key": '{"value":"value-in-workload"}'}


def test_5_5_texts_keep_their_quotes_backslashes_and_lines() -> None:
    text = 'say "hi"\\ \n é'
    (result,) = done(
        {"a": text}, {}, operation("data", value="{}"), operation("data.a", value_from="a")
    ).values()
    assert result == {"a": text}


def test_5_5_inside_a_text_every_value_is_a_string_and_replace_sets() -> None:
    start = {"data": {"t": '{"list":["a","c"]}'}}
    result = done(
        {"n": 5},
        start,
        operation("data.t", "n", op="replace", value_from="n"),
        operation("data.t", "list.1", value='"b"'),
        operation("data.t", "list.-", value='"d"'),
        operation("data.t", "list.0", op="remove", value='""'),
    )
    assert result["data"]["t"] == '{"list":["b","c","d"],"n":"5"}'
    assert start == {"data": {"t": '{"list":["a","c"]}'}}


def test_5_5_without_text_there_is_nothing_to_patch() -> None:
    result = done({}, {"data": {"t": ""}}, operation("data.t", "a", value='"v"'))
    assert result["data"]["t"] == '"v"'


def test_5_5_paths_are_dotted_with_numbers_for_elements() -> None:
    start = {"items": [{"a": 1}]}
    assert done({}, start, operation("items.0.a", value="2"), operation("items.1", value="3")) == {
        "items": [{"a": 2}, 3]
    }
    assert done({}, {"data": {}}, operation(r"data.a\.txt", value='"x"')) == {
        "data": {"a.txt": "x"}
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Operation("merge", "add", "data", value="{}"), "invaild type in operation"),
        (operation("data"), "both are empty"),
        (operation("data", value_from="spec.none"), "spec.none not found in object"),
        (operation("data", value="{"), "isn't JSON"),
        (operation("a.b", value="1"), "a is missing"),
        (operation("text.b", value="1"), "text is a string"),
        (operation("list.x", value="1"), "expected an index of 0 to 1"),
        (operation("list.99999999999999999999", value="1"), "expected an index"),
        (operation("text", "a", value="1"), "what text holds isn't JSON"),
        (operation("json", "a", op="delete", value="1"), "Unexpected kind: delete"),
        (operation("json", "a", op="remove", value="1"), "isn't there to be removed"),
        (operation("", value="1"), 'cannot set ""'),
    ],
)
def test_5_5_what_cannot_be_done_is_told(change: Operation, message: str) -> None:
    with pytest.raises(OamKitError, match=message):
        done({}, {"text": "x", "list": [1], "json": "{}"}, change)
