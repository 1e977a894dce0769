"""The end-to-end cases of the contract (11.1) with Pods that run, and the chart's life. Numbers in names are the contract's.

They say nothing of where the cluster comes from: each folder that has one collects them by ``from cases import *``, and gives them the
fixture ``installed``.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from installed import NAME, NAMESPACE, RELEASE, Done, Installed
from scene import (
    APPLICATION_CONFIGURATIONS,
    BAR,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    SCALERS,
    SCOPES,
    SERVICES,
    WORKLOADS,
    Obj,
    Scene,
    application,
    component,
    oam,
)

from oamkit.kube import Resource
from oamkit.oam.kinds import FINALIZER_SCOPES
from oamkit.runtime.kinds import CONTROLLER_REVISIONS, DEFINITIONS

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
BARS = Resource("example.com", "v1", "bars", "Bar", namespaced=True)
V1, V2 = "flask-sample:v1", "flask-sample:v2"
LABEL_COMPONENT = "app.oam.dev/component"


def core(image: str = V1, name: str | None = None, **container: Any) -> Obj:
    """A ContainerizedWorkload of the demo's image, ready when it answers."""
    fields = {
        "name": "main",
        "image": image,
        "ports": [{"name": "http", "containerPort": 80}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1},
        **container,
    }
    made = oam("ContainerizedWorkload", name or "", {"containers": [fields]})
    if name is None:
        del made["metadata"]
    return made


PARAMETERS = [
    {"name": "instance-name", "required": True, "fieldPaths": ["metadata.name"]},
    {"name": "image", "fieldPaths": ["spec.containers[0].image"]},
]


def use(instance: str, image: str = V1, name: str = "web", **entry: Any) -> Obj:
    values = [{"name": "instance-name", "value": instance}, {"name": "image", "value": image}]
    return {"componentName": name, "parameterValues": values, **entry}


def scaler(count: int) -> Obj:
    return {"trait": oam("ManualScalerTrait", "scaler", {"replicaCount": count})}


def scope_ref(name: str = "health") -> list[Obj]:
    ref = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "HealthScope", "name": name}
    return [{"scopeRef": ref}]


def ready(count: int) -> Any:
    return lambda obj: (obj.get("status") or {}).get("readyReplicas", 0) == count == obj["spec"]["replicas"]  # fmt: skip


async def pods_of(on: Scene, **labels: str) -> list[Obj]:
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    listed = await on.client.list(PODS, on.namespace, label_selector=selector)
    found: list[Obj] = listed["items"]
    return found


async def runs(on: Scene, workload: str, image: str, count: int = 1) -> list[Obj]:
    """Wait until all Pods of a workload are ready, and of an image; returns them."""
    async with asyncio.timeout(60):
        while True:
            found = [pod for pod in await pods_of(on) if pod["metadata"]["name"].startswith(f"{workload}-")]  # fmt: skip
            if len(found) == count and all(
                pod["spec"]["containers"][0]["image"] == image
                and any(
                    c["type"] == "Ready" and c["status"] == "True"
                    for c in pod["status"].get("conditions", ())
                )
                for pod in found
            ):
                return found
            await asyncio.sleep(0.1)


def kubectl(installed: Installed, on: Scene, *argv: str) -> str:
    return installed.cluster.run("kubectl", f"--namespace={on.namespace}", *argv).stdout


def test_10_2_an_upgrade_brings_crds_along_and_leaves_applications_running(
    upgrade: Done, installed: Installed
) -> None:
    run = installed.cluster.run
    assert f"helm test {RELEASE}" in upgrade.stdout
    columns = run("kubectl", "get", "crd", "healthscopes.core.oam.dev", "-o=jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}").stdout  # fmt: skip
    assert "HEALTH" in columns.split()
    # Nothing of the Job stays, nor its rights.
    everything = run("kubectl", "get", "jobs,serviceaccounts,clusterroles,clusterrolebindings,configmaps", f"-n={NAMESPACE}", "-o=name").stdout  # fmt: skip
    assert f"{NAME}-crds" not in everything
    pods = json.loads(run("kubectl", "get", "pods", "-o=json").stdout)["items"]
    assert pods
    assert {pod["metadata"]["labels"].get("seen") for pod in pods} == {"before-the-upgrade"}
    replicas = run("kubectl", "get", "deployment", NAME, f"-n={NAMESPACE}", "-o=jsonpath={.status.readyReplicas}").stdout  # fmt: skip
    assert replicas == "2"


def test_10_2_helm_test_makes_an_application_and_takes_it_away(installed: Installed) -> None:
    said = installed.helm("test", RELEASE, "--logs", "--timeout=60s")
    assert "application made" in said
    assert "application deleted" in said


def test_11_1_e1_without_scopes_pods_run_and_there_is_no_finalizer(installed: Installed) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(core(name="web")), application())
        await runs(on, "web", V1)
        app = await on.synced()
        assert FINALIZER_SCOPES not in app["metadata"].get("finalizers", [])

    installed.play(test)


def test_11_1_e2_with_a_scope_the_finalizer_comes_and_the_scope_is_left_at_the_end(
    installed: Installed,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(oam("HealthScope", "health", {"workloadRefs": []}))
        entry = {"componentName": "web", "scopes": scope_ref()}
        await on.create(component(core(name="web")), application(entry))
        holds = lambda app: app["metadata"].get("finalizers") == [FINALIZER_SCOPES]  # noqa: E731
        await on.there(APPLICATION_CONFIGURATIONS, "app", holds)
        await on.there(SCOPES, "health", lambda obj: len(obj["spec"]["workloadRefs"]) == 1)
        await runs(on, "web", V1)
        await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
        await on.there(SCOPES, "health", lambda obj: obj["spec"]["workloadRefs"] == [])
        await on.gone(APPLICATION_CONFIGURATIONS, "app")
        await on.gone(DEPLOYMENTS, "web", seconds=45)
        async with asyncio.timeout(30):
            while await pods_of(on):  # noqa: ASYNC110 - they are in the cluster
                await asyncio.sleep(0.1)

    installed.play(test)


def test_11_1_e3_e4_three_pods_with_a_config_file_are_scaled_to_one_and_texts_of_others_stay(
    installed: Installed,
) -> None:
    async def test(on: Scene) -> None:
        name, last = "example-appconfig-workload", "kubectl.kubernetes.io/last-applied-configuration"  # fmt: skip
        file = {"path": "/test/path/config", "value": "test"}
        app = application(use(name, V2, traits=[scaler(3)]))
        app["metadata"] |= {"labels": {"app": "test"}, "annotations": {last: "{}"}}
        await on.create(component(core(config=[file]), parameters=PARAMETERS), app)
        for kind, each in ((WORKLOADS, name), (SCALERS, "scaler")):
            labels = (await on.there(kind, each))["metadata"]["labels"]
            marks = {"name", "component", "revision", "resourceType"}
            assert labels["app"] == "test"
            assert {f"app.oam.dev/{mark}" for mark in marks} <= set(labels)
        await on.there(CONFIG_MAPS, f"{name}-main-3972676475")
        await on.there(SERVICES, name)
        made = await on.there(DEPLOYMENTS, name, ready(3), seconds=60)
        assert made["status"]["replicas"] == 3
        assert last not in made["spec"]["template"]["metadata"].get("annotations", {})
        pod = (await runs(on, name, V2, 3))[0]["metadata"]["name"]
        assert kubectl(installed, on, "exec", pod, "--", "cat", "/test/path/config") == "test"
        url = f"import urllib.request as r; print(r.urlopen('http://{name}').read().decode())"
        assert "Hello World" in kubectl(installed, on, "exec", pod, "--", "python", "-c", url)
        # E4
        app = await on.synced()
        app["status"]["workloads"][0]["status"] = "ready"
        app["status"]["workloads"][0]["traits"][0]["status"] = "running"
        await on.client.update_status(APPLICATION_CONFIGURATIONS, app)
        fewer = [use(name, V2, traits=[scaler(1)])]
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": fewer}})
        await on.there(DEPLOYMENTS, name, ready(1), seconds=120)
        await runs(on, name, V2, 1)
        (entry,) = (await on.synced(generation=2))["status"]["workloads"]
        assert (entry["status"], entry["traits"][0]["status"]) == ("ready", "running")

    installed.play(test)


def test_11_1_e5_a_deployment_as_workload_gets_its_image_and_five_pods(
    installed: Installed,
) -> None:
    definition = oam("WorkloadDefinition", "deployments.apps", {"definitionRef": {"name": "deployments.apps"}})  # fmt: skip
    installed.cluster.run("kubectl", "apply", "-f", "-", input=json.dumps(definition))

    async def test(on: Scene) -> None:
        container = {"name": "web", "image": V1, "command": ["sleep", "1000"]}
        workload = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
                },
            },
        }
        path = "spec.template.spec.containers[0].image"
        entry = {
            "componentName": "web",
            "parameterValues": [{"name": "image", "value": V2}],
            "traits": [scaler(5)],
        }
        parameters = [{"name": "image", "fieldPaths": [path]}]
        await on.create(component(workload, parameters=parameters), application(entry))
        await on.there(DEPLOYMENTS, "web", ready(5), seconds=60)
        await runs(on, "web", V2, 5)

    installed.play(test)


async def change(on: Scene, workload: Obj, name: str = "web") -> None:
    patch = [{"op": "replace", "path": "/spec/workload", "value": workload}]
    await on.client.json_patch(COMPONENTS, name, patch, on.namespace)


def latest(name: str) -> Any:
    return lambda obj: (obj.get("status") or {}).get("latestRevision", {}).get("name") == name


def test_11_1_e6_each_change_of_a_component_makes_a_revision(installed: Installed) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(core(V1)))
        await on.there(COMPONENTS, "web", latest("web-v1"))
        assert (await on.there(CONTROLLER_REVISIONS, "web-v1"))["revision"] == 1
        await change(on, core(V2))
        await on.there(COMPONENTS, "web", latest("web-v2"))
        assert (await on.there(CONTROLLER_REVISIONS, "web-v2"))["revision"] == 2

    installed.play(test)


def test_11_1_e7_a_component_used_twice_is_healthy_when_its_pods_are(installed: Installed) -> None:
    async def test(on: Scene) -> None:
        def is_whole(**wanted: Any) -> Any:
            return lambda obj: (obj.get("status") or {}).get("scopeHealthCondition") == wanted

        await on.create(oam("HealthScope", "health", {"probe-timeout": 60, "workloadRefs": []}))
        await on.there(SCOPES, "health", is_whole(healthStatus="HEALTHY"), seconds=30)
        await on.create(component(core(), parameters=PARAMETERS))
        await on.create(application(*(use(f"web-{each}", V2, scopes=scope_ref()) for each in "ab")))
        for each in "ab":
            await on.there(SERVICES, f"web-{each}")
            await runs(on, f"web-{each}", V2)
        healthy = is_whole(healthStatus="HEALTHY", total=2, healthyWorkloads=2)
        await on.there(SCOPES, "health", healthy, seconds=120)
        # A Pod that goes is noticed, and so is the one that takes its place.
        (pod,) = await runs(on, "web-a", V2)
        await on.client.delete(PODS, pod["metadata"]["name"], on.namespace, grace=0)
        await on.there(SCOPES, "health", lambda obj: not healthy(obj))
        await on.there(SCOPES, "health", healthy, seconds=60)

    installed.play(test)


def test_11_1_e8_the_pods_of_a_pinned_revision_stay_when_the_component_moves_on(
    installed: Installed,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(core(V1)))
        await on.there(COMPONENTS, "web", latest("web-v1"))
        await on.create(application({"revisionName": "web-v1"}))
        (before,) = await runs(on, "web", V1)
        await change(on, core(V2))
        await on.there(COMPONENTS, "web", latest("web-v2"))
        await on.patch(APPLICATION_CONFIGURATIONS, "app", {"metadata": {"annotations": {"another": "pass"}}})  # fmt: skip
        # An annotation, since a label would go down into the template of the Pods, and roll them out anew.
        await on.there(WORKLOADS, "web", lambda obj: obj["metadata"].get("annotations", {}).get("another") == "pass")  # fmt: skip
        assert (await on.there(WORKLOADS, "web"))["spec"]["containers"][0]["image"] == V1
        (after,) = await runs(on, "web", V1)
        assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]

    installed.play(test)


def test_11_1_e9_the_pods_of_a_component_by_name_follow_it(installed: Installed) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(core(V1)), application())
        await runs(on, "web", V1)
        await change(on, core(V2))
        await on.there(COMPONENTS, "web", latest("web-v2"), seconds=30)
        await runs(on, "web", V2)

    installed.play(test)


def bar(key: str, **more: str) -> Obj:
    return {"apiVersion": "example.com/v1", "kind": "Bar", "metadata": {}, "spec": {"key": key, **more}}  # fmt: skip


def is_of(revision: str) -> Any:
    def holds(app: Obj) -> bool:
        workloads = (app.get("status") or {}).get("workloads") or []
        return [each["componentRevisionName"] for each in workloads] == [revision]

    return holds


@pytest.mark.parametrize(
    "revisions", [pytest.param(True, id="11_1_e10"), pytest.param(False, id="11_1_e11")]
)
def test_a_trait_with_and_without_revisions(installed: Installed, revisions: bool) -> None:
    run = installed.cluster.run
    run("kubectl", "apply", "-f", "-", input=json.dumps(BAR))
    run("kubectl", "wait", "--for=condition=Established", "crd/bars.example.com")

    async def test(on: Scene) -> None:
        spec = {"definitionRef": {"name": "bars.example.com"}, "revisionEnabled": revisions}
        await on.create(oam("TraitDefinition", "bars.example.com", spec))
        name = "example-component"
        trait = {"trait": bar("trait", foo="pruned") | {"metadata": {"name": "trait"}}}
        try:
            await on.create(component(bar("v1"), name=name))
            await on.create(application({"componentName": name, "traits": [trait]}))
            first, second = (f"{name}-v1", f"{name}-v2") if revisions else (name, name)
            made = await on.there(BARS, first)
            assert made["spec"] == {"key": "v1"}
            await change(on, bar("v2"), name)
            await on.there(BARS, second, lambda obj: obj["spec"] == {"key": "v2"}, seconds=60)
            status = (await on.there(APPLICATION_CONFIGURATIONS, "app", is_of(f"{name}-v2")))[
                "status"
            ]
            assert len(status["workloads"]) == 1
            history = [entry["revision"] for entry in status.get("historyWorkloads", [])]
            assert history == ([first] if revisions else [])
            assert (await on.there(BARS, first))["metadata"]["uid"] == made["metadata"]["uid"]
        finally:
            await on.client.delete(DEFINITIONS[0], "bars.example.com")

    installed.play(test)


def test_11_1_e12_a_revision_enabled_trait_that_comes_later_leaves_the_pods_alone(
    installed: Installed,
) -> None:
    async def test(on: Scene) -> None:
        spec = {
            "definitionRef": {"name": "manualscalertraits.core.oam.dev"},
            "workloadRefPath": "spec.workloadRef",
            "revisionEnabled": True,
        }
        await on.create(oam("TraitDefinition", "later", spec))
        try:
            await on.create(component(core(V1)), application())
            (before,) = await runs(on, "web", V1)
            trait = scaler(2)
            trait["trait"]["metadata"]["labels"] = {"trait.oam.dev/type": "later"}
            entry = {"componentName": "web", "traits": [trait]}
            await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": [entry]}})
            both = await runs(on, "web", V1, 2)
            assert before["metadata"]["uid"] in {pod["metadata"]["uid"] for pod in both}
            assert await on.get(WORKLOADS, "web-v1") is None
        finally:
            await on.client.delete(DEFINITIONS[0], "later")

    installed.play(test)
