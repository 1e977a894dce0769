"""Applications on a real API server. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    INGRESSES,
    SERVICES,
    Obj,
    Scene,
    application,
    component,
    condition,
    deployment,
    play,
    runtime,
)
from support.apiserver import ControlPlane

from oamkit.kube import Client
from oamkit.runtime.application import ApplicationReconciler

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 5000}]},
}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "1"}}
OLD_INGRESS = {
    "apiVersion": "extensions/v1beta1",
    "kind": "Ingress",
    "metadata": {"name": "web"},
    "spec": {
        "rules": [
            {
                "host": "flask.example.com",
                "http": {
                    "paths": [{"path": "/", "backend": {"serviceName": "web", "servicePort": 80}}]
                },
            }
        ]
    },
}


def with_traits(*traits: Obj) -> Obj:
    return application({"componentName": "web", "traits": [{"trait": trait} for trait in traits]})


def test_2_3_the_files_of_2020_end_as_deployment_service_and_todays_ingress(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE, OLD_INGRESS))
        app = await on.synced()
        made = await on.there(DEPLOYMENTS, "web")
        assert made["metadata"]["labels"]["app.oam.dev/component"] == "web"
        owner = made["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"]) == (app["metadata"]["uid"], True)
        await on.there(SERVICES, "web")
        ingress = await on.there(INGRESSES, "web")
        path = ingress["spec"]["rules"][0]["http"]["paths"][0]
        assert path["backend"]["service"] == {"name": "web", "port": {"number": 80}}
        assert "extensions/v1beta1" in condition(app, "Converted")["message"]
        told = await on.told("ConvertedAPIVersion")
        assert "networking.k8s.io/v1" in told["message"]

    play(plane, test)


@pytest.mark.parametrize("folder", ["config", "config-2020"])
def test_2_3_the_courses_own_files_deploy_unchanged_and_go_without_a_trace(
    plane: ControlPlane, project_root: Path, folder: str
) -> None:
    files = str(project_root / "flask-demo" / folder)

    async def test(on: Scene) -> None:
        try:
            await asyncio.to_thread(plane.kubectl, "-n", on.namespace, "apply", "-f", files)
            app = await on.synced("example")
            await on.there(DEPLOYMENTS, "web")
            await on.there(SERVICES, "web")
            ref = app["status"]["workloads"][0]["traits"][1]["traitRef"]
            assert ref["apiVersion"] == "networking.k8s.io/v1"
            await on.there(INGRESSES, ref["name"])
        finally:
            await asyncio.to_thread(plane.kubectl, "-n", on.namespace, "delete", "-f", files)
        await on.gone(DEPLOYMENTS, "web")
        await on.gone(SERVICES, "web")
        await on.gone(INGRESSES, ref["name"])
        assert await on.get(COMPONENTS, "web") is None

    play(plane, test)


def test_2_3_edits_of_component_and_application_propagate(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), application())
        await on.there(DEPLOYMENTS, "web")
        await on.patch(COMPONENTS, "web", {"spec": {"workload": deployment(image="nginx:2")}})
        await on.there(DEPLOYMENTS, "web", lambda obj: image_of(obj) == "nginx:2")
        await on.patch(APPLICATION_CONFIGURATIONS, "app", with_traits(SERVICE) | {"metadata": {}})
        await on.there(SERVICES, "web")

    play(plane, test)


def test_2_5_what_is_no_longer_rendered_is_deleted(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE))
        await on.synced()
        await on.there(SERVICES, "web")
        await on.patch(APPLICATION_CONFIGURATIONS, "app", application() | {"metadata": {}})
        await on.gone(SERVICES, "web")
        assert await on.get(DEPLOYMENTS, "web")

    play(plane, test)


def test_2_7_deleting_the_application_leaves_nothing_behind(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE, OLD_INGRESS))
        await on.synced()
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        for resource in (DEPLOYMENTS, SERVICES, INGRESSES):
            await on.gone(resource, "web")
        assert await on.get(COMPONENTS, "web")

    play(plane, test)


def test_2_3_a_hand_edited_object_is_set_right_at_once(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE))
        await on.synced()
        on.plane.kubectl("-n", on.namespace, "set", "image", "deployment/web", "web=hacked:1")
        await on.there(DEPLOYMENTS, "web", lambda obj: image_of(obj) == "nginx", seconds=3)
        await on.patch(SERVICES, "web", {"spec": {"selector": {"app": "other"}}})
        await on.there(
            SERVICES, "web", lambda obj: obj["spec"]["selector"] == {"app": "web"}, seconds=3
        )
        await on.patch(SERVICES, "web", {"metadata": {"labels": {"app.oam.dev/name": None}}})
        await on.there(SERVICES, "web", lambda o: "app.oam.dev/name" in o["metadata"]["labels"])
        await on.client.delete(DEPLOYMENTS, "web", on.namespace)
        await on.there(DEPLOYMENTS, "web", lambda obj: "deletionTimestamp" not in obj["metadata"])

    play(plane, test)


def test_2_3_what_others_add_to_an_object_stays(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), application())
        await on.synced()
        await on.patch(
            DEPLOYMENTS, "web", {"spec": {"replicas": 3}, "metadata": {"labels": {"team": "a"}}}
        )
        await on.patch(COMPONENTS, "web", {"spec": {"workload": deployment(image="nginx:2")}})
        obj = await on.there(DEPLOYMENTS, "web", lambda obj: image_of(obj) == "nginx:2")
        assert obj["spec"]["replicas"] == 3
        assert obj["metadata"]["labels"]["team"] == "a"

    play(plane, test)


def test_11_3_a2_status_tells_workloads_and_traits_and_keeps_what_others_wrote(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE))
        app = await on.synced()
        (workload,) = app["status"]["workloads"]
        assert workload["workloadRef"] == {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
        }
        assert workload["traits"][0]["message"].startswith("No valid TraitDefinition found")
        app["status"]["workloads"][0]["status"] = "ready"
        await on.client.update_status(APPLICATION_CONFIGURATIONS, app)
        await on.patch(APPLICATION_CONFIGURATIONS, "app", application() | {"metadata": {}})
        app = await on.synced(generation=2)
        assert app["status"]["workloads"][0]["status"] == "ready"
        assert "traits" not in app["status"]["workloads"][0]

    play(plane, test)


def test_11_3_a5_an_edited_trait_is_the_same_object_without_what_left(plane: ControlPlane) -> None:
    def ingress(host: str, labels: Obj, **spec: Any) -> Obj:
        made = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
        return {**made, "metadata": {"labels": labels}, "spec": {"rules": [{"host": host}], **spec}}

    async def test(on: Scene) -> None:
        old = ingress("old.example.com", {"goes": "1", "stays": "1"}, ingressClassName="goes")
        await on.create(component(deployment()), with_traits(old))
        ref = (await on.synced())["status"]["workloads"][0]["traits"][0]["traitRef"]
        first = await on.there(INGRESSES, ref["name"])
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        new = ingress("new.example.com", {"stays": "2", "comes": "1"}, defaultBackend=backend)
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": with_traits(new)["spec"]})
        app = await on.synced(generation=2)
        assert app["status"]["workloads"][0]["traits"][0]["traitRef"]["name"] == ref["name"]
        second = await on.there(INGRESSES, ref["name"])
        assert second["metadata"]["uid"] == first["metadata"]["uid"]
        assert second["metadata"]["generation"] == 2
        labels = second["metadata"]["labels"]
        assert {"stays": "2", "comes": "1"}.items() <= labels.items()
        assert "goes" not in labels
        assert second["spec"] == {"rules": [{"host": "new.example.com"}], "defaultBackend": backend}

    play(plane, test)


def test_14_4_an_application_without_components_owns_nothing(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE))
        await on.synced()
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": []}})
        await on.gone(DEPLOYMENTS, "web")
        await on.gone(SERVICES, "web")
        await on.synced(generation=2)

    play(plane, test)


def test_2_1_a_component_change_concerns_exactly_the_applications_that_use_it(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(
            component(CONFIG_MAP | {"metadata": {"name": "a"}}, name="a"),
            component(CONFIG_MAP | {"metadata": {"name": "b"}}, name="b"),
            application({"componentName": "a"}, name="one"),
            application({"componentName": "b"}, name="two"),
        )
        await on.synced("one")
        await on.synced("two")
        before = await on.version(CONFIG_MAPS, "b")
        status = await on.version(APPLICATION_CONFIGURATIONS, "two")
        changed = CONFIG_MAP | {"metadata": {"name": "a"}, "data": {"x": "2"}}
        await on.patch(COMPONENTS, "a", {"spec": {"workload": changed}})
        await on.there(CONFIG_MAPS, "a", lambda obj: obj["data"] == {"x": "2"})
        assert await on.version(CONFIG_MAPS, "b") == before
        assert await on.version(APPLICATION_CONFIGURATIONS, "two") == status

    play(plane, test)


def test_2_8_a_pass_without_change_writes_nothing(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE, OLD_INGRESS))
        await on.synced()
        sent: list[str] = []
        original = Client.request

        async def request(self: Client, method: str, path: str, **how: Any) -> Any:
            sent.append(f"{method} {path}")
            return await original(self, method, path, **how)

        async with runtime(plane, namespace=on.namespace, resync=0.2):
            # A second runtime: it takes in what is there, and then looks at it ten times.
            await asyncio.sleep(1)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Client, "request", request)
                await asyncio.sleep(2)
        assert sent == []
        events = await on.events("AppliedComponents")
        assert sum(event["count"] for event in events) == 1

    play(plane, test)


def test_2_3_a_restart_of_the_runtime_changes_nothing(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE))
        async with runtime(plane, namespace=on.namespace):
            await on.synced()
        before = (
            await on.version(SERVICES, "web"),
            await on.version(APPLICATION_CONFIGURATIONS, "app"),
        )
        async with runtime(plane, namespace=on.namespace):
            # When this one is done, so was the first pass over the other one.
            await on.create(component(CONFIG_MAP, name="next"))
            await on.create(application({"componentName": "next"}, name="next"))
            await on.synced("next")
        after = (
            await on.version(SERVICES, "web"),
            await on.version(APPLICATION_CONFIGURATIONS, "app"),
        )
        assert after == before

    play(plane, test, with_runtime=False)


def test_11_4_31_after_a_success_only_news_or_the_resync_make_a_pass(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[Any] = []
    original = ApplicationReconciler.reconcile

    async def reconcile(self: ApplicationReconciler, key: Any) -> bool:
        passes.append(key)
        return await original(self, key)

    monkeypatch.setattr(ApplicationReconciler, "reconcile", reconcile)

    async def test(on: Scene) -> None:
        await on.create(component(CONFIG_MAP | {"metadata": {"name": "web"}}), application())
        async with runtime(plane, namespace=on.namespace):
            await on.synced()
            await asyncio.sleep(0.5)  # what the pass itself wrote is seen
            passes.clear()
            await asyncio.sleep(1)
            assert passes == []
        async with runtime(plane, namespace=on.namespace, resync=0.2), asyncio.timeout(10):
            while len(passes) < 4:  # noqa: ASYNC110 - it is another task that makes them
                await asyncio.sleep(0.02)

    play(plane, test, with_runtime=False)


def test_11_4_27_a_crash_of_the_api_server_is_survived(plane: ControlPlane) -> None:
    # Applications come by a watch: reading one can only fail for all, and ends with the server's coming back.
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), application())
        await on.synced()
        await asyncio.to_thread(plane.stop_api_server)
        await asyncio.to_thread(plane.start_api_server)
        await on.patch(COMPONENTS, "web", {"spec": {"workload": deployment(image="nginx:2")}})
        await on.there(DEPLOYMENTS, "web", lambda obj: image_of(obj) == "nginx:2", seconds=25)

    play(plane, test)


def image_of(obj: Obj) -> str:
    image: str = obj["spec"]["template"]["spec"]["containers"][0]["image"]
    return image
