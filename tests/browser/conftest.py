"""One browser, one JupyterLab and one sandbox for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, Page, expect
from support import lab as labs
from support.cluster import ROOT, Cluster, running_cluster

MARKS = (
    pytest.mark.browser,
    pytest.mark.sandbox,
    pytest.mark.binaries,
    pytest.mark.timeout(420, func_only=True),
    # What jupyter_server, tornado and playwright warn about is theirs.
    pytest.mark.filterwarnings("default"),
)
expect.set_options(timeout=20_000)  # on a busy machine everything takes its time
SHOTS = ROOT / "build" / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for mark in MARKS:
                item.add_marker(mark)


@pytest.fixture(autouse=True)
def _no_threads_left() -> None:
    """Playwright's threads live as long as the browser. Those of widgets are in kernels, where the tests look for them."""


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium. In CI it is installed where it is missing; on a person's machine the tests are skipped instead."""
    if not labs.chromium() and os.environ.get("CI"):
        subprocess.run([ROOT / "scripts" / "install-browser.sh"], check=True, timeout=400)
    if not labs.chromium():
        pytest.skip("there is no chromium: run scripts/install-browser.sh")
    with labs.browser(labs.chromium()) as started:
        yield started


@pytest.fixture(scope="package")
def lab(
    cluster: Cluster, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[labs.Lab]:
    """JupyterLab with a copy of the English lessons."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks" / "en", folder, dirs_exist_ok=True)
    running = labs.Lab(folder, cluster.home)
    try:
        running.notebook(
            "ready.ipynb", "from oamkit import lesson\nlesson.start('06', provider='sandbox')"
        )
        page = browser.new_page()
        ready = labs.Notebook(page, running, "ready.ipynb").open()
        ready.run_all(timeout=240)
        assert ready.errors() == []
        page.close()
        yield running
    finally:
        running.close()


class Complaints(list[str]):
    """What a page's scripts raised or wrote as errors, and where it tried to go outside this machine."""

    def listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.append(f"raised: {error}"))
        page.on(
            "console",
            lambda message: (
                self.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(
                    ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
                )
                else self.append(f"asked for {request.url}")
            ),
        )


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """A test fails if a page that it opened complained."""
    found = Complaints()
    yield found
    assert list(found) == []


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1300, "height": 950}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    made = context.new_page()
    made.set_default_timeout(20_000)
    complaints.listen(made)
    yield made
    context.close()


@pytest.fixture
def open_cells(
    lab: labs.Lab, page: Page, request: pytest.FixtureRequest
) -> Iterator[Callable[..., labs.Notebook]]:
    """Opens a notebook of a few cells and runs them."""

    def opened(*cells: str) -> labs.Notebook:
        name = lab.notebook(f"{request.node.name.split('[')[0]}.ipynb", *cells)
        notebook = labs.Notebook(page, lab, name).open()
        notebook.run_all()
        assert notebook.errors() == []
        return notebook

    yield opened
    lab.stop_kernels()


@pytest.fixture(scope="package")
def shots() -> Path:
    """Where screenshots are kept, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


@pytest.fixture
def example(cluster: Cluster) -> Iterator[Cluster]:
    """The course's application, just deployed."""
    cluster.run("kubectl", "apply", "-f", "flask-demo/config/")
    cluster.run(
        "kubectl",
        "wait",
        "applicationconfiguration/example",
        "--for=condition=Synced",
        "--timeout=30s",
    )
    cluster.run("kubectl", "rollout", "status", "deployment/web", "--timeout=60s")
    yield cluster
    cluster.run(
        "kubectl", "delete", "-f", "flask-demo/config/", "--ignore-not-found", "--timeout=60s"
    )
