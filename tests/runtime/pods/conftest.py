"""One sandbox for all tests of this folder: the runtime is installed there by its chart, and Pods run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in list(Path(__file__).parents)[:3]:
    sys.path.insert(0, str(folder))

from installed import BEFORE, CHART, NAME, NAMESPACE, RELEASE, Installed  # noqa: E402 - after the path is set
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
def before(bare: Cluster) -> Installed:
    """The release before this one, whose service account may do all (contract 11.0)."""
    on = Installed(bare)
    on.helm("install", RELEASE, BEFORE, "--create-namespace", "--wait", "--timeout=90s")
    who = f"--serviceaccount={NAMESPACE}:{NAME}"
    bare.run("kubectl", "create", "clusterrolebinding", "e2e-all", "--clusterrole=cluster-admin", who)  # fmt: skip
    return on


@pytest.fixture(scope="package")
def upgrade(before: Installed) -> subprocess.CompletedProcess[str]:
    """The upgrade to the chart of now, of a cluster with an older CRD and an application that runs."""
    run = before.cluster.run
    older = [{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns"}]
    run("kubectl", "patch", "crd", "healthscopes.core.oam.dev", "--type=json", "-p", json.dumps(older))  # fmt: skip
    run("kubectl", "apply", "-f", "flask-demo/config")
    run("kubectl", "wait", "--for=create", "deployment/web", "--timeout=60s")
    run("kubectl", "wait", "deployment", "--all", "--for=condition=Available", "--timeout=60s")
    run("kubectl", "label", "pod", "--all", "seen=before-the-upgrade")
    return run(
        "helm", "upgrade", RELEASE, CHART, f"--namespace={NAMESPACE}", "--wait",
        "--set=replicaCount=2", "--set-json=rbac.extraRules=[]", "--timeout=90s", timeout=110,
    )  # fmt: skip


@pytest.fixture(scope="package")
def installed(before: Installed, upgrade: object) -> Installed:
    """The runtime of now, after the upgrade."""
    return before
