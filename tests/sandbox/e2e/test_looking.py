"""What people ask of a cluster: get, describe, explain, events, who may do what."""

from __future__ import annotations

import json

import pytest
from support.cluster import Namespace, pod, sleeper

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]


def test_the_node_says_that_processes_are_not_isolated(shop: Namespace) -> None:
    words = shop.says("describe", "node")
    assert "not isolated like containers" in words
    assert "Ready                True" in words


def test_get_shows_pods_with_their_addresses(shop: Namespace) -> None:
    lines = shop.says("get", "pods", "-o", "wide").splitlines()
    assert len(lines) == 3
    addresses = {line.split()[5] for line in lines[1:]}
    assert len(addresses) == 2
    assert all(line.split()[1:3] == ["1/1", "Running"] for line in lines[1:])


def test_describe_tells_how_a_pod_came_to_run(shop: Namespace) -> None:
    pod_name = shop.says("get", "pods", "-o", "name").split()[0]
    words = " ".join(shop.says("describe", pod_name).split())
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        assert f"Normal {reason}" in words
    assert "Image: flask-sample:v1" in words


def test_explain_reads_the_servers_schema(shop: Namespace) -> None:
    assert "FIELD: image <string>" in shop.says("explain", "pod.spec.containers.image")


def test_there_is_no_skew_between_kubectl_and_the_server(shop: Namespace) -> None:
    versions = json.loads(shop.kubectl("version", "-o", "json").stdout)
    assert versions["clientVersion"]["gitVersion"] == versions["serverVersion"]["gitVersion"]
    assert "WARNING" not in shop.says("version")


def test_labels_and_annotations_can_be_set_and_selected(ns: Namespace) -> None:
    ns.apply(pod("a", sleeper()), pod("b", sleeper()))
    ns.kubectl("label", "pod", "a", "tier=front")
    ns.kubectl("annotate", "pod", "a", "note=first")
    assert ns.says("get", "pods", "-l", "tier=front", "-o", "name").split() == ["pod/a"]
    assert ns.get("pod", "a")["metadata"]["annotations"]["note"] == "first"
    ns.kubectl("label", "pod", "a", "tier-")
    assert ns.kubectl("get", "pods", "-l", "tier", "-o", "name").stdout == ""


def test_a_service_account_may_do_what_its_role_says_and_no_more(ns: Namespace) -> None:
    ns.kubectl("create", "serviceaccount", "reader")
    ns.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    ns.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={ns.name}:reader"
    )
    who = f"--as=system:serviceaccount:{ns.name}:reader"
    assert ns.says("auth", "can-i", "list", "configmaps", who).strip() == "yes"
    assert ns.kubectl("auth", "can-i", "list", "secrets", who, check=False).stdout.strip() == "no"
    assert ns.kubectl("get", "configmaps", who).returncode == 0
    assert f'"system:serviceaccount:{ns.name}:reader" cannot list resource "secrets"' in ns.refused(
        "get", "secrets", who
    )
    assert ns.says("auth", "whoami", who).count(f"{ns.name}:reader") == 1


def test_what_exceeds_a_quota_is_refused(ns: Namespace) -> None:
    ns.kubectl("create", "quota", "few", "--hard=pods=1")
    ns.apply(pod("first", sleeper()))
    text = json.dumps(pod("second", sleeper()))
    assert "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1" in ns.refused(
        "apply", "-f", "-", input=text
    )


def test_server_side_apply_names_the_manager_of_a_field_in_dispute(ns: Namespace) -> None:
    def config(value: str) -> str:
        kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
        return json.dumps({**kind, "data": {"colour": value}})

    ns.kubectl("apply", "--server-side", "-f", "-", input=config("blue"))
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    assert 'conflict with "kubectl": .data.colour' in ns.refused(*other, input=config("red"))
    ns.kubectl(*other, "--force-conflicts", input=config("red"))
    assert ns.get("configmap", "settings")["data"] == {"colour": "red"}
