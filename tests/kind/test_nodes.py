"""A cluster of three nodes that the kit didn't make, reached by provider ``kubeconfig``: lessons, and a runtime of two replicas."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.kind.place import CLUSTER, ROOT, KindPlace, eventually

from oamkit import images, provider
from oamkit.cluster import active
from oamkit.cluster.api import Api, connect
from oamkit.cluster.kind.ingress import manifest
from oamkit.course.runner import run_course
from oamkit.errors import ApiError
from oamkit.lesson import demo

NAME = f"{CLUSTER}-nodes"
APPLICATIONS = 20
OAM = "/apis/core.oam.dev/v1alpha2/namespaces/default"


@dataclass(frozen=True)
class Nodes:
    """The cluster, as its owner knows it."""

    place: KindPlace
    kubeconfig: Path
    api: Api

    def kubectl(self, *argv: str, input: str | None = None) -> str:
        return self.place.kubectl(*argv, kubeconfig=self.kubeconfig, input=input, timeout=200)


@pytest.fixture(scope="module")
def nodes(place: KindPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One control plane and two workers, made by the script by hand; the owner has installed an ingress controller."""
    kubeconfig = tmp_path_factory.mktemp("owner") / "config"
    options = ["--name", NAME, "--workers", "2"]
    if image := os.environ.get("OAMKIT_NODE_IMAGE"):
        options += ["--image", image]
    place.script(*options, kubeconfig=kubeconfig)
    text, traefik = manifest()
    place.run("kind", "load", "docker-image", traefik, "--name", NAME)
    nodes = Nodes(place, kubeconfig, connect(kubeconfig))
    nodes.kubectl("apply", "-f", "-", input=text)
    nodes.kubectl("rollout", "status", "deployment/traefik", "-n", "traefik", "--timeout=120s")
    port = place.docker("port", f"{NAME}-control-plane", "80/tcp").strip().rpartition(":")[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        patch.setenv("OAMKIT_URL", f"http://127.0.0.1:{port}")
        provider.forget()
        active.provider("kubeconfig")
        yield nodes
    provider.forget()
    place.sweep()


def test_lessons_run_on_it_and_leave_it_there(nodes: Nodes, tmp_path: Path) -> None:
    course = run_course(["05", "06"], provider="kubeconfig", output=tmp_path)
    assert course.passed, course.lessons[-1].failure
    assert course.lessons[-1].answer == "Hello World from Flask"
    assert len(nodes.place.containers(NAME)) == 3


def test_two_replicas_lose_nothing_when_a_node_stops(nodes: Nodes, tmp_path: Path) -> None:
    _install(nodes, tmp_path)
    pods = _runtime_pods(nodes)
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    wanted = {f"app-{number}": 0 for number in range(APPLICATIONS)}
    for name in wanted:
        _write(nodes, "components", _component(name))
        _write(nodes, "applicationconfigurations", _application(name, 0))
    eventually(lambda: _seen(nodes) == wanted, within=60, what="all applications")

    holder = _holder(nodes)
    (leader,) = [pod for pod in pods if pod["metadata"]["name"] in holder]
    choose = random.Random(5)
    _change(nodes, wanted, choose, count=10)
    nodes.place.docker("kill", leader["spec"]["nodeName"])
    begin = time.monotonic()
    while _holder(nodes) == holder:  # applications change while nobody works on them …
        _change(nodes, wanted, choose, count=1)
        assert time.monotonic() - begin < 90, "no other replica has taken over"
        time.sleep(0.5)
    taken = time.monotonic() - begin
    _change(nodes, wanted, choose, count=10)  # … and while the other one begins
    removed = sorted(wanted)[:3]
    for name in removed:
        nodes.api.request("DELETE", f"{OAM}/applicationconfigurations/{name}")
        del wanted[name]
    eventually(lambda: _seen(nodes) == wanted, within=60, what="the last state of each application")
    assert taken < 60
    assert _holder(nodes) not in ("", holder)


def _install(nodes: Nodes, tmp_path: Path) -> None:
    """Install the chart with two replicas that don't stand on one node."""
    image = demo.RUNTIME_IMAGE
    images.build(ROOT / image.context, image.tag, dockerfile=ROOT / str(image.dockerfile))
    active.provider().load_image(image.tag)
    values = tmp_path / "values.yaml"
    apart = {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": demo.RELEASE}},
            }
        ]
    }
    values.write_text(json.dumps({"replicaCount": 2, "affinity": {"podAntiAffinity": apart}}))
    nodes.place.run(
        "helm", "upgrade", "--install", demo.RELEASE, ROOT / demo.CHART, "--namespace", demo.NAMESPACE,
        "--create-namespace", "--values", values, "--wait", "--timeout", "120s",
        KUBECONFIG=str(nodes.kubeconfig), timeout=150,
    )  # fmt: skip


def _runtime_pods(nodes: Nodes) -> list[Any]:
    path = f"/api/v1/namespaces/{demo.NAMESPACE}/pods"
    return list(nodes.api.request("GET", path)["items"])


def _holder(nodes: Nodes) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{demo.NAMESPACE}/leases/oam-kubernetes-runtime"
    return str(nodes.api.request("GET", path)["spec"].get("holderIdentity", ""))


def _component(name: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "main", "image": "none:v1", "env": [{"name": "VALUE", "value": "none"}]}
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    path = "spec.template.spec.containers[0].env[0].value"
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "Component",
        "metadata": {"name": name},
        "spec": {
            "workload": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec},
            "parameters": [{"name": "value", "fieldPaths": [path], "required": True}],
        },
    }  # fmt: skip


def _application(name: str, value: int) -> dict[str, Any]:
    parameters = [{"name": "value", "value": str(value)}]
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "ApplicationConfiguration",
        "metadata": {"name": name},
        "spec": {"components": [{"componentName": name, "parameterValues": parameters}]},
    }


def _write(nodes: Nodes, plural: str, obj: dict[str, Any]) -> None:
    name = obj["metadata"]["name"]
    nodes.api.request(
        "PATCH", f"{OAM}/{plural}/{name}", body=obj,
        query={"fieldManager": "test", "force": "true"}, content_type="application/apply-patch+yaml",
    )  # fmt: skip


def _change(nodes: Nodes, wanted: dict[str, int], choose: random.Random, *, count: int) -> None:
    for _ in range(count):
        name = choose.choice(sorted(wanted))
        wanted[name] += 1
        _write(nodes, "applicationconfigurations", _application(name, wanted[name]))


def _seen(nodes: Nodes) -> dict[str, int] | None:
    """The value in each application's Deployment; ``None`` while the API doesn't answer."""
    path = "/apis/apps/v1/namespaces/default/deployments"
    try:
        found = nodes.api.request("GET", path)["items"]
    except ApiError:
        return None
    return {
        each["metadata"]["name"]: int(each["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"])
        for each in found
        if each["metadata"]["name"].startswith("app-")
    }  # fmt: skip
