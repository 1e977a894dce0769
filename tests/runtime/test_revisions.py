"""Component revisions on a real API server. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
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

from oamkit.errors import ApiError
from oamkit.kube import Client, Resource
from oamkit.oam import revisions
from oamkit.runtime.kinds import CONTROLLER_REVISIONS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

NAME = "web"


def config(value: str, name: str | None = None) -> Obj:
    metadata = {"name": name} if name else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


def trait(value: str = "v1", type_: str = "") -> Obj:
    """A trait of a kind that every cluster has; its definition is found by a label."""
    made = config(value, "trait")
    if type_:
        made["metadata"]["labels"] = {"trait.oam.dev/type": type_}
    return {"trait": made}


def recorded(name: str) -> Callable[[Obj], bool]:
    return lambda obj: (
        obj.get("status", {}).get("latestRevision", {}).get("name") == name
        and obj["status"]["observedGeneration"] == obj["metadata"]["generation"]
    )


async def change(on: Scene, workload: Obj, name: str = NAME) -> None:
    patch = [{"op": "replace", "path": "/spec/workload", "value": workload}]
    await on.client.json_patch(COMPONENTS, name, patch, on.namespace)


async def revisions_of(on: Scene, name: str = NAME) -> list[str]:
    listed = await on.client.list(
        CONTROLLER_REVISIONS, on.namespace, label_selector=f"controller.oam.dev/component={name}"
    )
    return sorted(item["metadata"]["name"] for item in listed["items"])


class Definition:
    """A TraitDefinition with revisionEnabled, which lives as long as a test."""

    def __init__(self, on: Scene) -> None:
        self.on, self.name = on, f"rollout-{on.namespace}"

    async def __aenter__(self) -> str:
        spec = {"definitionRef": {"name": "configmaps"}, "revisionEnabled": True}
        await self.on.create(oam("TraitDefinition", self.name, spec))
        return self.name

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(
            self.on.plane.kubectl, "delete", "traitdefinition", self.name, "--wait=false"
        )


def test_11_1_e6_each_change_of_a_component_makes_a_revision(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(config("v1")))
        await on.there(COMPONENTS, NAME, recorded("web-v1"))
        first = await on.there(CONTROLLER_REVISIONS, "web-v1")
        assert first["revision"] == 1
        assert first["data"]["status"]["latestRevision"]["name"] == "web-v1"
        await change(on, config("v2"))
        await on.there(COMPONENTS, NAME, recorded("web-v2"))
        assert (await on.there(CONTROLLER_REVISIONS, "web-v2"))["revision"] == 2
        await on.patch(COMPONENTS, NAME, {"metadata": {"labels": {"team": "a"}}})
        await change(on, config("v1"))  # going back is a change as well
        await on.there(COMPONENTS, NAME, recorded("web-v3"))
        assert await revisions_of(on) == ["web-v1", "web-v2", "web-v3"]

    play(plane, test)


def test_11_1_e8_a_pinned_revision_stays_when_the_component_moves_on(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(config("v1")))
        await on.there(COMPONENTS, NAME, recorded("web-v1"))
        await on.create(application({"revisionName": "web-v1"}))
        await on.synced()
        assert (await on.there(CONFIG_MAPS, NAME))["data"] == {"key": "v1"}
        before = await on.version(CONFIG_MAPS, NAME)
        await change(on, config("v2"))
        await on.there(COMPONENTS, NAME, recorded("web-v2"))
        # A second application shows that the runtime has seen the change.
        other = {"componentName": NAME, "traits": [], "parameterValues": []}
        await on.create(component(config("x", "other"), name="other"))
        await on.create(application({**other, "componentName": "other"}, name="other"))
        await on.synced("other")
        assert await on.version(CONFIG_MAPS, NAME) == before

    play(plane, test)


def test_11_1_e9_a_component_by_name_is_followed_in_the_same_object(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(config("v1")), application())
        app = await on.synced()
        assert app["status"]["workloads"][0]["componentRevisionName"] == "web-v1"
        made = await on.there(CONFIG_MAPS, NAME, lambda obj: obj["data"] == {"key": "v1"})
        assert made["metadata"]["labels"]["app.oam.dev/revision"] == "web-v1"
        await change(on, config("v2"))
        made = await on.there(CONFIG_MAPS, NAME, lambda obj: obj["data"] == {"key": "v2"})
        assert made["metadata"]["labels"]["app.oam.dev/revision"] == "web-v2"

    play(plane, test)


def test_11_1_e10_a_trait_that_works_with_revisions_gets_a_workload_of_each(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        async with Definition(on) as type_:
            entry = {"componentName": NAME, "traits": [trait(type_=type_)]}
            await on.create(component(config("v1")), application(entry))
            await on.there(CONFIG_MAPS, "web-v1", lambda obj: obj["data"] == {"key": "v1"})
            await change(on, config("v2"))
            await on.there(CONFIG_MAPS, "web-v2", lambda obj: obj["data"] == {"key": "v2"})
            app = await on.there(
                APPLICATION_CONFIGURATIONS, "app", lambda o: "historyWorkloads" in o["status"]
            )
            (workload,) = app["status"]["workloads"]
            assert workload["componentRevisionName"] == "web-v2"
            (old,) = app["status"]["historyWorkloads"]
            assert old["revision"] == "web-v1"
            # The old workload was never made of the new spec, not for a moment.
            old_one = await on.there(CONFIG_MAPS, "web-v1")
            assert old_one["data"] == {"key": "v1"}
            assert old["workloadRef"]["uid"] == old_one["metadata"]["uid"]

    play(plane, test)


def test_11_1_e11_another_trait_leaves_one_workload_that_is_updated(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        entry = {"componentName": NAME, "traits": [trait()]}
        await on.create(component(config("v1")), application(entry))
        await on.there(CONFIG_MAPS, NAME, lambda obj: obj["data"] == {"key": "v1"})
        await change(on, config("v2"))
        await on.there(CONFIG_MAPS, NAME, lambda obj: obj["data"] == {"key": "v2"})
        app = await on.synced()
        assert len(app["status"]["workloads"]) == 1
        assert "historyWorkloads" not in app["status"]
        assert await on.get(CONFIG_MAPS, "web-v1") is None

    play(plane, test)


def test_11_1_e12_attaching_such_a_trait_later_keeps_the_running_workload(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        async with Definition(on) as type_:
            await on.create(component(deployment(None)), application())
            before = await on.there(DEPLOYMENTS, NAME)
            await on.synced()
            entry = {"componentName": NAME, "traits": [trait(type_=type_)]}
            await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": [entry]}})
            await on.synced(generation=2)
            await on.there(CONFIG_MAPS, "trait")
            after = await on.there(DEPLOYMENTS, NAME)
            assert after["metadata"]["uid"] == before["metadata"]["uid"]
            assert await on.get(DEPLOYMENTS, "web-v1") is None

    play(plane, test)


def test_11_3_a4_both_names_and_a_revision_trait_make_a_workload_of_each_pinned_revision(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        async with Definition(on) as type_:
            pin: Callable[[str], Obj] = lambda revision: {  # noqa: E731 - a short way to say it
                "componentName": NAME,
                "revisionName": revision,
                "traits": [trait(type_=type_)],
            }
            # The pinned revision comes later than the application: it is used as soon as it is there.
            await on.create(application(pin("web-v1")))
            await on.failed("cannot get component revision")
            await on.create(component(deployment(None)))
            first = await on.there(DEPLOYMENTS, "web-v1")
            app = await on.synced()
            assert [c["reason"] for c in app["status"]["conditions"]] == ["ReconcileSuccess"]
            made = await on.there(CONFIG_MAPS, "trait")
            assert made["data"] == {"key": "v1"}
            await change(on, deployment(None, image="nginx:2"))
            await on.there(COMPONENTS, NAME, recorded("web-v2"))
            await on.patch(
                APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": [pin("web-v2")]}}
            )
            second = await on.there(DEPLOYMENTS, "web-v2")
            assert second["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
            await on.synced(generation=2)
            old = await on.there(DEPLOYMENTS, "web-v1")
            assert old["metadata"]["generation"] == first["metadata"]["generation"] == 1
            assert (await on.there(CONFIG_MAPS, "trait"))["metadata"]["uid"] == made["metadata"][
                "uid"
            ]
            assert await revisions_of(on) == ["web-v1", "web-v2"]

    play(plane, test)


def test_11_4_51_revisions_over_the_limit_go_except_pinned_ones(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(config("1")), application({"revisionName": "web-v1"}))
        async with runtime(plane, namespace=on.namespace, revision_limit=2):
            for number in range(1, 5):
                await change(on, config(str(number)))
                await on.there(COMPONENTS, NAME, recorded(f"web-v{number}"))
            await on.gone(CONTROLLER_REVISIONS, "web-v2")
            assert await revisions_of(on) == ["web-v1", "web-v3", "web-v4"]

    play(plane, test, with_runtime=False)


def test_14_6_a_half_written_revision_is_taken_up(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        made = await on.create(component(config("1")))
        await on.client.create(CONTROLLER_REVISIONS, revisions.revision_of(made, 1))
        async with runtime(plane, namespace=on.namespace):
            await on.there(COMPONENTS, NAME, recorded("web-v1"))
        # Again, but the spec has moved on since.
        await change(on, config("2"))
        half = await on.there(COMPONENTS, NAME)
        await on.client.create(CONTROLLER_REVISIONS, revisions.revision_of(half, 2))
        await change(on, config("3"))
        async with runtime(plane, namespace=on.namespace):
            await on.there(COMPONENTS, NAME, recorded("web-v3"))

    play(plane, test, with_runtime=False)


def test_14_6_a_component_made_again_waits_for_the_old_revisions_to_go(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(config("old")), application())
        await on.synced()
        await on.client.delete(COMPONENTS, NAME, on.namespace)
        await on.create(component(config("new")))
        await on.there(CONFIG_MAPS, NAME, lambda obj: obj["data"] == {"key": "new"}, seconds=30)
        await on.there(COMPONENTS, NAME, recorded("web-v1"))

    play(plane, test)


def test_11_4_53_and_14_7_all_applications_of_the_namespace_hear_of_a_change(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        parameters = [{"name": "name", "fieldPaths": ["metadata.name"]}]
        await on.create(component(config("v1"), parameters=parameters))
        for name in ("one", "two", "three"):
            value = {"name": "name", "value": name}
            entry = {"componentName": NAME, "parameterValues": [value]}
            await on.create(application(entry, name=name))
            await on.synced(name)
        await change(on, config("v2"))
        for name in ("one", "two", "three"):
            await on.there(CONFIG_MAPS, name, lambda obj: obj["data"] == {"key": "v2"}, seconds=3)

    play(plane, test)


def test_11_4_50_a_label_of_a_component_concerns_nobody(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(config("v1")), application())
        await on.synced()
        before = [
            await on.version(APPLICATION_CONFIGURATIONS, "app"),
            await on.version(CONFIG_MAPS, NAME),
        ]
        labelled = await on.patch(COMPONENTS, NAME, {"metadata": {"labels": {"team": "a"}}})
        await on.create(component(config("x"), name="other"))  # the runtime has got so far
        await on.there(COMPONENTS, "other", recorded("other-v1"))
        after = [
            await on.version(APPLICATION_CONFIGURATIONS, "app"),
            await on.version(CONFIG_MAPS, NAME),
        ]
        assert after == before
        assert await on.version(COMPONENTS, NAME) == labelled["metadata"]["resourceVersion"]
        assert await revisions_of(on) == ["web-v1"]

    play(plane, test)


def test_4_why_a_component_cannot_be_recorded_is_told_to_its_applications(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(on: Scene) -> None:
        from oamkit.kube import Client

        create = Client.create

        async def refuse(self: Client, resource: Any, obj: Obj, **how: Any) -> Obj:
            if resource == CONTROLLER_REVISIONS:
                raise ApiError("controllerrevisions.apps is forbidden", status=403)
            return await create(self, resource, obj, **how)

        monkeypatch.setattr(Client, "create", refuse)
        await on.create(component(config("v1")), application())
        text = await on.failed("cannot record a revision")
        assert text.startswith("cannot render components: cannot record a revision of component")
        monkeypatch.undo()
        app = await on.synced()
        assert condition(app)["reason"] == "ReconcileSuccess"

    play(plane, test)


def test_2_6_who_labels_a_component_all_the_time_doesn_t_hold_up_its_revision(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the runtime is about to write the Component's status, somebody else is a moment faster."""
    write = Client.update_status

    async def test(on: Scene) -> None:
        before: list[str] = []

        async def late(self: Client, resource: Resource, obj: Obj, **options: Any) -> Obj:
            if resource == COMPONENTS:
                before.append("")
                label = {"metadata": {"labels": {"count": str(len(before))}}}
                await on.patch(COMPONENTS, NAME, label)
            return await write(self, resource, obj, **options)

        monkeypatch.setattr(Client, "update_status", late)
        await on.create(component(config("v1")), application())
        await on.there(COMPONENTS, NAME, recorded("web-v1"))
        await on.synced()
        await change(on, config("v2"))
        found = await on.there(COMPONENTS, NAME, recorded("web-v2"))
        assert int(found["metadata"]["labels"]["count"]) >= 2

    play(plane, test)
