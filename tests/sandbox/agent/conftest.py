"""Makers of Pods and of what the agent knows about them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oamkit.sandbox.agent.model import ContainerRecord, Inputs, NodeFacts, Object, Ref
from oamkit.sandbox.cri import ContainerState, ContainerStatus


@pytest.fixture
def make_pod() -> Callable[..., Object]:
    """A Pod as the API server would hand it out; keywords go into its spec."""

    def make(name: str = "web", *, containers: list[Object] | None = None, **spec: Any) -> Object:
        containers = [{"name": "main", "image": "demo"}] if containers is None else containers
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}"},
            "spec": {"restartPolicy": "Always", "containers": containers, **spec},
            "status": {"phase": "Pending"},
        }

    return make


@pytest.fixture
def node_facts() -> NodeFacts:
    return NodeFacts(name="node", ip="10.244.0.1", cpus=2, memory=4 << 30, storage=1 << 30)


@pytest.fixture
def make_inputs(node_facts: NodeFacts) -> Callable[..., Inputs]:
    """What a Pod refers to: ConfigMaps by ``configmaps``, Secrets by ``secrets``."""

    def make(
        *,
        configmaps: dict[str, Object] | None = None,
        secrets: dict[str, Object] | None = None,
        **rest: Any,
    ) -> Inputs:
        objects: dict[Ref, Object | None] = {}
        objects.update({Ref("ConfigMap", n): {"data": d} for n, d in (configmaps or {}).items()})
        objects.update({Ref("Secret", n): {"data": d} for n, d in (secrets or {}).items()})
        return Inputs(objects=objects, node=node_facts, **rest)

    return make


@pytest.fixture
def make_record() -> Callable[..., ContainerRecord]:
    """A container's record: never started, running (``exit_code=None``) or ended."""

    def make(
        name: str = "main",
        *,
        begun: bool = True,
        exit_code: int | None = None,
        attempt: int = 0,
        finished_at: float = 100.0,
        **rest: Any,
    ) -> ContainerRecord:
        if not begun:
            return ContainerRecord(name, **rest)
        ended = exit_code is not None
        last = ContainerStatus(
            name=name,
            attempt=attempt,
            id=f"id-{name}-{attempt}",
            state=ContainerState.EXITED if ended else ContainerState.RUNNING,
            started_at=50.0,
            finished_at=finished_at if ended else None,
            exit_code=exit_code,
            reason="" if not ended else "Error" if exit_code else "Completed",
        )
        return ContainerRecord(name, attempts=attempt + 1, last=last, **rest)

    return make


sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory):
    """A real API server for all tests of this folder."""
    from support.apiserver import control_plane

    with control_plane(tmp_path_factory.mktemp("plane")) as running:
        yield running
