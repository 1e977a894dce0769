"""A real API server for the feed, and widgets that are closed after each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.apiserver import ControlPlane, control_plane


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver for all tests here."""
    with control_plane(tmp_path_factory.mktemp("widgets-plane")) as running:
        yield running
