"""Fixtures of the library's tests: a real API server, reached by provider ``kubeconfig``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.apiserver import ControlPlane, control_plane

from oamkit.cluster import active
from oamkit.cluster.api import connect
from oamkit.cluster.providers.kubeconfig import KubeconfigProvider
from oamkit.process import FakeRunner
from oamkit.provider import Choice, ProviderName


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with the Deployment controller, but without nodes."""
    folder = tmp_path_factory.mktemp("plane")
    with control_plane(folder, controller_manager=True) as running:
        yield running


@pytest.fixture(scope="package")
def kubeconfig(plane: ControlPlane) -> Iterator[Path]:
    """The administrator's kubeconfig; it trusts the authority of the server's certificate."""
    file = plane.trusting_kubeconfig(plane.folder / "trusting.kubeconfig")
    yield file
    connect(file).close()


@pytest.fixture
def server(kubeconfig: Path, home: Path) -> Iterator[KubeconfigProvider]:
    """The cluster in use is the control plane of this test run."""
    provider = KubeconfigProvider(
        Choice(ProviderName.KUBECONFIG, "the test says so"),
        FakeRunner(),
        {"KUBECONFIG": str(kubeconfig)},
    )
    with active.substituted(provider):
        yield provider
