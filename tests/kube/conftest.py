"""Fixtures of the API client's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.apiserver import ControlPlane, control_plane


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver for all tests here; each test takes a namespace of its own."""
    with control_plane(tmp_path_factory.mktemp("plane")) as running:
        yield running
