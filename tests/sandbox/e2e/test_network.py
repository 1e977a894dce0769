"""Addresses and names: between Pods, from Pods to Services, and from the host through the Ingress."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import (
    Cluster,
    Namespace,
    eventually,
    ingress,
    pod,
    service,
    sleeper,
    web,
    workload,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]

FETCH = (
    "import urllib.request; print(urllib.request.urlopen('http://{}', timeout=5).read().decode())"
)
HELLO = "Hello World from Flask"


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[Namespace]:
    """A Pod called ``client``, in another namespace than what it asks for."""
    namespace = cluster.namespace()
    namespace.apply(pod("client", sleeper()))
    namespace.ready("client")
    yield namespace
    cluster.run("kubectl", "delete", "namespace", namespace.name, "--wait=false")


def test_two_pods_both_listen_at_port_80(shop: Namespace, client: Namespace) -> None:
    text = shop.says("get", "pods", "-o", "jsonpath={.items[*].status.podIP}")
    addresses = text.split()
    assert len(set(addresses)) == 2
    for address in addresses:
        assert client.python("client", FETCH.format(address)) == HELLO


def test_services_are_reached_by_address_and_by_name(shop: Namespace, client: Namespace) -> None:
    address = shop.get("service", "web")["spec"]["clusterIP"]
    for host in (address, f"web.{shop.name}", f"web.{shop.name}.svc.cluster.local"):
        assert client.python("client", FETCH.format(host)) == HELLO


def test_a_pod_reaches_itself_through_its_service(shop: Namespace) -> None:
    name = shop.says("get", "pods", "-o", "name").split()[0].removeprefix("pod/")
    for _ in range(4):
        assert shop.python(name, FETCH.format("web")) == HELLO


def test_a_node_port_answers_at_the_node(ns: Namespace, client: Namespace) -> None:
    ns.apply(workload("Deployment", "web", web()), service("web", type="NodePort"))
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=40s")
    port = ns.get("service", "web")["spec"]["ports"][0]["nodePort"]
    ask = FETCH.format(f"10.244.0.1:{port}")
    assert eventually(lambda: client.python("client", ask)) == HELLO


def test_an_ingress_answers_for_its_hosts_and_paths_only(cluster: Cluster, shop: Namespace) -> None:
    shop.apply(ingress("exact", "exact.example", ("/", "Exact", "web")))
    eventually(lambda: cluster.fetch("exact.example")[0] == 200)
    assert cluster.fetch("shop.example") == (200, HELLO)
    assert cluster.fetch("exact.example", "/deeper")[0] == 404
    assert cluster.fetch("shop.example", "/deeper") != cluster.fetch("exact.example", "/deeper")
    assert cluster.fetch("other.example")[0] == 404
    status = shop.get("ingress", "exact")["status"]["loadBalancer"]
    assert status == {"ingress": [{"hostname": "localhost"}]}
    shop.kubectl("delete", "ingress", "exact")
    eventually(lambda: cluster.fetch("exact.example")[0] == 404)


def test_an_ingress_spreads_requests_over_the_pods_and_follows_them(
    cluster: Cluster, ns: Namespace
) -> None:
    ns.apply(
        workload("Deployment", "web", web(), replicas=2),
        service("web"),
        ingress("web", "spread.example", ("/", "Prefix", "web")),
    )
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=40s")
    eventually(lambda: cluster.fetch("spread.example")[0] == 200)
    for _ in range(6):
        assert cluster.fetch("spread.example") == (200, HELLO)
    names = ns.says("get", "pods", "-o", "name").split()
    served = [ns.logs(name).count("GET / HTTP/1.1") for name in names]
    assert all(served)
    ns.kubectl("delete", *names, "--wait=false")
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=40s")
    eventually(lambda: cluster.fetch("spread.example") == (200, HELLO))
