"""Measure the topology widget in a real browser: first paint and updates by the number of objects, and what an idle widget costs.

Pictures are made of applications as a cluster would have them; the idle kernel follows a real API server.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._report import Report

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import lab as labs  # noqa: E402 - what the browser tests drive JupyterLab with
from support.apiserver import control_plane  # noqa: E402

SIZES = (50, 195, 1000)
"""Objects: of 195 each is drawn, and those of the OAM view besides; more than 200 are folded."""
FIRST_PAINT = 200.0
"""Milliseconds: what is asked for at 200 nodes."""
TRIES, UPDATES, IDLE_SECONDS = 5, 16, 30

SETUP = """
import sys, time
sys.path.insert(0, {root!r})
from benchmarks._applications import application
from oamkit.widgets.feed import Snapshot
from oamkit.widgets.topology_view import TopologyWidget

class Drawn(TopologyWidget):
    objects = []
    def _connect(self, seconds):
        self._news(Snapshot(tuple(self.objects)))
    def change(self, number):
        first = next(each for each in self.objects if each["kind"] == "Deployment")
        ready = 3 - number % 2 * 2  # all of them, or one: the fold's words change, too
        changed = {{**first, "status": {{**first["status"], "readyReplicas": ready}}}}
        begun = time.time()
        self._news(Snapshot(tuple(changed if each is first else each for each in self.objects)))
        print(begun * 1000)

def shown(count):
    Drawn.objects = application(count)
    return Drawn("big")

shown(5)
"""
PAINTED = """async ([index, limit]) => {
    const panel = window.jupyterapp.shell.currentWidget;
    const before = document.querySelectorAll('section.oam').length;
    panel.content.activeCellIndex = index;
    const begun = performance.now();
    const painted = new Promise((resolve, reject) => {
        const look = () => {
            const widgets = document.querySelectorAll('section.oam');
            if (widgets.length > before || widgets.length === before && look.gone) {
                const last = [...widgets].at(-1);
                if (last.querySelector('.oam-node')) {
                    seen.disconnect();
                    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begun)));
                }
            } else if (widgets.length < before) look.gone = true;
        };
        const seen = new MutationObserver(look);
        seen.observe(document.body, {childList: true, subtree: true});
        setTimeout(() => reject(new Error('nothing was painted')), limit);
    });
    window.jupyterapp.commands.execute('notebook:run-cell');
    return await painted;
}"""
CHANGED = """() => {
    const widget = [...document.querySelectorAll('section.oam')].at(-1);
    window.oamkitChanged = new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('nothing has changed')), 30000);
        const seen = new MutationObserver(() => {
            seen.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.timeOrigin + performance.now())));
        });
        seen.observe(widget, {attributes: true, attributeFilter: ['aria-label'], subtree: true});
    });
}"""


def main() -> None:
    """Run it."""
    report = Report("widgets")
    folder = Path(tempfile.mkdtemp(prefix="oamkit-bench-"))
    with labs.browser(labs.chromium()) as browser:
        _pictures(report, folder, browser)
        _idle(report, folder, browser)
    report.finish()


def _pictures(report: Report, folder: Path, browser: labs.Browser) -> None:
    lab = labs.Lab(folder, folder)
    try:
        for size in SIZES:
            cells = [SETUP.format(root=str(ROOT)), *[f"drawn = shown({size})\ndrawn"] * TRIES]
            notebook = labs.Notebook(
                browser.new_page(), lab, lab.notebook(f"{size}.ipynb", *cells)
            ).open()
            notebook.page.evaluate(
                PAINTED, [0, 60_000]
            )  # the first widget of a page loads what draws them
            times = [notebook.page.evaluate(PAINTED, [n + 1, 60_000]) for n in range(TRIES)]
            target = FIRST_PAINT if size == 195 else None
            what = f"{size} objects: cell run → painted"
            report.add(f"{what}, median of {TRIES}", statistics.median(times), "ms", target=target)
            report.add(f"{what}, fastest of {TRIES}", min(times), "ms")
            updates = []
            for number in range(UPDATES):
                notebook.page.evaluate(CHANGED)
                begun = float(notebook.run(f"drawn.change({number + 1})"))
                updates.append(notebook.page.evaluate("() => window.oamkitChanged") - begun)
            report.add(
                f"{size} objects: change → painted, median of {UPDATES}",
                statistics.median(updates),
                "ms",
            )
            drawn = notebook.widgets().last.locator(".oam-node").count()
            report.add(f"{size} objects: nodes drawn, both views", drawn, "")
            notebook.page.close()
            lab.stop_kernels()
    finally:
        lab.close()


def _idle(report: Report, folder: Path, browser: labs.Browser) -> None:
    with control_plane(folder / "plane") as plane:
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        lab = labs.Lab(folder, folder, provider="kubeconfig")
        try:
            cells = (
                "from oamkit import widgets\npicture = widgets.topology()\npicture",
                "widgets.events()",
            )
            notebook = labs.Notebook(
                browser.new_page(), lab, lab.notebook("idle.ipynb", *cells)
            ).open()
            notebook.run_all()
            notebook.widget()
            pid = int(notebook.run("import os; print(os.getpid())"))
            time.sleep(3)  # what is measured is rest
            begun, spent = time.monotonic(), _cpu(pid)
            time.sleep(IDLE_SECONDS)
            share = (_cpu(pid) - spent) / (time.monotonic() - begun)
            report.add(
                "idle: the kernel, with two widgets shown", 100 * share, "% of a core", target=2.0
            )
        finally:
            lab.close()
            del os.environ["KUBECONFIG"]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
