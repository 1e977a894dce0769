"""Applications on a real API server. Numbers in names are sections of the contract."""

from __future__ import annotations

import asyncio

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

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 5000}]},
}
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
        async with asyncio.timeout(5):
            while not await on.events("ConvertedAPIVersion"):
                await asyncio.sleep(0.05)

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


def image_of(obj: Obj) -> str:
    image: str = obj["spec"]["template"]["spec"]["containers"][0]["image"]
    return image
