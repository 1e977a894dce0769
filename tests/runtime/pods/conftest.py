"""One sandbox for all tests of this folder: the runtime is installed there by its chart, and Pods run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in list(Path(__file__).parents)[:3]:
    sys.path.insert(0, str(folder))
pytest.register_assert_rewrite("cases")

from installed import before, installed, upgrade  # noqa: E402, F401 - after the path is set; fixtures
from support.cluster import Cluster, running_cluster  # noqa: E402


@pytest.fixture(scope="package")
def bare() -> Iterator[Cluster]:
    """The sandbox, with the images that its Pods need."""
    with running_cluster() as cluster:
        builds = [
            cluster.start("oamkit", "build", "flask-demo", "-t", "flask-sample:v2"),
            cluster.start("oamkit", "build", ".", "-f", "oamkit/runtime/Dockerfile", "-t", "oamkit/oam-kubernetes-runtime:0.1.0"),
        ]  # fmt: skip
        for build in builds:
            words, _ = build.communicate(timeout=240)
            assert build.returncode == 0, words
        yield cluster


@pytest.fixture(scope="package")
def options() -> list[str]:
    """How the chart's two replicas are placed: there is one node."""
    return []
