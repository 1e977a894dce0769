"""A cluster with the runtime in it, installed by its chart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scene import Scene, beside
from support.cluster import Cluster

from oamkit.kube import Client, Connection

CHART = "charts/oam-kubernetes-runtime"
BEFORE = "tests/runtime/charts/oam-kubernetes-runtime-0.1.0.tgz"
RELEASE, NAMESPACE = "e2e", "oam-system"
NAME = f"{RELEASE}-oam-kubernetes-runtime"


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
