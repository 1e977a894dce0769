"""One sandbox for all tests of this folder, each of which has a namespace of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.cluster import (
    Cluster,
    Namespace,
    ingress,
    running_cluster,
    service,
    web,
    workload,
)

MARKS = (pytest.mark.sandbox, pytest.mark.binaries)


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def ns(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace of the test's own."""
    namespace = cluster.namespace()
    yield namespace
    cluster.run("kubectl", "delete", "namespace", namespace.name, "--wait=false")


@pytest.fixture(scope="package")
def shop(cluster: Cluster) -> Namespace:
    """Two Pods of flask-demo, a Service and an Ingress, for tests that only use them."""
    namespace = cluster.namespace()
    namespace.apply(
        workload("Deployment", "web", web(), replicas=2),
        service("web"),
        ingress("web", "shop.example", ("/", "Prefix", "web")),
    )
    namespace.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    return namespace
