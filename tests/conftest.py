"""What all tests share: a scrubbed environment, and a look at what each of them leaves behind."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

# Set before anything of oamkit is imported: nothing of the machine's user takes part in a test.
for name in list(os.environ):
    if name.lower().endswith("_proxy") or name in {
        "KUBECONFIG",
        "OAMKIT_PROVIDER",
        "OAMKIT_LANG",
        "LANGUAGE",
    }:
        del os.environ[name]
os.environ["LC_ALL"] = "C.UTF-8"  # messages are compared in English
os.environ["NO_COLOR"] = "1"
os.environ["JUPYTER_PLATFORM_DIRS"] = "1"


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """Fail a test that leaves a non-daemon thread of its own running."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(timeout=5)
            assert not thread.is_alive(), f"the test left the thread {thread.name} running"


@pytest.fixture
def project_root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh ``OAMKIT_HOME``; the shared cache of built programs stays."""
    folder = tmp_path / "home"
    monkeypatch.setenv("OAMKIT_HOME", str(folder))
    yield folder
    from oamkit import paths

    shutil.rmtree(paths.runtime(), ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing may be skipped: what a machine of CI can't do is mended there, or the test is wrong."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI doesn't allow: {report.longrepr}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In CI tell at once why a test failed: whoever reads along needn't wait for the end, nor a run that is cut off."""
    if report.failed and os.environ.get("CI"):
        sys.__stderr__.write(
            f"\n{report.nodeid} failed in its {report.when}:\n{report.longreprtext}\n"
        )
        sys.__stderr__.flush()
