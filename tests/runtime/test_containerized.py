"""ContainerizedWorkloads on a real API server. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    SERVICES,
    WORKLOADS,
    Obj,
    Scene,
    application,
    component,
    condition,
    oam,
    play,
    runtime,
)
from support.apiserver import ControlPlane

from oamkit.kube import Client

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

FILE = {"path": "/test/path/config", "value": "test"}
CONFIG_MAP = "web-wordpress-3972676475"
PORTS = [{"name": "http", "containerPort": 80}]


def containerized(name: str = "web", **container: Any) -> Obj:
    fields = {"name": "wordpress", "image": "wordpress", **container}
    return oam("ContainerizedWorkload", name, {"containers": [fields]})


def done(obj: Obj) -> bool:
    return condition(obj)["status"] == "True"


def test_11_1_e3_an_application_with_a_containerized_workload_runs(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        parameters = [
            {"name": "instance-name", "required": True, "fieldPaths": ["metadata.name"]},
            {"name": "image", "fieldPaths": ["spec.containers[0].image"]},
        ]
        workload = containerized(config=[FILE], ports=PORTS)
        del workload["metadata"]
        made = component(workload, parameters=parameters)
        made["metadata"]["labels"] = {"app": "blog"}
        values = {"instance-name": "example-appconfig-workload", "image": "wordpress:php7.2"}
        entry = {
            "componentName": "web",
            "parameterValues": [{"name": name, "value": value} for name, value in values.items()],
        }
        app = application(entry)
        last_applied = "kubectl.kubernetes.io/last-applied-configuration"
        app["metadata"] |= {"labels": {"app": "test"}, "annotations": {last_applied: "{}"}}
        await on.create(made, app)
        name = "example-appconfig-workload"
        workload = await on.there(WORKLOADS, name, done)
        assert workload["metadata"]["labels"]["app"] == "test"
        assert workload["metadata"]["labels"]["app.oam.dev/resourceType"] == "WORKLOAD"
        await on.there(CONFIG_MAPS, f"{name}-wordpress-3972676475")
        deployment = await on.there(DEPLOYMENTS, name)
        template = deployment["spec"]["template"]
        assert template["spec"]["containers"][0]["image"] == "wordpress:php7.2"
        assert last_applied not in template["metadata"].get("annotations", {})
        service = await on.there(SERVICES, name)
        assert [r["uid"] for r in workload["status"]["resources"]] == [
            deployment["metadata"]["uid"],
            service["metadata"]["uid"],
        ]
        told = await on.told("Deployment created")
        assert told["involvedObject"]["kind"] == "ApplicationConfiguration"

    play(plane, test)


def test_11_2_i1_parameters_fill_variables_and_the_workload_goes_with_its_application(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        names = ["A", "B", "C"]
        workload = containerized("test-cw", env=[{"name": name} for name in names])
        parameters = [
            {"name": name, "fieldPaths": [f"spec.containers[0].env[{i}].value"]}
            for i, name in enumerate(names)
        ]
        values = [{"name": name, "value": f"is {name}"} for name in names]
        entry = {"componentName": "web", "parameterValues": values}
        await on.create(component(workload, parameters=parameters), application(entry))
        made = await on.there(WORKLOADS, "test-cw")
        assert made["spec"]["containers"][0]["env"] == [
            {"name": name, "value": f"is {name}"} for name in names
        ]
        await on.there(DEPLOYMENTS, "test-cw")
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.gone(WORKLOADS, "test-cw")
        await on.gone(DEPLOYMENTS, "test-cw")

    play(plane, test)


def test_6_4_what_is_changed_or_deleted_by_hand_comes_back_and_what_others_own_stays(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(containerized(config=[FILE], ports=PORTS))
        await on.there(WORKLOADS, "web", done)
        await on.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 3}})
        on.plane.kubectl("-n", on.namespace, "set", "image", "deployment/web", "wordpress=x:1")
        await on.there(DEPLOYMENTS, "web", lambda o: image_of(o) == "wordpress", seconds=3)
        await on.patch(CONFIG_MAPS, CONFIG_MAP, {"data": {"config": "other"}})
        await on.there(CONFIG_MAPS, CONFIG_MAP, lambda o: o["data"] == {"config": "test"})
        assert (await on.there(DEPLOYMENTS, "web"))["spec"]["replicas"] == 3
        before = await on.there(SERVICES, "web")
        await on.client.delete(SERVICES, "web", on.namespace)
        after = await on.there(SERVICES, "web", lambda o: o["metadata"]["uid"] != uid_of(before))
        await on.there(
            WORKLOADS, "web", lambda o: o["status"]["resources"][1]["uid"] == uid_of(after)
        )
        old = await on.there(DEPLOYMENTS, "web")
        await on.client.delete(DEPLOYMENTS, "web", on.namespace)
        new = await on.there(DEPLOYMENTS, "web", lambda o: uid_of(o) != uid_of(old))
        # The files belong to the Deployment: they go and come with it.
        await on.there(
            CONFIG_MAPS,
            CONFIG_MAP,
            lambda o: [r["uid"] for r in o["metadata"]["ownerReferences"]] == [uid_of(new)],
            seconds=20,
        )

    play(plane, test)


def test_6_4_what_the_workload_needs_no_more_is_deleted(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(containerized(config=[FILE], ports=PORTS))
        await on.there(WORKLOADS, "web", done)
        bare = containerized()["spec"]
        await on.patch(WORKLOADS, "web", {"spec": bare})
        await on.gone(CONFIG_MAPS, CONFIG_MAP)
        await on.gone(SERVICES, "web")
        made = await on.there(WORKLOADS, "web", lambda o: len(o["status"]["resources"]) == 1)
        assert made["status"]["resources"][0]["kind"] == "Deployment"

    play(plane, test)


def test_6_4_a_workload_that_makes_no_sense_is_told_and_comes_right(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(containerized(config=[{"path": "/a"}]))
        failed = await on.there(WORKLOADS, "web", lambda o: condition(o)["status"] == "False")
        assert condition(failed)["message"].startswith("cannot render workload: ")
        await on.told("cannot render workload")
        await on.patch(WORKLOADS, "web", {"spec": containerized()["spec"]})
        await on.there(WORKLOADS, "web", done)
        bad_port = [{"name": "http", "containerPort": 99999}]
        await on.patch(WORKLOADS, "web", {"spec": containerized(ports=bad_port)["spec"]})
        failed = await on.there(
            WORKLOADS,
            "web",
            lambda o: "cannot apply the deployment: " in condition(o).get("message", ""),
        )
        assert await on.get(SERVICES, "web") is None
        await on.patch(WORKLOADS, "web", {"spec": containerized(ports=PORTS)["spec"]})
        await on.there(SERVICES, "web")

    play(plane, test)


def test_6_2_and_6_3_files_of_one_directory_volumes_and_no_port_are_accepted_by_the_server(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        secret = {"name": "s", "key": "k"}
        config = [
            FILE,
            {"path": "/test/path/second", "value": "2"},
            {"path": "/pw", "fromSecret": secret},
        ]
        resources = {
            "cpu": {"required": "10m"},
            "memory": {"required": "1Mi"},
            "volumes": [
                {"name": "scratch", "mountPath": "/x"},
                {"name": "data", "mountPath": "/d", "disk": {"required": "1Mi"}},
            ],
        }
        await on.create(containerized(config=config, resources=resources))
        await on.there(WORKLOADS, "web", done)
        deployment = await on.there(DEPLOYMENTS, "web")
        assert len(deployment["spec"]["template"]["spec"]["volumes"]) == 4
        claims = on.plane.kubectl("-n", on.namespace, "get", "pvc", "-o", "name")
        assert claims.split() == ["persistentvolumeclaim/web-data"]

    play(plane, test)


def test_6_a_restart_of_the_runtime_changes_nothing(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(containerized(config=[FILE], ports=PORTS))
        async with runtime(plane, namespace=on.namespace):
            await on.there(WORKLOADS, "web", done)
        kinds = ((WORKLOADS, "web"), (SERVICES, "web"), (CONFIG_MAPS, CONFIG_MAP))
        before = [await on.version(*each) for each in kinds]
        async with runtime(plane, namespace=on.namespace):
            await on.create(containerized("next"))
            await on.there(WORKLOADS, "next", done)
        assert [await on.version(*each) for each in kinds] == before

    play(plane, test, with_runtime=False)


def test_6_passes_without_change_send_nothing(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(containerized(config=[FILE], ports=PORTS))
        sent: list[str] = []
        original = Client.request

        async def request(self: Client, method: str, path: str, **how: Any) -> Any:
            sent.append(f"{method} {path}")
            return await original(self, method, path, **how)

        async with runtime(plane, namespace=on.namespace, resync=0.2):
            await on.there(WORKLOADS, "web", done)
            await asyncio.sleep(1)  # the Deployment's own controller comes to an end
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Client, "request", request)
                await asyncio.sleep(1.5)
        assert sent == []

    play(plane, test, with_runtime=False)


def image_of(obj: Obj) -> str:
    image: str = obj["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def uid_of(obj: Obj) -> str:
    uid: str = obj["metadata"]["uid"]
    return uid
