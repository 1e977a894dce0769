"""Trouble of other kinds: lost watches, other writers, kinds and definitions that go, large objects. Numbers are the contract's."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    SCALERS,
    SCOPES,
    SERVICES,
    Obj,
    Scene,
    application,
    component,
    condition,
    deployment,
    oam,
    play,
    runtime,
)
from support.apiserver import ControlPlane
from test_applications import SERVICE, image_of, with_traits
from test_data import CRD, FOO, foo, output, put
from test_scopes import DEFINITION, SCOPE, member, refs
from wire import READS, Wire, faulty_clients, wired

from oamkit.errors import ApiError
from oamkit.runtime.kinds import CONTROLLER_REVISIONS, DEFINITIONS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

TRAITS, SCOPE_DEFINITIONS = DEFINITIONS
SCALING = oam(
    "TraitDefinition",
    "manualscalertraits.core.oam.dev",
    {
        "definitionRef": {"name": "manualscalertraits.core.oam.dev"},
        "workloadRefPath": "spec.workloadRef",
    },
)


def note(name: str, **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_2_1_what_happened_while_no_watch_was_possible_is_made_up_for(
    plane: ControlPlane, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server comes back without the versions that the watches know (410 Gone)."""
    monkeypatch.setattr("oamkit.kube.informer.LONGEST_PAUSE", 1.0)

    async def test(on: Scene) -> None:
        wire = Wire()
        with faulty_clients():
            async with wired(plane, wire, namespace=on.namespace):
                await on.create(component(deployment()), with_traits(SERVICE))
                await on.create(component(note("gone"), name="gone"))
                await on.create(application({"componentName": "gone"}, name="gone"))
                await on.synced("app")
                await on.synced("gone")
                wire.part()
                await asyncio.to_thread(plane.stop_api_server)
                await asyncio.to_thread(plane.start_api_server)
                # All that a watch would have told:
                await on.client.delete(SERVICES, "web", on.namespace)
                await on.client.delete(APPLICATION_CONFIGURATIONS, "gone", on.namespace)
                await on.patch(COMPONENTS, "web", {"spec": {"workload": deployment(image="v2")}})
                old = {"spec": {"template": {"metadata": {"labels": {"app": "web", "by": "hand"}}}}}
                await on.patch(DEPLOYMENTS, "web", old)
                wire.apart = False
                await on.there(DEPLOYMENTS, "web", lambda obj: image_of(obj) == "v2", seconds=30)
                await on.there(SERVICES, "web", seconds=30)
                await on.create(component(note("next"), name="next"))
                await on.create(application({"componentName": "next"}, name="next"))
                await on.synced("next")

    with caplog.at_level(logging.WARNING, "oamkit.kube.informer"):
        play(plane, test, with_runtime=False)
    assert "too old resource version" in caplog.text


def test_2_7_what_is_orphaned_stays_and_all_else_is_deleted_without_waiting_for_the_collector(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        wire = Wire()
        with faulty_clients():
            async with wired(plane, wire, namespace=on.namespace):
                for name in ("kept", "gone"):
                    await on.create(component(deployment(name), name=name))
                    await on.create(application({"componentName": name}, name=name))
                    await on.synced(name)
                await on.client.delete(
                    APPLICATION_CONFIGURATIONS, "kept", on.namespace, propagation="Orphan"
                )
                await on.gone(APPLICATION_CONFIGURATIONS, "kept")
                await on.client.delete(APPLICATION_CONFIGURATIONS, "gone", on.namespace)
                await on.gone(DEPLOYMENTS, "gone")
                kept = await on.there(DEPLOYMENTS, "kept")
                assert "ownerReferences" not in kept["metadata"]
        assert wire.seen["DELETE /apis/apps/v1/deployments/gone"] == 1

    play(plane, test, with_runtime=False)


def test_2_6_a_storm_of_other_writers_is_outlived_without_a_storm_of_ours(
    plane: ControlPlane,
) -> None:
    plane.kubectl("apply", "-f", "-", input=json.dumps(DEFINITION))

    async def test(on: Scene) -> None:
        wire = Wire()
        give = output(
            fieldPath="metadata.name",
            outputStore={
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": "store",
                "operations": [
                    put("data", value="{}"),
                    put("data.name", valueFrom={"fieldPath": "metadata.name"}),
                ],
            },
        )
        await on.create(SCOPE, component(deployment(), name="web"))
        await on.create(note("store", theirs="0"))
        stop = asyncio.Event()
        counts: Counter[str] = Counter()

        async def storm(kind: Obj, name: str, patch: Obj) -> None:
            while not stop.is_set():
                counts[name] += 1
                patch["metadata"] = {"annotations": {"storm": str(counts[name])}}
                try:
                    await on.patch(kind, name, patch)
                except ApiError as error:
                    if error.status != 404:
                        raise
                    await asyncio.sleep(0.01)

        with faulty_clients():
            async with wired(plane, wire, namespace=on.namespace):
                storms = [
                    asyncio.create_task(storm(*what))
                    for what in (
                        (APPLICATION_CONFIGURATIONS, "app", {}),
                        (COMPONENTS, "web", {}),
                        (SCOPES, "health", {}),
                        (CONFIG_MAPS, "store", {}),
                        (DEPLOYMENTS, "web", {}),
                    )
                ]
                await on.create(application(member("web") | {"dataOutputs": [give]}))
                # Writers and runtime share this process: on a busy machine the storm takes much of its time.
                await on.there(SCOPES, "health", lambda scope: refs(scope) == ["web"], seconds=45)
                await on.there(
                    CONFIG_MAPS, "store", lambda obj: obj["data"].get("name") == "web", seconds=30
                )
                await on.there(DEPLOYMENTS, "web")
                stop.set()
                await asyncio.gather(*storms)
                await on.synced()
                await on.there(CONFIG_MAPS, "store", lambda obj: obj["data"].get("name") == "web")
        assert min(counts.values()) > 5, "that was no storm"
        # Annotations of others are nothing to write back: no object is applied more often than the application changed.
        assert wire.seen["PATCH /apis/apps/v1/deployments/web"] <= counts["app"] + 1
        ours = sum(n for name, n in wire.seen.items() if not name.startswith(READS))
        assert ours < counts.total()
        found = await on.client.list(CONTROLLER_REVISIONS, on.namespace)
        assert [obj["metadata"]["name"] for obj in found["items"]] == ["web-v1"]

    try:
        play(plane, test, with_runtime=False)
    finally:
        plane.kubectl("delete", SCOPE_DEFINITIONS.plural, "--all")


def test_3_8_a_definition_that_goes_while_it_is_used_takes_nothing_with_it(
    plane: ControlPlane,
) -> None:
    for definition in (DEFINITION, SCALING):
        plane.kubectl("apply", "-f", "-", input=json.dumps(definition))

    async def test(on: Scene) -> None:
        scaler = {"trait": oam("ManualScalerTrait", "scaler", {"replicaCount": 2})}
        entry = member("web") | {"traits": [scaler]}
        await on.create(SCOPE, component(deployment(), name="web"), application(entry))
        await on.there(DEPLOYMENTS, "web", lambda obj: obj["spec"]["replicas"] == 2)
        await on.synced()
        before = [await on.there(DEPLOYMENTS, "web"), await on.there(SCALERS, "scaler")]
        await on.client.delete(TRAITS, SCALING["metadata"]["name"])

        def is_told(app: Obj) -> bool:
            (workload,) = app["status"]["workloads"]
            return "No valid TraitDefinition" in workload["traits"][0].get("message", "")

        # Without its definition the trait gets no workloadRef, which its schema wants: the pass fails, and says so.
        message = await on.failed("workloadRef")
        assert message.startswith("cannot apply components: cannot apply trait")
        await on.client.delete(SCOPE_DEFINITIONS, DEFINITION["metadata"]["name"])
        await on.create(SCALING)
        await on.failed("cannot find scope definition")
        now = [await on.there(DEPLOYMENTS, "web"), await on.there(SCALERS, "scaler")]
        assert [obj["metadata"]["uid"] for obj in now] == [obj["metadata"]["uid"] for obj in before]
        await on.there(SCOPES, "health", lambda scope: refs(scope) == ["web"])
        await on.create(DEFINITION)
        await on.synced()

    try:
        play(plane, test)
    finally:
        plane.kubectl("delete", "scopedefinitions,traitdefinitions", "--all")


def test_3_8_a_kind_that_goes_while_it_is_used_takes_its_objects_only_and_may_come_back(
    plane: ControlPlane,
) -> None:
    def serve() -> None:
        plane.kubectl("apply", "-f", "-", input=json.dumps(CRD))
        plane.kubectl("wait", "--for=condition=Established", "crd", "foo.example.com")

    async def test(on: Scene) -> None:
        await asyncio.to_thread(serve)
        await on.create(component(deployment()), with_traits(foo("foo"), SERVICE))
        await on.there(FOO, "foo")
        await on.synced()
        before = [await on.there(DEPLOYMENTS, "web"), await on.there(SERVICES, "web")]
        await asyncio.to_thread(plane.kubectl, "delete", "crd", "foo.example.com")
        await on.failed("Foo")
        # Others go on: the kind that is missing is this application's trouble only.
        await on.create(component(note("other"), name="other"))
        await on.create(application({"componentName": "other"}, name="other"))
        await on.synced("other")
        now = [await on.there(DEPLOYMENTS, "web"), await on.there(SERVICES, "web")]
        assert [obj["metadata"]["uid"] for obj in now] == [obj["metadata"]["uid"] for obj in before]
        await asyncio.to_thread(serve)
        await on.there(FOO, "foo")
        await on.synced()
        # An application whose kind is gone can go, too.
        await asyncio.to_thread(plane.kubectl, "delete", "crd", "foo.example.com")
        await on.failed("Foo")
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.gone(DEPLOYMENTS, "web")

    play(plane, test)


@pytest.mark.parametrize("size", [1_000_000])
def test_2_3_an_object_of_a_megabyte_is_made_changed_and_recorded(
    plane: ControlPlane, size: int
) -> None:
    async def test(on: Scene) -> None:
        async with runtime(plane, namespace=on.namespace):
            await on.create(component(note("big", text="x" * size), name="big"))
            await on.create(application({"componentName": "big"}))
            await on.there(CONFIG_MAPS, "big", lambda obj: len(obj["data"]["text"]) == size)
            await on.synced()
            patch = {"spec": {"workload": note("big", text="y" * size)}}
            await on.patch(COMPONENTS, "big", patch)
            await on.there(CONFIG_MAPS, "big", lambda obj: obj["data"]["text"][0] == "y")
            await on.synced()
            revision = await on.there(CONTROLLER_REVISIONS, "big-v2")
            assert len(revision["data"]["spec"]["workload"]["data"]["text"]) == size
            # A small one beside it isn't held up.
            await on.create(component(note("small"), name="small"))
            await on.create(application({"componentName": "small"}, name="small"))
            await on.synced("small")

    play(plane, test, with_runtime=False)


def test_2_3_what_is_too_large_for_the_api_server_is_told(plane: ControlPlane) -> None:
    """The Component just fits; the workload, with labels and owner, doesn't."""

    async def test(on: Scene) -> None:
        big = note("big", text="x" * 1_048_560)  # a ConfigMap's data may have 1 MiB
        big["data"]["more"] = "y" * 100
        await on.create(component(big, name="big"), application({"componentName": "big"}))
        message = await on.failed("Too long")
        assert message.startswith('cannot apply components: cannot apply workload "big": ')
        assert len(message) < 2000
        app = await on.there(APPLICATION_CONFIGURATIONS, "app")
        assert condition(app)["reason"] == "ReconcileError"

    play(plane, test)
