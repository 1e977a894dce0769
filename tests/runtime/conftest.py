"""Fixtures of the runtime's tests: one control plane, one running runtime, a fresh namespace for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(Path(__file__).parent))

from support.apiserver import ControlPlane, control_plane  # noqa: E402 - after the path is set

CRDS = TESTS.parent / "charts" / "oam-kubernetes-runtime" / "crds"


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with the OAM kinds and with the controllers that reap and deploy."""
    with control_plane(
        tmp_path_factory.mktemp("plane"),
        users={f"{name}-token": name for name in ("runtime", "one", "two")},
        audited=True,
    ) as running:
        running.kubectl("apply", "--server-side", "-f", str(CRDS))
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        running.start_controller_manager()
        yield running
