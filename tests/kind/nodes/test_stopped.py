"""A node stops while applications change: the runtime's other replica loses nothing."""

from __future__ import annotations

import random
import time
from typing import Any

from installed import NAMESPACE, RELEASE, Installed
from support.kind.nodes import Nodes
from support.kind.place import eventually

from oamkit.cluster.api import Api, connect
from oamkit.errors import ApiError

APPLICATIONS = 20
OAM = "/apis/core.oam.dev/v1alpha2/namespaces/default"


def test_two_replicas_lose_nothing_when_a_node_stops(nodes: Nodes, installed: Installed) -> None:
    api = connect(nodes.kubeconfig)
    pods = _runtime_pods(api)
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    wanted = {f"app-{number}": 0 for number in range(APPLICATIONS)}
    for name in wanted:
        _write(api, "components", _component(name))
        _write(api, "applicationconfigurations", _application(name, 0))
    eventually(lambda: _seen(api) == wanted, within=60, what="all applications")

    holder = _holder(api)
    (leader,) = [pod for pod in pods if pod["metadata"]["name"] in holder]
    choose = random.Random(5)
    _change(api, wanted, choose, count=10)
    nodes.place.docker("kill", leader["spec"]["nodeName"])
    begin = time.monotonic()
    while _holder(api) == holder:  # applications change while nobody works on them …
        _change(api, wanted, choose, count=1)
        assert time.monotonic() - begin < 90, "no other replica has taken over"
        time.sleep(0.5)
    taken = time.monotonic() - begin
    _change(api, wanted, choose, count=10)  # … and while the other one begins
    removed = sorted(wanted)[:3]
    for name in removed:
        api.request("DELETE", f"{OAM}/applicationconfigurations/{name}")
        del wanted[name]
    eventually(lambda: _seen(api) == wanted, within=60, what="the last state of each application")
    assert taken < 60
    assert _holder(api) not in ("", holder)


def _runtime_pods(api: Api) -> list[Any]:
    query = {"labelSelector": f"app.kubernetes.io/instance={RELEASE}"}
    found = api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods", query=query)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _holder(api: Api) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/oam-kubernetes-runtime"
    return str(api.request("GET", path)["spec"].get("holderIdentity", ""))


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


def _write(api: Api, plural: str, obj: dict[str, Any]) -> None:
    name = obj["metadata"]["name"]
    api.request(
        "PATCH", f"{OAM}/{plural}/{name}", body=obj,
        query={"fieldManager": "test", "force": "true"}, content_type="application/apply-patch+yaml",
    )  # fmt: skip


def _change(api: Api, wanted: dict[str, int], choose: random.Random, *, count: int) -> None:
    for _ in range(count):
        name = choose.choice(sorted(wanted))
        wanted[name] += 1
        _write(api, "applicationconfigurations", _application(name, wanted[name]))


def _seen(api: Api) -> dict[str, int] | None:
    """The value in each application's Deployment; ``None`` while the API doesn't answer."""
    path = "/apis/apps/v1/namespaces/default/deployments"
    try:
        found = api.request("GET", path)["items"]
    except ApiError:
        return None
    return {
        each["metadata"]["name"]: int(each["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"])
        for each in found
        if each["metadata"]["name"].startswith("app-")
    }  # fmt: skip
