from pathlib import Path

import pytest

from oamkit.sandbox.agent.model import SourceMissingError
from oamkit.sandbox.agent.podconfig import ignored_settings, pod_config, verify_non_root
from oamkit.sandbox.config import Layout, NodeConfig

HOST = (("192.0.2.1",), ("corp.example",), ("timeout:1",))


@pytest.fixture
def node(tmp_path):
    return NodeConfig(
        Layout.NAMESPACED, "node", "10.244.0.1", 10250, *(tmp_path,) * 4, "api", *(tmp_path,) * 2,
        api_address="127.0.0.1:6443", service_cidr="10.96.0.0/16", dns_ip="10.96.0.10",
    )  # fmt: skip


def dns(pod, node):
    config = pod_config(pod, node, Path("/p"), HOST)
    return config.nameservers, config.searches, config.dns_options


def test_cluster_first_searches_the_pods_namespace_first(make_pod, node):
    servers, searches, options = dns(make_pod(), node)
    assert servers == ("10.96.0.10",)
    assert searches[:3] == ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
    assert options == ("ndots:5",)


def test_host_network_and_default_use_the_machines_resolver(make_pod, node):
    assert dns(make_pod(hostNetwork=True), node) == HOST
    assert dns(make_pod(dnsPolicy="Default"), node) == HOST


def test_dns_config_adds_and_overrides(make_pod, node):
    extra = {
        "nameservers": ["10.0.0.1"],
        "searches": ["x"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    servers, searches, options = dns(make_pod(dnsConfig=extra), node)
    assert servers == ("10.96.0.10", "10.0.0.1")
    assert searches[-1] == "x"
    assert options == ("ndots:2", "edns0")
    assert dns(make_pod(dnsPolicy="None", dnsConfig=extra), node)[0] == ("10.0.0.1",)


def test_names_aliases_and_memory(make_pod, node):
    containers = [{"name": n, "resources": {"limits": {"memory": "64Mi"}}} for n in "ab"]
    pod = make_pod(
        "x" * 70,
        containers=containers,
        hostAliases=[{"ip": "10.1.1.1", "hostnames": ["db", "cache"]}],
    )
    config = pod_config(pod, node, Path("/p"), HOST)
    assert len(config.hostname) == 63
    assert config.hosts == {"10.1.1.1": ("db", "cache")}
    assert config.memory_limit == 128 << 20


@pytest.mark.parametrize(
    ("context", "user", "message"),
    [
        ({"runAsNonRoot": True}, "", "image will run as root"),
        ({"runAsNonRoot": True}, "0:0", "image will run as root"),
        ({"runAsNonRoot": True}, "app", r"non-numeric user \(app\)"),
        ({"runAsNonRoot": True, "runAsUser": 0}, "1000", "runAsUser breaks non-root policy"),
        ({"runAsNonRoot": True}, "1000", None),
        ({"runAsNonRoot": True, "runAsUser": 1}, "", None),
        ({}, "", None),
    ],
)
def test_a_promise_not_to_run_as_root_is_checked(make_pod, context, user, message):
    container = {"name": "main", "securityContext": context}
    if message is None:
        verify_non_root(make_pod(), container, user)
    else:
        with pytest.raises(SourceMissingError, match=message):
            verify_non_root(make_pod(), container, user)


def test_settings_without_effect_are_listed(make_pod):
    pod = make_pod(securityContext={"fsGroup": 3, "runAsNonRoot": True})
    assert ignored_settings(pod) == ["fsGroup"]
