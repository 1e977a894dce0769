"""A kind cluster of three nodes that the kit didn't make: provider ``kubeconfig`` reaches it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.kind.place import NODES, ROOT, KindPlace

from oamkit import provider
from oamkit.cluster import active
from oamkit.cluster.kind.ingress import manifest
from oamkit.process import Completed


@dataclass(frozen=True)
class Nodes:
    """The cluster, as its owner knows it.

    Attributes:
        place: The engine, which can stop a node.
        kubeconfig: The owner's.
    """

    place: KindPlace
    kubeconfig: Path

    def run(self, *argv: str, input: str = "", timeout: float = 60) -> Completed:
        """Run kubectl or helm for it, in the project's folder."""
        return active.runner().run(
            argv, input=input, timeout=timeout, env=active.environ(), cwd=ROOT
        )


@contextmanager
def three_nodes(place: KindPlace, kubeconfig: Path) -> Iterator[Nodes]:
    """One control plane and two workers, made by the script by hand; the owner has installed an ingress controller."""
    image = os.environ.get("OAMKIT_NODE_IMAGE")
    place.script(
        "--name", NODES, "--workers", "2", *(["--image", image] if image else []), kubeconfig=kubeconfig,
    )  # fmt: skip
    text, traefik = manifest()
    place.run("kind", "load", "docker-image", traefik, "--name", NODES)
    port = place.docker("port", f"{NODES}-control-plane", "80/tcp").strip().rpartition(":")[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        patch.setenv("OAMKIT_URL", f"http://127.0.0.1:{port}")
        provider.forget()
        active.provider("kubeconfig")
        nodes = Nodes(place, kubeconfig)
        nodes.run("kubectl", "apply", "-f", "-", input=text)
        rollout = ["rollout", "status", "deployment/traefik", "-n=traefik", "--timeout=120s"]
        nodes.run("kubectl", *rollout, timeout=130)
        yield nodes
    provider.forget()
    place.sweep()
