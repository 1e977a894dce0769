"""One sandbox for all exercises, in a home of its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from support.layers import lent_layers

from oamkit import paths
from oamkit.cluster import active
from oamkit.cluster.providers.sandbox import SandboxProvider
from oamkit.provider import Choice, ProviderName, forget, select


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for the whole run, so that the cluster, its images and the progress are this run's own."""
    folder = tmp_path_factory.mktemp("home")
    before, here = os.environ.get("OAMKIT_HOME"), Path.cwd()
    os.environ["OAMKIT_HOME"] = str(folder)
    yield folder
    shutil.rmtree(paths.runtime(), ignore_errors=True)
    os.chdir(here)
    if before is None:
        del os.environ["OAMKIT_HOME"]
    else:
        os.environ["OAMKIT_HOME"] = before


@pytest.fixture(scope="package")
def sandbox(home: Path) -> Iterator[SandboxProvider]:
    """The cluster in use is a sandbox, which the first lesson that needs one starts."""
    choice = Choice(ProviderName.SANDBOX, "the test says so")
    provider = SandboxProvider(choice)
    select(choice)
    with active.substituted(provider), lent_layers(home):
        yield provider
        provider.delete()
    forget()
