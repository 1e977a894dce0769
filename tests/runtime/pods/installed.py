"""A cluster with the runtime in it, installed by its chart: as a release before this one, then upgraded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from scene import Scene, beside

from oamkit.kube import Client, Connection

CHART = "charts/oam-kubernetes-runtime"
BEFORE = "tests/runtime/charts/oam-kubernetes-runtime-0.1.0.tgz"
RELEASE, NAMESPACE = "e2e", "oam-system"
NAME = f"{RELEASE}-oam-kubernetes-runtime"


class Done(Protocol):
    """A program that has ended well."""

    stdout: str


class Cluster(Protocol):
    """What the cases want of a cluster, wherever it runs."""

    kubeconfig: Path

    def run(self, *argv: str, input: str = "", timeout: float = 60) -> Done:
        """Run kubectl or helm for it, in the project's folder."""


@dataclass
class Installed:
    """The cluster with the runtime in it."""

    cluster: Cluster

    def helm(self, *argv: str) -> str:
        return self.cluster.run("helm", *argv, f"--namespace={NAMESPACE}", timeout=110).stdout

    def play(self, test: Callable[[Scene], Awaitable[None]]) -> None:
        """Run a test in a namespace of its own."""

        async def main() -> None:
            async with Client(Connection.from_kubeconfig(self.cluster.kubeconfig)) as client:
                await test(await beside(Scene(client, "", None)))

        asyncio.run(main())


@pytest.fixture(scope="package")
def before(bare: Cluster) -> Installed:
    """The release before this one, whose service account may do all (contract 11.0)."""
    on = Installed(bare)
    on.helm("install", RELEASE, BEFORE, "--create-namespace", "--wait", "--timeout=90s")
    who = f"--serviceaccount={NAMESPACE}:{NAME}"
    bare.run("kubectl", "create", "clusterrolebinding", "e2e-all", "--clusterrole=cluster-admin", who)  # fmt: skip
    return on


@pytest.fixture(scope="package")
def upgrade(before: Installed, options: list[str]) -> Done:
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
        "--set=replicaCount=2", "--set-json=rbac.extraRules=[]", *options, "--timeout=90s", timeout=110,
    )  # fmt: skip


@pytest.fixture(scope="package")
def installed(before: Installed, upgrade: Done) -> Installed:
    """The runtime of now, after the upgrade."""
    return before
