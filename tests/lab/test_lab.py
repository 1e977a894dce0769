"""``oamkit lab``: a real JupyterLab, seen from outside and in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.lab import browser, chromium
from support.sandbox import eventually, listening, sockets_of

from oamkit.course.lab import lab
from oamkit.errors import InputError

BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.notebooks, pytest.mark.timeout(180)]


class Lab:
    """A running JupyterLab."""

    def __init__(self, url: str, token: str, process: int, home: Path) -> None:
        self.url, self.token, self.process, self.home = url, token, process, home

    def answers(self) -> bool:
        """Whether it takes connections: it names its address a moment before."""
        try:
            return self.get("/api")[0] == 200
        except urllib.error.URLError:
            return False

    def get(self, path: str, *, token: bool = True) -> tuple[int, str]:
        headers = {"Authorization": f"token {self.token}"} if token else {}
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        return None


@contextlib.contextmanager
def running(home: Path, *options: str, **environ: str) -> Iterator[Lab]:
    """Start ``oamkit lab`` as a person does; end it as Ctrl-C does."""
    env = {**os.environ, "OAMKIT_HOME": str(home), "OAMKIT_PROVIDER": "sandbox", **environ}
    env |= {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "run"),
    }
    argv = [str(BIN / "oamkit"), "lab", "--no-browser", *options]
    process = subprocess.Popen(
        argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    reader = None
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if match := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=([0-9a-f]+)", line):
                break
        else:
            pytest.fail("".join(lines))
        # What it goes on saying is read, so that it never waits for us.
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        it = Lab(match[1], match[2], process.pid, home)
        eventually(it.answers)
        yield it
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reader is not None:
            reader.join(20)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    # A kernel of another Python, as many users have one, must not take the place of ours.
    other = home / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python"], "display_name": "Another Python", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    with running(home, JUPYTER_DATA_DIR=str(home / "jupyter")) as it:
        yield it


def test_it_listens_on_loopback_only(jupyter: Lab) -> None:
    table = listening()
    listeners = [table[inode] for inode in sockets_of(jupyter.process) if inode in table]
    assert listeners
    assert {address for address, _ in listeners} == {"0100007F"}


def test_nothing_is_told_without_the_token(jupyter: Lab) -> None:
    assert jupyter.get("/oamkit/start", token=False)[0] in (302, 403)
    assert jupyter.get("/api/contents", token=False)[0] == 403
    assert jupyter.get("/lab", token=False)[0] == 302


def test_the_start_page_tells_lessons_progress_and_cluster(
    jupyter: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oamkit.lesson import progress
    from oamkit.lesson.exercising import of_lesson
    from oamkit.lesson.verdict import Outcome

    status, page = jupyter.get("/oamkit/start")
    assert status == 200
    assert "The cluster (sandbox) doesn&#x27;t run." in page
    assert "Begin with lesson 00" in page
    assert 'href="/lab/tree/notebooks/en/06-deploy.ipynb"' in page
    assert page.count("<tr>") == 1 + len(
        list((Path(__file__).parents[2] / "notebooks" / "en").glob("*.ipynb"))
    )
    monkeypatch.setenv("OAMKIT_HOME", str(jupyter.home))
    for each in of_lesson("06"):
        progress.record(each.number, Outcome.CORRECT)
    progress.opened("06")
    progress.opened("00")
    page = jupyter.get("/oamkit/start")[1]
    count = len(of_lesson("06"))
    assert f"{count} of {count}" in page
    link = '<a href="/lab/tree/notebooks/en/01-why.ipynb" data-path="notebooks/en/01-why.ipynb">'
    assert f"<p>{link}Go on with lesson 01: Why Kubernetes" in page


def test_the_kernel_is_this_environment_s(jupyter: Lab) -> None:
    specs = json.loads(jupyter.get("/api/kernelspecs")[1])
    assert specs["default"] == "python3"
    assert specs["kernelspecs"]["python3"]["spec"]["display_name"] == "OAM course (Python)"


def test_the_page_s_extension_is_there_and_nothing_asks_the_network(jupyter: Lab) -> None:
    text = jupyter.get("/lab")[1]
    config = json.loads(
        re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', text, re.DOTALL)[1]
    )  # type: ignore[index]
    assert "oamkit-start" in {each["name"] for each in config["federated_extensions"]}
    assert config["oamkitTitle"] == "OAM course"
    assert "@jupyterlab/apputils-extension:announcements" in str(config["disabledExtensions"])


def test_in_a_browser_it_opens_at_the_start_page_and_a_click_opens_a_lesson(jupyter: Lab) -> None:
    with browser(chromium()) as started:
        page = started.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        foreign: list[str] = []
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((jupyter.url, "data:", "blob:"))
                else foreign.append(asked.url)
            ),
        )
        page.goto(f"{jupyter.url}/lab?token={jupyter.token}")
        page.wait_for_selector(".oamkit-start h1", timeout=60000)
        link = page.locator(".oamkit-start a", has_text="01 ·")
        link.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".jp-NotebookPanel", timeout=30000)
        page.get_by_role("heading", name="Why Kubernetes needs an application layer").wait_for(
            timeout=30000
        )
        page.keyboard.press("Escape")  # out of the cell
        page.keyboard.press("Control+Shift+L")
        card = page.locator(".jp-LauncherCard", has_text="OAM course")
        card.first.wait_for(timeout=30000)
        assert card.count() >= 2  # the page, and the kernel
    assert errors == []
    assert foreign == []


def test_in_chinese_the_start_page_names_the_chinese_lessons(tmp_path: Path) -> None:
    with running(tmp_path, "--lang", "zh") as chinese:
        page = chinese.get("/oamkit/start")[1]
    assert 'data-path="notebooks/zh/02-concepts.ipynb"' in page
    assert re.search(r'role="status">[^<]*集群', page)
    assert "not begun" not in page


@pytest.mark.parametrize("told", ["folder", "session"])
def test_a_chinese_notebook_speaks_chinese(tmp_path: Path, told: str) -> None:
    """By the folder that its kernel is started in, or by the name that Jupyter's server gives it."""
    root = Path(__file__).parents[2]
    notebook = root / "notebooks" / "zh" / "02-concepts.ipynb"
    env = {
        **os.environ,
        "OAMKIT_HOME": str(tmp_path),
        "OAMKIT_PROVIDER": "sandbox",
        "OAMKIT_LANG": "en",
    }
    if told == "session":
        env["JPY_SESSION_NAME"] = str(notebook)
    code = "from oamkit import lesson; print(lesson.start('02')); print(lesson.exercise('02.1').check())"
    cwd = notebook.parent if told == "folder" else root
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, timeout=100
    )
    assert "第 02 课可以开始了" in done.stdout, done.stdout + done.stderr
    assert "Not attempted" not in done.stdout


def test_without_lessons_in_a_language_it_says_so() -> None:
    with pytest.raises(InputError, match="en, zh"):
        lab("klingon")


def test_what_a_user_has_set_stays(tmp_path: Path) -> None:
    ready = lab(
        "en", browser=False, root=True, environ={"JUPYTER_PATH": "/mine", "OAMKIT_LANG": "zh"}
    )
    assert ready.environ["JUPYTER_PATH"].split(os.pathsep)[1] == "/mine"
    assert ready.environ["OAMKIT_LANG"] == "en"
    assert {"--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"} <= set(ready.argv)


def test_its_terminals_find_the_kit_s_programs(tmp_path: Path) -> None:
    for environ in ({"PATH": "/usr/bin:/bin"}, {}):
        found = shutil.which("oamkit", path=lab("en", environ=environ).environ["PATH"])
        assert found == str(BIN / "oamkit")
