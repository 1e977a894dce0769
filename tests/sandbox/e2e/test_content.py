"""What Pods find in their files and environment: ConfigMaps, Secrets, facts of their own, tokens."""

from __future__ import annotations

import json

import pytest
from support.cluster import Namespace, eventually, pod, sleeper

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]


def test_a_change_of_a_config_map_reaches_the_volume(ns: Namespace) -> None:
    ns.kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    mounts = [{"name": "settings", "mountPath": "/etc/settings"}]
    volumes = [{"name": "settings", "configMap": {"name": "settings"}}]
    ns.apply(pod("reader", sleeper(volumeMounts=mounts), volumes=volumes))
    ns.ready("reader")
    show = ("exec", "reader", "--", "cat", "/etc/settings/colour")
    assert ns.kubectl(*show).stdout == "blue"
    ns.kubectl("patch", "configmap", "settings", "-p", json.dumps({"data": {"colour": "red"}}))
    eventually(lambda: ns.kubectl(*show).stdout == "red")


def test_secrets_have_the_modes_that_were_asked_for(ns: Namespace) -> None:
    ns.kubectl("create", "secret", "generic", "keys", "--from-literal=a=1", "--from-literal=b=2")
    items = [{"key": "a", "path": "a"}, {"key": "b", "path": "deep/b", "mode": 0o440}]
    volume = {"secretName": "keys", "defaultMode": 0o400, "items": items}
    ns.apply(
        pod(
            "holder",
            sleeper(volumeMounts=[{"name": "keys", "mountPath": "/keys", "readOnly": True}]),
            volumes=[{"name": "keys", "secret": volume}],
        )
    )
    ns.ready("holder")
    modes = ns.kubectl("exec", "holder", "--", "stat", "-Lc", "%a", "/keys/a", "/keys/deep/b")
    assert modes.stdout.split() == ["400", "440"]
    write = ns.refused("exec", "holder", "--", "sh", "-c", "echo x > /keys/a")
    assert "Read-only" in write or "denied" in write


def test_a_pod_knows_its_name_address_and_labels(ns: Namespace) -> None:
    fields = {"NAME": "metadata.name", "IP": "status.podIP", "TEAM": "metadata.labels['team']"}
    env = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in fields.items()
    ]
    limit = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    ns.apply(
        pod(
            "aware",
            sleeper(
                env=[*env, {"name": "MEMORY", "valueFrom": limit}],
                resources={"limits": {"memory": "64Mi"}},
                volumeMounts=[{"name": "facts", "mountPath": "/facts"}],
            ),
            labels={"team": "blue"},
            volumes=[{"name": "facts", "downwardAPI": {"items": [item]}}],
        )
    )
    ns.ready("aware")
    code = "import os; print(*(os.environ[n] for n in ('NAME', 'IP', 'TEAM', 'MEMORY')))"
    address = ns.get("pod", "aware")["status"]["podIP"]
    assert ns.python("aware", code) == f"aware {address} blue 64"
    assert 'team="blue"' in ns.python("aware", "print(open('/facts/labels').read())")


def test_a_pod_asks_the_api_with_its_own_token(ns: Namespace) -> None:
    ns.kubectl("create", "serviceaccount", "robot")
    ns.kubectl("create", "role", "robot", "--verb=list", "--resource=pods")
    ns.kubectl(
        "create", "rolebinding", "robot", "--role=robot", f"--serviceaccount={ns.name}:robot"
    )
    ns.apply(pod("robot", sleeper(), serviceAccountName="robot"))
    ns.ready("robot")
    code = """
import json, ssl, urllib.error, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
token, namespace = open(folder + "token").read(), open(folder + "namespace").read()
trust = ssl.create_default_context(cafile=folder + "ca.crt")
for host in ("10.96.0.1", "kubernetes.default"):
    for kind in ("pods", "secrets"):
        url = f"https://{host}/api/v1/namespaces/{namespace}/{kind}"
        request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token})
        try:
            with urllib.request.urlopen(request, context=trust, timeout=5) as answer:
                print([item["metadata"]["name"] for item in json.load(answer)["items"]])
        except urllib.error.HTTPError as error:
            print(error.code)
"""
    assert ns.python("robot", code).splitlines() == ["['robot']", "403"] * 2
