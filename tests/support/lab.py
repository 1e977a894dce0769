"""JupyterLab in a real browser: a server on loopback, and pages with what tests ask of a notebook."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from oamkit import course

ROOT = Path(__file__).resolve().parents[2]
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
    # Nothing outside this machine can be reached from a page.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def chromium() -> str:
    """The path of the browser; ``""`` if this machine has none."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )


class Lab:
    """A JupyterLab that serves one folder, and the kernels that it started."""

    def __init__(self, folder: Path, home: Path, provider: str = "sandbox") -> None:
        self.folder = folder
        self.token = secrets.token_hex(16)
        with socket.socket() as spare:
            spare.bind(("127.0.0.1", 0))
            port = spare.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        state = home / "jupyter"
        self._log = home / "jupyterlab.log"
        settings = {
            f"JUPYTER_{name}_DIR": str(state / name) for name in ("CONFIG", "DATA", "RUNTIME")
        }
        env = {
            **os.environ,
            **settings,
            "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
            "JUPYTER_CONFIG_PATH": str(Path(course.__file__).parent / "jupyter"),
            "OAMKIT_HOME": str(home),
            "OAMKIT_PROVIDER": provider,
            "PYTHONPATH": str(ROOT),
        }
        argv = [
            sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                env={**env, "JUPYTER_TOKEN": self.token},
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self._await()

    def api(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook of a few code cells; returns its name."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
        made.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(made, self.folder / name)
        return name

    def stop_kernels(self) -> None:
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.stop_kernels()
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(15)

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.api("status")
            except (urllib.error.URLError, OSError):
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise AssertionError(
                        f"JupyterLab didn't start:\n{self._log.read_text()}"
                    ) from None
                time.sleep(0.1)
            else:
                return


class Notebook:
    """A notebook in a page, driven as a person does, and read as JupyterLab has it."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page = page
        self.lab = lab
        self.name = name

    def open(self) -> Notebook:
        self.page.goto(f"{self.lab.url}/doc/tree/{self.name}?token={self.lab.token}")
        self.ready()
        return self

    def ready(self, path: str = "") -> None:
        """Wait until the notebook (of this path) and its kernel are there."""
        self.page.wait_for_function(
            """(path) => {
                const panel = window.jupyterapp?.shell.currentWidget;
                const session = panel?.context?.sessionContext;
                return panel?.content?.model && (!path || panel.context.path === path) && session?.isReady && session.session?.kernel?.connectionStatus === 'connected';
            }""",
            arg=path,
            timeout=60_000,
        )

    def run_all(self, timeout: float = 300) -> None:
        """Run all cells, and wait until they are done."""
        self.page.evaluate(
            "() => { window.oamkitDone = null; window.jupyterapp.commands.execute('notebook:run-all-cells')"
            ".then(() => { window.oamkitDone = true; }, (error) => { window.oamkitDone = String(error); }); }"
        )
        self.page.wait_for_function("() => window.oamkitDone !== null", timeout=timeout * 1000)

    def run(self, source: str, timeout: float = 60) -> str:
        """Run Python in the notebook's kernel, beside the cells; returns what it printed."""
        found: dict[str, str] = self.page.evaluate(
            """async ([code, limit]) => {
                const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
                const future = kernel.requestExecute({code, store_history: false});
                let text = '', error = '';
                future.onIOPub = (message) => {
                    if (message.header.msg_type === 'stream') text += message.content.text;
                    if (message.header.msg_type === 'error') error = message.content.traceback.join('\\n');
                };
                await Promise.race([future.done, new Promise((_, no) => setTimeout(() => no(new Error('too slow')), limit))]);
                return {text, error};
            }""",
            [source, timeout * 1000],
        )
        assert not found["error"], found["error"]
        return found["text"]

    def cells(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        )
        return found

    def errors(self) -> list[str]:
        """What cells ended with, if it was an error."""
        return [
            f"{cell.get('id')}: {output.get('ename')}: {output.get('evalue')}"
            for cell in self.cells()
            for output in cell.get("outputs", [])
            if output["output_type"] == "error"
        ]

    def save(self) -> None:
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def widgets(self) -> Locator:
        """The widgets of the notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) section.oam")

    def widget(self, number: int = 0) -> Locator:
        """The number-th widget of the page."""
        found = self.widgets().nth(number)
        found.wait_for(state="visible", timeout=30_000)
        found.scroll_into_view_if_needed()
        return found


@contextlib.contextmanager
def browser(executable: str) -> Iterator[Browser]:
    """A browser without a window."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=[*QUIET, *root])
        try:
            yield started
        finally:
            started.close()
