"""Scopes and deletion on a real API server. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    DEPLOYMENTS,
    SCOPES,
    Obj,
    Scene,
    application,
    component,
    deployment,
    oam,
    play,
    runtime,
)
from support.apiserver import ControlPlane

from oamkit.oam.kinds import FINALIZER_SCOPES
from oamkit.runtime.kinds import DEFINITIONS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

DEFINITION = oam(
    "ScopeDefinition",
    "healthscopes.core.oam.dev",
    {
        "definitionRef": {"name": "healthscopes.core.oam.dev"},
        "workloadRefsPath": "spec.workloadRefs",
        "allowComponentOverlap": True,
    },
)
SCOPE = oam("HealthScope", "health", {"workloadRefs": []})


@pytest.fixture(autouse=True, scope="module")
def _definition(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("apply", "-f", "-", input=json.dumps(DEFINITION))
    yield
    plane.kubectl("delete", DEFINITIONS[1].plural, "--all")


def member(name: str) -> Obj:
    ref = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "HealthScope", "name": "health"}
    return {"componentName": name, "scopes": [{"scopeRef": ref}]}


def refs(scope: Obj) -> list[str]:
    return [ref["name"] for ref in scope["spec"]["workloadRefs"]]


def two_components() -> list[Obj]:
    return [component(deployment(name), name=name) for name in ("one", "two")]


def test_11_4_32_two_workloads_of_one_application_join_a_scope_in_one_pass(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components(), application(member("one"), member("two")))
        app = await on.synced()
        scope = await on.there(SCOPES, "health", lambda obj: len(refs(obj)) == 2)
        assert refs(scope) == ["one", "two"]
        assert app["metadata"]["finalizers"] == [FINALIZER_SCOPES]
        assert app["status"]["workloads"][0]["scopes"][0]["scopeRef"]["name"] == "health"

    play(plane, test)


def test_3_9_a_workload_leaves_the_scope_that_it_no_longer_names(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components(), application(member("one"), member("two")))
        await on.synced()
        entries = [member("one"), {"componentName": "two"}]
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": entries}})
        await on.there(SCOPES, "health", lambda obj: refs(obj) == ["one"])

    play(plane, test)


def test_3_9_two_applications_share_a_scope(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components())
        await on.create(application(member("one"), name="a"), application(member("two"), name="b"))
        await on.synced("a")
        await on.synced("b")
        await on.there(SCOPES, "health", lambda obj: sorted(refs(obj)) == ["one", "two"])

    play(plane, test)


def test_3_9_a_missing_scope_is_told_and_its_coming_is_noticed(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(*two_components(), application(member("one")))
        await on.failed('cannot get scope "health"')
        assert await on.get(DEPLOYMENTS, "one") is None
        await on.create(SCOPE)
        await on.there(SCOPES, "health", lambda obj: refs(obj) == ["one"], seconds=3)

    play(plane, test)


def test_11_4_33_46_deletion_leaves_the_scopes_and_then_lets_the_application_go(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components(), application(member("one")))
        await on.synced()
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.there(SCOPES, "health", lambda obj: refs(obj) == [])
        await on.gone(APPLICATION_CONFIGURATIONS, "app")
        await on.gone(DEPLOYMENTS, "one")

    play(plane, test)


def test_2_7_a_scope_that_is_gone_does_not_hold_up_the_deletion(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components(), application(member("one")))
        await on.synced()
        await on.client.delete(SCOPES, "health", on.namespace)
        await on.failed('cannot get scope "health"')
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.gone(APPLICATION_CONFIGURATIONS, "app")

    play(plane, test)


def test_2_7_a_definition_that_is_gone_does_not_hold_up_the_deletion(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components(), application(member("one")))
        await on.synced()
        await on.client.delete(DEFINITIONS[1], DEFINITION["metadata"]["name"])
        try:
            await on.failed("cannot find scope definition")
            await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
            await on.gone(APPLICATION_CONFIGURATIONS, "app")
        finally:
            await on.create(DEFINITION)

    play(plane, test)


def test_11_4_33_46_a_deletion_that_fails_is_told_and_tried_again(plane: ControlPlane) -> None:
    oam_kinds = (
        "applicationconfigurations,components,workloaddefinitions,traitdefinitions,scopedefinitions"
    )
    everything = ",".join(
        [*(f"{kind}.core.oam.dev" for kind in oam_kinds.split(",")), "events", "deployments.apps"]
    )
    status = "applicationconfigurations.core.oam.dev/status"
    grants = {
        "most": ["--verb=*", f"--resource={everything},{status}"],
        "look": ["--verb=get,list,watch", "--resource=healthscopes.core.oam.dev"],
        "write": ["--verb=patch", "--resource=healthscopes.core.oam.dev"],
    }
    for name, rights in grants.items():
        plane.kubectl("create", "clusterrole", f"scopes-{name}", *rights)
    plane.kubectl(*bind("most"))
    plane.kubectl(*bind("look"))

    async def test(on: Scene) -> None:
        await on.create(SCOPE, *two_components(), application(member("one")))
        async with runtime(plane, namespace=on.namespace):
            await on.synced()
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        user = plane.kubeconfig_for("runtime-token")
        async with runtime(plane, namespace=on.namespace, kubeconfig=user):
            message = await on.failed("failed to finalize workloads: cannot apply scope")
            assert "forbidden" in message
            await on.told("CannotFinalizeWorkloads")
            await asyncio.to_thread(plane.kubectl, *bind("write"))
            await on.gone(APPLICATION_CONFIGURATIONS, "app")

    try:
        play(plane, test, with_runtime=False)
    finally:
        for name in grants:
            plane.kubectl("delete", "clusterrole", f"scopes-{name}")
            plane.kubectl("delete", "clusterrolebinding", f"scopes-{name}", "--ignore-not-found")


def bind(name: str) -> list[str]:
    role = f"scopes-{name}"
    return ["create", "clusterrolebinding", role, f"--clusterrole={role}", "--user=runtime"]


def test_2_2_without_scopes_there_is_no_finalizer(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), application())
        app = await on.synced()
        assert "finalizers" not in app["metadata"]

    play(plane, test)
