"""Data passing on a real API server; names carry the contract's numbers (11.3, D1 to D8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    CONFIG_MAPS,
    Obj,
    Scene,
    application,
    component,
    play,
    runtime,
)
from support.apiserver import ControlPlane

from oamkit.kube import Resource

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

FOO = Resource("example.com", "v1", "foo", "Foo", namespaced=True)
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "foo.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "foo", "kind": "Foo"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": STRINGS, "status": STRINGS},
                    }
                },
            }
        ],
    },
}
HASH = {"op": "eq", "fieldPath": "status.app-hash", "valueFrom": {"fieldPath": "metadata.labels.app-hash"}}  # fmt: skip
STORE = {"apiVersion": "v1", "kind": "ConfigMap", "name": "store"}


@pytest.fixture(autouse=True, scope="module")
def _kind(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("apply", "-f", "-", input=json.dumps(CRD))
    plane.kubectl("wait", "--for=condition=Established", "crd", "foo.example.com")
    yield
    plane.kubectl("delete", "crd", "foo.example.com")


def foo(name: str) -> Obj:
    return {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": name}, "spec": {}}


def output(**fields: Any) -> Obj:
    return {"name": "key", "fieldPath": "status.key", **fields}


def data_input(**fields: Any) -> Obj:
    return {"valueFrom": {"dataOutputName": "key"}, "toFieldPaths": ["spec.key"], **fields}


def put(to: str, inside: str = "", **fields: Any) -> Obj:
    return {
        "type": "jsonPatch",
        "op": "add",
        "toFieldPath": to,
        **({"toDataPath": inside} if inside else {}),
        **fields,
    }


def taken(path: str) -> Obj:
    return {"valueFrom": {"fieldPath": path}}


async def deploy(on: Scene, source: str, target: str, outputs: list[Obj], inputs: list[Obj]) -> Obj:
    """An application whose Foo ``data-output`` gives data to its Foo ``data-input``; returns it as it is made."""
    entries = []
    for name, role, passing in (
        ("data-output", source, {"dataOutputs": outputs}),
        ("data-input", target, {"dataInputs": inputs}),
    ):
        workload = name if role == "component" else f"{name}-workload"
        await on.create(component(foo(workload), name=f"c-{name}"))
        entry: Obj = {"componentName": f"c-{name}"}
        if role == "component":
            entry |= passing
        else:
            entry["traits"] = [{"trait": foo(name), **passing}]
        entries.append(entry)
    app = application(*entries)
    app["metadata"]["labels"] = {"app-hash": "hash-v1"}
    return await on.create(app)


async def set_status(on: Scene, **status: str) -> None:
    await on.there(FOO, "data-output")
    status = {key.replace("_", "-"): value for key, value in status.items()}
    await on.client.merge_patch(
        FOO, "data-output", {"status": status}, on.namespace, subresource="status"
    )


async def waits(on: Scene, *wanted: tuple[str, str, list[str]]) -> list[Obj]:
    """Wait until just these (reason, consumer, paths) are unsatisfied, and the pass nonetheless succeeded."""

    def found(app: Obj) -> list[Obj]:
        entries: list[Obj] = (app.get("status") or {}).get("dependency", {}).get("unsatisfied", [])
        return entries

    def holds(app: Obj) -> bool:
        return "status" in app and wanted == tuple(
            (e["reason"], e["to"]["name"], e["to"].get("fieldPaths", [])) for e in found(app)
        )

    app = await on.there(APPLICATION_CONFIGURATIONS, "app", holds)
    assert app["status"]["conditions"][0]["reason"] == "ReconcileSuccess"
    return found(app)


async def has(on: Scene, value: str) -> None:
    await on.there(FOO, "data-input", lambda obj: obj["spec"].get("key") == value)


async def relabel(on: Scene, value: str) -> None:
    await on.patch(APPLICATION_CONFIGURATIONS, "app", {"metadata": {"labels": {"app-hash": value}}})


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param("trait", "trait", id="11_3_d1"),
        pytest.param("component", "component", id="11_3_d2"),
        pytest.param("trait", "component", id="11_3_d3"),
        pytest.param("component", "trait", id="11_3_d4"),
    ],
)
def test_11_3_d1_d2_d3_d4_what_waits_is_made_when_its_data_comes(
    plane: ControlPlane, source: str, target: str
) -> None:
    async def test(on: Scene) -> None:
        await deploy(on, source, target, [output()], [data_input()])
        (entry,) = await waits(on, ("status.key not found in object", "data-input", ["spec.key"]))
        assert entry["from"] == {
            "apiVersion": "example.com/v1",
            "kind": "Foo",
            "name": "data-output",
            "fieldPath": "status.key",
        }
        assert await on.get(FOO, "data-input") is None
        await set_status(on, key="test")
        await on.there(FOO, "data-input", lambda obj: obj["spec"]["key"] == "test", seconds=3)
        await waits(on)
        await set_status(on, key="newer")
        await has(on, "newer")

    play(plane, test)


def test_11_3_d5_a_condition_compares_with_a_label_of_the_application(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await deploy(on, "trait", "component", [output(conditions=[HASH])], [data_input()])
        await set_status(on, key="test", app_hash="hash-v1")
        await has(on, "test")
        await waits(on)
        await relabel(on, "hash-v2")
        await waits(on, ("got(hash-v1) expected to be hash-v2", "data-input", ["spec.key"]))
        await has(on, "test")
        await set_status(on, key="test-new", app_hash="hash-v2")
        await has(on, "test-new")
        await waits(on)
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.gone(APPLICATION_CONFIGURATIONS, "app")
        await on.gone(FOO, "data-input")

    play(plane, test)


def test_11_3_d6_an_output_also_goes_into_a_store(plane: ControlPlane) -> None:
    operations = [
        put("data", value="{}"),
        put("data.app-hash", **taken("status.app-hash"), conditions=[HASH]),
    ]

    async def test(on: Scene) -> None:
        entry = output(conditions=[HASH], outputStore={**STORE, "operations": operations})
        # The consumer is a component here, and stands first.
        await on.create(component(foo("data-input"), name="in"), component(foo("w"), name="out"))
        app = application(
            {"componentName": "in", "dataInputs": [data_input()]},
            {
                "componentName": "out",
                "traits": [{"trait": foo("data-output"), "dataOutputs": [entry]}],
            },
        )
        app["metadata"]["labels"] = {"app-hash": "hash-v1"}
        await on.create(app)
        await on.there(FOO, "data-output")
        assert await on.get(CONFIG_MAPS, "store") is None
        await set_status(on, key="test", app_hash="hash-v1")
        await has(on, "test")
        store = await on.there(CONFIG_MAPS, "store", lambda s: s["data"]["app-hash"] == "hash-v1")
        assert store["metadata"]["ownerReferences"][0]["name"] == "app"
        await waits(on)
        await relabel(on, "hash-v2")
        reason = "got(hash-v1) expected to be hash-v2"
        await waits(on, (reason, "data-input", ["spec.key"]), (reason, "store", ["data.app-hash"]))
        await set_status(on, key="test-new", app_hash="hash-v2")
        await has(on, "test-new")
        await on.there(CONFIG_MAPS, "store", lambda s: s["data"]["app-hash"] == "hash-v2")

    play(plane, test)


def test_11_3_d7_data_goes_through_a_store_only(plane: ControlPlane) -> None:
    operations = [
        put("data", value="{}"),
        put("data.app-hash", value="{}"),
        put(
            "data.app-hash",
            "sub-path",
            **taken("status.key"),
            conditions=[{"op": "notEq", "value": ""}, HASH],
        ),
    ]
    read = put("spec.key", **taken("data.app-hash"))

    async def test(on: Scene) -> None:
        await deploy(
            on,
            "component",
            "trait",
            [{"outputStore": {**STORE, "operations": operations}}],
            [{"inputStore": {**STORE, "operations": [read]}}],
        )
        await set_status(on, key="test", app_hash="hash-v1")
        await has(on, '{"sub-path":"test"}')
        await waits(on)
        await relabel(on, "hash-v2")
        await waits(
            on, ("got(hash-v1) expected to be hash-v2", "store", ["data.app-hash(sub-path)"])
        )
        await set_status(on, key="test-new", app_hash="hash-v2")
        await has(on, '{"sub-path":"test-new"}')

        await on.patch(CONFIG_MAPS, "store", {"data": {"app-hash": "by hand"}})
        await has(on, '{"sub-path":"test-new"}')
        await on.there(CONFIG_MAPS, "store", lambda s: s["data"]["app-hash"] != "by hand")

    play(plane, test)


def test_11_3_d8_an_input_looks_at_its_own_object(plane: ControlPlane) -> None:
    mine = {"op": "eq", "value": "", "fieldPath": "spec.key"}

    async def test(on: Scene) -> None:
        await deploy(
            on, "trait", "trait", [output(conditions=[HASH])], [data_input(conditions=[mine])]
        )
        await set_status(on, key="test", app_hash="hash-v1")
        await has(on, "test")
        await relabel(on, "hash-v2")
        await set_status(on, key="test-new", app_hash="hash-v2")
        await waits(
            on, ("DataInputs Conditions: got(test) expected to be ", "data-input", ["spec.key"])
        )
        await has(on, "test")

    play(plane, test)


def test_5_3_an_output_that_nobody_gives_fails_the_pass(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await deploy(on, "trait", "component", [], [data_input()])
        text = f"handleDataInput for workload ({on.namespace}/data-input) failed"
        message = await on.failed(text)
        assert message.startswith("cannot render components: ")
        assert await on.get(FOO, "data-output") is None

    play(plane, test)


def test_5_5_a_pass_over_a_filled_store_writes_nothing(plane: ControlPlane) -> None:
    operations = [put("data", value="{}"), put("data.key", **taken("status.key"))]

    async def test(on: Scene) -> None:
        await deploy(
            on,
            "component",
            "trait",
            [output(outputStore={**STORE, "operations": operations})],
            [data_input()],
        )
        await set_status(on, key="test")
        await on.there(CONFIG_MAPS, "store", lambda s: s["data"].get("key") == "test")
        await has(on, "test")
        await waits(on)
        version = await on.version(CONFIG_MAPS, "store")
        await set_status(on, other="news")
        await relabel(on, "hash-v2")  # by this we see that a pass was made
        await on.there(
            FOO, "data-input", lambda f: f["metadata"]["labels"]["app-hash"] == "hash-v2"
        )
        assert await on.version(CONFIG_MAPS, "store") == version

    play(plane, test)


def test_5_1_a_runtime_that_starts_anew_goes_on_waiting(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        async with runtime(plane, namespace=on.namespace):
            await deploy(
                on,
                "component",
                "trait",
                [output(conditions=[HASH])],
                [data_input(), {"inputStore": {**STORE, "operations": [put("spec.more", **taken("data.more"))]}}],
            )  # fmt: skip
            await waits(on, ("status.key not found in object", "data-input", ["spec.key"]))
        async with runtime(plane, namespace=on.namespace):
            await set_status(on, key="test", app_hash="hash-v1")
            await waits(
                on, (f"failed to get object ({on.namespace}/store)", "data-input", ["spec.more"])
            )
            store = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "store"}}
            await on.create(store | {"data": {"more": "v"}})
            made = await on.there(FOO, "data-input", seconds=5)
            assert made["spec"] == {"key": "test", "more": "v"}
        # What changed while nobody looked is passed on too.
        await on.patch(CONFIG_MAPS, "store", {"data": {"more": "w"}})
        async with runtime(plane, namespace=on.namespace):
            await on.there(FOO, "data-input", lambda obj: obj["spec"]["more"] == "w")

    play(plane, test, with_runtime=False)
