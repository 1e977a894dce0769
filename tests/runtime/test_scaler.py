"""ManualScalerTraits on a real API server. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    DEPLOYMENTS,
    SCALERS,
    WORKLOADS,
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

from oamkit.runtime.kinds import WORKLOAD_DEFINITIONS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

DEFINITIONS = [
    {
        **oam("TraitDefinition", "manualscalertraits.core.oam.dev", {}),
        "spec": {
            "definitionRef": {"name": "manualscalertraits.core.oam.dev"},
            "workloadRefPath": "spec.workloadRef",
        },
    },
    {
        **oam("WorkloadDefinition", "containerizedworkloads.core.oam.dev", {}),
        "spec": {
            "definitionRef": {"name": "containerizedworkloads.core.oam.dev"},
            "childResourceKinds": [
                {"apiVersion": "apps/v1", "kind": "Deployment"},
                {"apiVersion": "v1", "kind": "Service"},
            ],
        },
    },
]


@pytest.fixture(autouse=True)
def _definitions(plane: ControlPlane) -> Iterator[None]:
    """The definitions that the chart installs; other tests are about a cluster without them."""
    files = json.dumps({"apiVersion": "v1", "kind": "List", "items": DEFINITIONS})
    plane.kubectl("apply", "-f", "-", input=files)
    yield
    plane.kubectl("delete", "--ignore-not-found", "-f", "-", input=files)


def scaler(count: int, name: str = "scaler", **spec: Any) -> Obj:
    return oam("ManualScalerTrait", name, {"replicaCount": count, **spec})


def scaled_app(count: int) -> Obj:
    return application({"componentName": "web", "traits": [{"trait": scaler(count)}]})


def reference(name: str = "web", kind: str = "Deployment", version: str = "apps/v1") -> Obj:
    return {"apiVersion": version, "kind": kind, "name": name}


def containerized() -> Obj:
    ports = [{"name": "http", "containerPort": 80}]
    main = {"name": "main", "image": "wordpress", "ports": ports}
    return oam("ContainerizedWorkload", "web", {"containers": [main]})


def runs(count: int) -> Any:
    return lambda o: o["spec"]["replicas"] == count and o["status"].get("replicas") == count


async def done(on: Scene) -> Obj:
    return await on.there(SCALERS, "scaler", lambda o: condition(o)["status"] == "True")


def test_11_1_e3_e4_the_deployment_of_a_containerized_workload_is_scaled_up_and_down(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(containerized()), scaled_app(3))
        made = await on.there(DEPLOYMENTS, "web", runs(3))
        trait = await done(on)
        assert trait["metadata"]["labels"]["app.oam.dev/resourceType"] == "TRAIT"
        owners = {r["uid"]: r.get("controller") for r in made["metadata"]["ownerReferences"]}
        workload = await on.there(WORKLOADS, "web")
        assert owners == {workload["metadata"]["uid"]: True, trait["metadata"]["uid"]: False}
        app = await on.synced()
        app["status"]["workloads"][0]["status"] = "ready"
        app["status"]["workloads"][0]["traits"][0]["status"] = "running"
        await on.client.update_status(APPLICATION_CONFIGURATIONS, app)
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": scaled_app(1)["spec"]})
        await on.there(DEPLOYMENTS, "web", runs(1))
        (entry,) = (await on.synced(generation=2))["status"]["workloads"]
        assert (entry["status"], entry["traits"][0]["status"]) == ("ready", "running")
        # Nobody was told of a failure while the Deployment was on its way.
        assert await on.events("cannot scale the resource") == []

    play(plane, test)


@pytest.mark.parametrize("template", [{}, {"replicas": 1}], ids=["open", "in the template"])
def test_11_1_e5_a_deployment_as_the_workload_is_scaled_and_does_not_flap(
    plane: ControlPlane, template: Obj
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment(**template)), scaled_app(5))
        await on.there(DEPLOYMENTS, "web", runs(5))
        await done(on)
        await on.synced()
        generation = (await on.there(DEPLOYMENTS, "web"))["metadata"]["generation"]
        async with runtime(plane, namespace=on.namespace, resync=0.2):  # many more passes
            await asyncio.sleep(1.5)
        after = await on.there(DEPLOYMENTS, "web", runs(5))
        assert after["metadata"]["generation"] == generation
        assert len(after["metadata"]["ownerReferences"]) == 2

    play(plane, test)


def test_11_3_a3_without_a_definition_the_references_of_the_template_count(
    plane: ControlPlane,
) -> None:
    def unnamed(count: int) -> Obj:
        trait = scaler(count, workloadRef=reference())
        del trait["metadata"]
        return application({"componentName": "web", "traits": [{"trait": trait}]})

    async def test(on: Scene) -> None:
        plane.kubectl("delete", "traitdefinition", "manualscalertraits.core.oam.dev")
        await on.create(component(deployment()), unnamed(2))
        app = await on.synced()
        assert [c["reason"] for c in app["status"]["conditions"]] == ["ReconcileSuccess"]
        name = app["status"]["workloads"][0]["traits"][0]["traitRef"]["name"]
        assert name.startswith("web-dummy-")
        made = await on.there(SCALERS, name)
        assert made["metadata"]["labels"]["app.oam.dev/component"] == "web"
        await on.there(DEPLOYMENTS, "web", runs(2))
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": unnamed(3)["spec"]})
        again = await on.there(SCALERS, name, lambda o: o["spec"]["replicaCount"] == 3)
        assert again["metadata"]["uid"] == made["metadata"]["uid"]
        await on.there(DEPLOYMENTS, "web", runs(3))

    play(plane, test)


def test_11_4_74_a_child_kind_that_the_cluster_does_not_know_is_told(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        robots = [{"apiVersion": "example.com/v1", "kind": "Robot"}]
        patch = {"spec": {"childResourceKinds": robots}}
        name = DEFINITIONS[1]["metadata"]["name"]
        await on.client.merge_patch(WORKLOAD_DEFINITIONS, name, patch)
        target = reference(kind="ContainerizedWorkload", version="core.oam.dev/v1alpha2")
        await on.create(containerized(), scaler(2, workloadRef=target))
        failed = await on.there(SCALERS, "scaler", lambda o: condition(o)["status"] == "False")
        message = condition(failed)["message"]
        assert message.startswith("failed to fetch workload child resources: ")
        assert "Robot" in message

    play(plane, test)


def test_14_5_nothing_to_scale_stays_an_error(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
        await on.create(config, scaler(2, workloadRef=reference("web", "ConfigMap", "v1")))
        failed = await on.there(SCALERS, "scaler", lambda o: condition(o)["status"] == "False")
        assert condition(failed)["message"].startswith("cannot scale the resource: ")
        await on.told("cannot scale the resource", count=3)
        again = await on.there(SCALERS, "scaler")
        assert again["status"] == failed["status"]
        assert await on.events("Manual scalar applied") == []

    play(plane, test)


def test_7_a_workload_that_comes_later_is_scaled(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(scaler(2, workloadRef=reference()))
        failed = await on.there(SCALERS, "scaler", lambda o: condition(o)["status"] == "False")
        text = condition(failed)["message"]
        assert text.startswith("cannot find the workload that the trait is referencing to: ")
        await on.create(deployment())
        await on.there(DEPLOYMENTS, "web", runs(2))
        await done(on)

    play(plane, test)


def test_7_a_child_made_again_is_scaled_and_a_number_set_by_hand_stays(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(containerized()), scaled_app(2))
        old = await on.there(DEPLOYMENTS, "web", runs(2))
        await on.synced()
        await on.client.delete(DEPLOYMENTS, "web", on.namespace)
        await on.there(
            DEPLOYMENTS,
            "web",
            lambda o: o["metadata"]["uid"] != old["metadata"]["uid"] and runs(2)(o),
        )
        await done(on)
        await on.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 4}})
        await on.patch(WORKLOADS, "web", {"metadata": {"labels": {"team": "a"}}})
        # Labels go into the template, so Pods are rolled; without a kubelet that never ends, and only spec tells the number.
        changed = await on.there(
            DEPLOYMENTS, "web", lambda o: o["metadata"]["labels"].get("team") == "a"
        )
        assert changed["spec"]["replicas"] == 4

    play(plane, test)


def test_7_zero_is_a_number_and_deleting_the_trait_does_not_scale_back(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(deployment(), scaler(0, workloadRef=reference()))
        await on.there(DEPLOYMENTS, "web", lambda o: o["spec"]["replicas"] == 0)
        told = await on.told("Manual scalar applied")
        assert told["message"] == "Trait `scaler` successfully scaled a resource to 0 instances"
        assert told["involvedObject"]["kind"] == "ManualScalerTrait"
        await on.client.delete(SCALERS, "scaler", on.namespace)
        await on.gone(SCALERS, "scaler")
        assert (await on.there(DEPLOYMENTS, "web"))["spec"]["replicas"] == 0

    play(plane, test)
