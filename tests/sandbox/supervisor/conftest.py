"""Sandboxes for the tests of this folder."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oamkit import paths

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.sandbox import Bench


def make_bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    home = Path(tempfile.mkdtemp(prefix="oamkit-"))
    monkeypatch.setenv("OAMKIT_HOME", str(home))
    bench = Bench(home)
    try:
        yield bench
    finally:
        log = bench.folder / "logs" / "supervisor.log"
        complaints = log.read_text() if log.exists() else ""
        bench.sandbox().down()
        shutil.rmtree(paths.runtime(), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
        assert "Traceback" not in complaints, complaints


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A home without a sandbox."""
    yield from make_bench(monkeypatch)


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    """A sandbox that is up, for all tests of a module; they leave it up."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for bench in make_bench(monkeypatch):
            bench.sandbox().up()
            yield bench
