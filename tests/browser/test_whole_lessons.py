"""Every lesson, opened and run in JupyterLab from its first to its last cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.cluster import ROOT
from support.lab import Lab, Notebook

LESSONS = sorted(path.name for path in (ROOT / "notebooks" / "en").glob("*.ipynb"))


@pytest.fixture(scope="module")
def window(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    """One JupyterLab window, in which the lessons are opened one after the other, as learners do."""
    page = browser.new_page(viewport={"width": 1300, "height": 950})
    found = Notebook(page, lab, LESSONS[0])
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=60_000)
    yield found
    page.close()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_from_end_to_end(window: Notebook, lab: Lab, name: str, shots: Path) -> None:
    window.name = name
    window.page.evaluate(
        # What it gives, a window full of objects, can't leave the page.
        "(path) => window.jupyterapp.commands.execute('docmanager:open', {path}).then(() => null)",
        name,
    )
    window.ready(name)
    window.run_all(timeout=240)
    assert window.errors() == []
    unexecuted = [
        cell["id"]
        for cell in window.cells()
        if cell["cell_type"] == "code" and not cell["execution_count"]
    ]
    assert unexecuted == []
    if window.widgets().count():
        window.widget().screenshot(path=shots / f"lesson-{name[:2]}.png")
    window.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.save().then(() => null)"
    )
    lab.stop_kernels()
    window.page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")
