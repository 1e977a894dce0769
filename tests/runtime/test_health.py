"""HealthScopes on a real API server; names carry the contract's numbers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    DEPLOYMENTS,
    SCOPES,
    SERVICES,
    Obj,
    Scene,
    application,
    component,
    deployment,
    oam,
    play,
)
from support.apiserver import ControlPlane
from test_scopes import DEFINITION, SCOPE, member, refs

from oamkit.errors import ApiError
from oamkit.kube import Client, Resource
from oamkit.runtime.health import HealthScopeController
from oamkit.runtime.kinds import DEFINITIONS
from oamkit.runtime.metrics import Metrics
from oamkit.runtime.working import Context

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)


@pytest.fixture(autouse=True, scope="module")
def _definition(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("apply", "-f", "-", input=json.dumps(DEFINITION))
    yield
    plane.kubectl("delete", DEFINITIONS[1].plural, "--all")


def scope_over(*names: str, kind: str = "Deployment", api_version: str = "apps/v1") -> Obj:
    references = [{"apiVersion": api_version, "kind": kind, "name": name} for name in names]
    return oam("HealthScope", "health", {"workloadRefs": references})


def is_whole(**wanted: Any) -> Any:
    return lambda obj: (obj.get("status") or {}).get("scopeHealthCondition") == wanted


async def make_ready(on: Scene, count: int) -> None:
    """Play the kubelet: mark so many Pods as ready."""
    marked: set[str] = set()
    async with asyncio.timeout(20):
        while len(marked) < count:
            for pod in (await on.client.list(PODS, on.namespace))["items"]:
                name = pod["metadata"]["name"]
                if name not in marked:
                    status = {
                        "phase": "Running",
                        "conditions": [{"type": "Ready", "status": "True"}],
                    }
                    await on.client.merge_patch(
                        PODS, name, {"status": status}, on.namespace, subresource="status"
                    )
                    marked.add(name)
            await asyncio.sleep(0.05)


def test_11_1_e1_an_application_without_scopes_gets_no_finalizer(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        workload = oam("ContainerizedWorkload", "web", {"containers": []})
        await on.create(component(workload), application())
        app = await on.synced()
        assert "finalizers" not in app["metadata"]

    play(plane, test)


def test_11_1_e2_an_application_joins_its_scope_and_leaves_it_before_it_goes(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        workload = oam("ContainerizedWorkload", "web", {"containers": []})
        await on.create(SCOPE, component(workload), application(member("web")))
        finalizer = "scope.finalizer.core.oam.dev"
        await on.there(
            APPLICATION_CONFIGURATIONS,
            "app",
            lambda app: app["metadata"].get("finalizers") == [finalizer],
        )
        await on.there(SCOPES, "health", lambda scope: refs(scope) == ["web"])
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.there(SCOPES, "health", lambda scope: refs(scope) == [])
        await on.gone(APPLICATION_CONFIGURATIONS, "app")

    play(plane, test)


def uses(letters: str) -> list[Obj]:
    return [
        member("web")
        | {
            "parameterValues": [
                {"name": "instance", "value": f"web-{letter}"},
                {"name": "image", "value": "example.com/new"},
            ]
        }
        for letter in letters
    ]


def test_11_1_e7_a_component_used_twice_is_healthy_when_all_its_pods_are_ready(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(oam("HealthScope", "health", {"probe-timeout": 60, "workloadRefs": []}))
        await on.there(SCOPES, "health", is_whole(healthStatus="HEALTHY"))
        parameters = [
            {"name": "instance", "required": True, "fieldPaths": ["metadata.name"]},
            {"name": "image", "fieldPaths": ["spec.containers[0].image"]},
        ]
        ports = [{"name": "http", "containerPort": 80}]
        containers = [{"name": "web", "image": "example.com/old", "ports": ports}]
        workload = oam("ContainerizedWorkload", "", {"containers": containers})
        del workload["metadata"]
        await on.create(component(workload, parameters=parameters), application(*uses("ab")))
        for letter in "ab":
            made = await on.there(DEPLOYMENTS, f"web-{letter}")
            (container,) = made["spec"]["template"]["spec"]["containers"]
            assert container["image"] == "example.com/new"
            await on.there(SERVICES, f"web-{letter}")
        await on.there(
            SCOPES, "health", is_whole(healthStatus="UNHEALTHY", total=2, unhealthyWorkloads=2)
        )
        await make_ready(on, 2)
        scope = await on.there(
            SCOPES, "health", is_whole(healthStatus="HEALTHY", total=2, healthyWorkloads=2)
        )
        conditions = scope["status"]["healthConditions"]
        assert [c["targetWorkload"]["name"] for c in conditions] == ["web-a", "web-b"]
        assert conditions[0]["componentName"] == "web"
        assert conditions[0]["diagnosis"] == "web-a:Ready:1/1 web-b:Ready:1/1"

    play(plane, test)


def test_8_peers_that_come_and_go_are_told(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        parameters = [
            {"name": "instance", "required": True, "fieldPaths": ["metadata.name"]},
            {"name": "image", "fieldPaths": ["spec.template.spec.containers[0].image"]},
        ]
        await on.create(SCOPE, component(deployment(None), parameters=parameters))
        await on.create(application(*uses("a")))
        await make_ready(on, 1)
        await on.there(
            SCOPES, "health", is_whole(healthStatus="HEALTHY", total=1, healthyWorkloads=1)
        )
        # One more use of the component, which isn't in the scope itself.
        more = [*uses("a"), {key: value for key, value in uses("b")[0].items() if key != "scopes"}]
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": more}})
        unhealthy = is_whole(healthStatus="UNHEALTHY", total=1, unhealthyWorkloads=1)
        await on.there(SCOPES, "health", unhealthy)
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": uses("a")}})
        scope = await on.there(
            SCOPES, "health", is_whole(healthStatus="HEALTHY", total=1, healthyWorkloads=1)
        )
        assert scope["status"]["healthConditions"][0]["diagnosis"] == "Ready:1/1 "

    play(plane, test)


def test_8_a_change_is_told_at_once_and_rest_writes_nothing(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(deployment("one"), scope_over("one", "two") | {"status": {}})
        await on.there(
            SCOPES, "health", is_whole(healthStatus="UNHEALTHY", total=2, unhealthyWorkloads=2)
        )
        await make_ready(on, 1)
        started = time.monotonic()
        scope = await on.there(
            SCOPES,
            "health",
            is_whole(healthStatus="UNHEALTHY", total=2, healthyWorkloads=1, unhealthyWorkloads=1),
        )
        assert time.monotonic() - started < 5
        one, two = scope["status"]["healthConditions"]
        assert one["diagnosis"] == "Ready:1/1 "
        assert 'deployments.apps "two" not found' in two["diagnosis"]
        await on.told("HealthCheck")
        # Further checks, by the shortest interval there is.
        await on.patch(SCOPES, "health", {"spec": {"probe-interval": 1}})
        version = await on.version(SCOPES, "health")
        await asyncio.sleep(2.5)
        assert await on.version(SCOPES, "health") == version

    play(plane, test)


def test_8_a_status_that_somebody_changed_is_put_right(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(scope_over())
        await on.there(SCOPES, "health", is_whole(healthStatus="HEALTHY"))
        wrong = {"status": {"scopeHealthCondition": {"healthStatus": "UNKNOWN"}}}
        await on.client.merge_patch(SCOPES, "health", wrong, on.namespace, subresource="status")
        await on.there(SCOPES, "health", is_whole(healthStatus="HEALTHY"))

    play(plane, test)


def test_8_kinds_that_nobody_knows(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
        await on.create(config, scope_over("web", kind="ConfigMap", api_version="v1"))
        scope = await on.there(
            SCOPES, "health", is_whole(healthStatus="UNHEALTHY", total=1, unknownWorkloads=1)
        )
        (found,) = scope["status"]["healthConditions"]
        assert found["workloadStatus"] == "null"
        reference = {"apiVersion": "example.com/v1", "kind": "Nothing", "name": "web"}
        await on.patch(SCOPES, "health", {"spec": {"workloadRefs": [reference]}})
        await on.there(
            SCOPES, "health", is_whole(healthStatus="UNHEALTHY", total=1, unhealthyWorkloads=1)
        )

    play(plane, test)


def test_11_4_63_a_status_that_cannot_be_written_is_told(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        async with Client(on.client.connection) as client:
            controller = HealthScopeController(Context(client, Metrics({}), namespace=on.namespace))
            stale = await on.create(scope_over())
            await on.patch(SCOPES, "health", {"spec": {"probe-interval": 3}})
            controller._scopes.items[on.namespace, "health"] = stale
            with pytest.raises(ApiError) as caught:
                await controller.reconcile((on.namespace, "health"))
            assert caught.value.message.startswith("cannot update health scope status: ")
            assert caught.value.status == 409

    play(plane, test, with_runtime=False)
