"""What goes wrong is told at the application, and touches nothing else. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    BAR,
    COMPONENTS,
    DEPLOYMENTS,
    NAMESPACES,
    SERVICES,
    Obj,
    Scene,
    application,
    component,
    deployment,
    play,
    runtime,
)
from support.apiserver import ControlPlane

from oamkit.errors import ApiError
from oamkit.kube import Resource
from oamkit.runtime.kinds import CRDS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]


def service(port: int = 80) -> Obj:
    spec = {"selector": {"app": "web"}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def test_11_4_28_a_missing_component_is_told_and_its_coming_is_noticed(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(application())
        message = await on.failed("cannot render components")
        assert 'cannot get component "web"' in message
        await on.told("CannotRenderComponents")
        await on.create(component(deployment()))
        await on.there(DEPLOYMENTS, "web", seconds=2)
        await on.synced()

    play(plane, test)


def test_2_2_an_unknown_workload_kind_is_named_and_nothing_is_made(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        robot = {"apiVersion": "example.com/v1", "kind": "Robot", "metadata": {"name": "r"}}
        await on.create(
            component(deployment()),
            component(robot, name="robot"),
            application({"componentName": "web"}, {"componentName": "robot"}),
        )
        await on.failed('no matches for kind "Robot" in version "example.com/v1"')
        assert await on.get(DEPLOYMENTS, "web") is None

    play(plane, test)


def test_3_8_a_kind_that_comes_later_is_noticed(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        kind = "K" + on.namespace.replace("-", "")
        plural = kind.lower() + "s"
        workload = {"apiVersion": "later.example.com/v1", "kind": kind, "metadata": {"name": "x"}}
        await on.create(component(workload), application())
        await on.failed(f'no matches for kind "{kind}"')
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": schema},
        }
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.later.example.com"},
            "spec": {
                "group": "later.example.com",
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [version],
            },
        }
        await on.client.create(CRDS, crd)
        await on.synced()
        await on.client.delete(CRDS, f"{plural}.later.example.com")

    play(plane, test)


def test_3_3_a_parameter_for_a_field_that_cannot_be_there_is_named(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        parameters = [{"name": "image", "fieldPaths": ["metadata[0].image"]}]
        value = {"name": "image", "value": "nginx:2"}
        await on.create(
            component(deployment(), parameters=parameters),
            application({"componentName": "web", "parameterValues": [value]}),
        )
        message = await on.failed('cannot set parameter "image"')
        assert "metadata is not an array" in message

    play(plane, test)


def test_3_2_a_value_for_an_undeclared_parameter_is_named(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        entry = {"componentName": "web", "parameterValues": [{"name": "size", "value": "big"}]}
        await on.create(component(deployment()), application(entry))
        await on.failed('unsupported parameter "size"')

    play(plane, test)


def test_3_5_two_components_of_one_workload_name_are_refused(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(
            component(deployment()),
            application({"componentName": "web"}, {"componentName": "web"}),
        )
        message = await on.failed("both make the Deployment")
        assert "spec.components[0]" in message
        assert await on.get(DEPLOYMENTS, "web") is None

    play(plane, test)


def test_11_4_28_41_a_workload_that_the_api_server_refuses_is_named(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        broken = deployment()
        broken["spec"]["selector"] = {"matchLabels": {"app": "other"}}
        await on.create(component(broken), application())
        message = await on.failed("cannot apply components: cannot apply workload")
        assert "selector" in message
        await on.told("CannotApplyComponents")

    play(plane, test)


def test_11_4_41_a_trait_that_the_api_server_refuses_is_named(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        entry = {"componentName": "web", "traits": [{"trait": service(port=99999)}]}
        await on.create(component(deployment()), application(entry))
        message = await on.failed(
            'cannot apply components: cannot apply trait "v1" "Service" "web"'
        )
        assert "99999" in message
        assert await on.get(DEPLOYMENTS, "web")

    play(plane, test)


def test_11_4_28_what_cannot_be_deleted_is_told_and_tried_again(plane: ControlPlane) -> None:
    # All that a pass needs, but no right to delete a Service.
    kinds = (
        "applicationconfigurations",
        "components",
        "workloaddefinitions",
        "traitdefinitions",
        "scopedefinitions",
    )
    ours = [f"{kind}.core.oam.dev" for kind in kinds]
    every = ",".join([*ours, f"{ours[0]}/status", "events", "deployments.apps"])
    grants = {
        "most": ["--verb=*", f"--resource={every}"],
        "keep": ["--verb=get,list,watch,create,patch", "--resource=services"],
        "drop": ["--verb=delete", "--resource=services"],
    }

    def bind(name: str) -> None:
        plane.kubectl("create", "clusterrole", f"garbage-{name}", *grants[name])
        role = f"--clusterrole=garbage-{name}"
        plane.kubectl("create", "clusterrolebinding", f"garbage-{name}", role, "--user=runtime")

    bind("most")
    bind("keep")

    async def test(on: Scene) -> None:
        entry = {"componentName": "web", "traits": [{"trait": service()}]}
        await on.create(component(deployment()), application(entry))
        async with runtime(plane, namespace=on.namespace):
            await on.synced()
        user = plane.kubeconfig_for("runtime-token")
        async with runtime(plane, namespace=on.namespace, kubeconfig=user):
            await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": application()["spec"]})
            message = await on.failed("cannot garbage collect components: ")
            assert "forbidden" in message
            await on.told("CannotGarbageCollectComponents")
            await asyncio.to_thread(bind, "drop")
            await on.gone(SERVICES, "web")
            await on.synced(generation=2)

    try:
        play(plane, test, with_runtime=False)
    finally:
        for name in grants:
            for kind in ("clusterrole", "clusterrolebinding"):
                plane.kubectl("delete", kind, f"garbage-{name}", "--ignore-not-found")


def test_2_3_an_object_of_another_controller_is_not_touched(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        owner = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "name": on.namespace,
            "uid": (await on.client.get(NAMESPACES, on.namespace))["metadata"]["uid"],
            "controller": True,
        }
        foreign = deployment(image="theirs")
        foreign["metadata"]["ownerReferences"] = [owner]
        await on.create(foreign)
        await on.create(component(deployment(image="ours")))
        before = await on.version(DEPLOYMENTS, "web")
        app = await on.create(application())
        await on.failed(f'existing object is not controlled by UID "{app["metadata"]["uid"]}"')
        obj = await on.get(DEPLOYMENTS, "web")
        assert obj
        assert obj["spec"]["template"]["spec"]["containers"][0]["image"] == "theirs"
        assert before

    play(plane, test)


def test_1_6_the_api_server_refuses_what_the_schema_forbids(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        entry = {"componentName": "web", "parameterValues": [{"name": "x", "value": True}]}
        with pytest.raises(ApiError, match="parameterValues"):
            await on.create(application(entry))

    play(plane, test)


def test_a_broken_application_does_not_hold_up_others(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        for number in range(12):
            await on.create(application({"componentName": "none"}, name=f"broken{number}"))
        await on.create(component(deployment()), application())
        await on.there(DEPLOYMENTS, "web", seconds=3)
        assert await on.get(COMPONENTS, "none") is None

    play(plane, test)


def test_11_1_e11_a_field_that_the_kind_does_not_have_is_left_out_and_told(
    plane: ControlPlane,
) -> None:
    plane.kubectl("apply", "-f", "-", input=json.dumps(BAR))
    plane.kubectl("wait", "--for=condition=Established", "crd", "bars.example.com")
    bars = Resource("example.com", "v1", "bars", "Bar", namespaced=True)
    bar = {"apiVersion": "example.com/v1", "kind": "Bar", "metadata": {"name": "bar"}}

    async def test(on: Scene) -> None:
        spec = {"key": "v1", "foo": "x", "list": [{"a": 1}]}
        await on.create(component(bar | {"spec": spec}), application())
        await on.synced()
        assert (await on.there(bars, "bar"))["spec"] == {"key": "v1"}
        told = await on.told("UnknownField")
        # Of two fields, two events tell, in no order.
        assert re.search(r'Bar "bar": its kind has no spec\.(foo|list), ', told["message"])
        assert told["type"] == "Warning"

    try:
        play(plane, test)
    finally:
        plane.kubectl("delete", "crd", "bars.example.com")
