"""What happens to pages and kernels: a server that goes away, a page that is opened again, two notebooks, and an exported one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect
from support.cluster import Cluster, eventually
from support.lab import Lab, Notebook

Open = Callable[..., Notebook]
PICTURE = "from oamkit import widgets\npicture = widgets.topology('example')\npicture"
FEEDS = "import threading\nprint([each.name for each in threading.enumerate() if each.name.startswith('oamkit')])"


def feeds(notebook: Notebook) -> str:
    """The threads that widgets of the notebook's kernel keep."""
    return notebook.run(FEEDS).strip()


def test_a_server_that_goes_away_is_told_and_comes_back(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells(PICTURE, "widgets.status()")
    widget, status = notebook.widget(), notebook.widget(1)
    lost = widget.locator(".oam-lost:not(.oam-dead)")
    expect(lost).not_to_be_visible()
    for _ in range(2):
        os.kill(example.component("kube-apiserver"), signal.SIGKILL)
        expect(lost).to_be_visible(timeout=20_000)
        expect(lost).to_contain_text("The cluster's API server doesn't answer.")
        expect(widget.locator(".oam-node").first).to_be_visible()  # what was there before
        expect(status).to_contain_text("× failed")
        widget.screenshot(path=shots / "topology-lost.png")
        expect(lost).not_to_be_visible(timeout=60_000)
    expect(status.get_by_role("listitem").filter(has_text="API server")).to_contain_text("healthy")
    example.run("kubectl", "delete", "service", "web")
    expect(
        widget.locator("[data-id='service/web'][aria-label='Service web: there']").first
    ).to_be_visible()
    example.run("kubectl", "create", "configmap", "after", "--from-literal=a=b")
    example.run("kubectl", "delete", "configmap", "after")
    notebook.run("assert picture.problem == '' and picture.lost == ''")


def test_what_goes_wrong_in_the_kernel_is_shown_in_the_widget(
    example: Cluster, open_cells: Open
) -> None:
    notebook = open_cells(PICTURE)
    notebook.run(
        "def odd():\n    raise ValueError('an odd <b>object</b>')\nsound, picture._describe = picture._describe, odd"
    )
    widget = notebook.widget()
    widget.locator("[data-id='deployment.apps/web']").first.click()
    expect(widget.get_by_role("alert")).to_contain_text("an odd <b>object</b>")
    notebook.run("picture._describe = sound\npicture.again += 1")
    expect(widget.get_by_role("alert")).not_to_be_visible()
    expect(widget.locator(".oam-yaml")).to_contain_text("kind: Deployment")


def test_a_kernel_that_was_restarted_is_told(example: Cluster, open_cells: Open) -> None:
    notebook = open_cells(PICTURE)
    widget = notebook.widget()
    expect(widget.locator(".oam-node").first).to_be_visible()
    ended = widget.locator(".oam-dead")
    expect(ended).not_to_be_visible()
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    expect(ended).to_be_visible()
    notebook.ready()
    assert feeds(notebook) == "[]"


def test_a_page_that_is_opened_again_shows_the_same_and_lives(
    example: Cluster, open_cells: Open
) -> None:
    notebook = open_cells(PICTURE)
    widget = notebook.widget()
    widget.locator("[data-id='deployment.apps/web']").first.click()
    expect(widget.locator(".oam-yaml")).to_contain_text("kind: Deployment")
    notebook.save()
    notebook.page.reload()
    notebook.ready()
    again = notebook.widget()
    expect(again.locator("[data-id='deployment.apps/web']").first).to_have_attribute(
        "aria-selected", "true"
    )
    two = '[{"op":"add","path":"/spec/components/0/parameterValues","value":[{"name":"replicas","value":2}]}]'
    example.run("kubectl", "patch", "applicationconfiguration", "example", "--type=json", "-p", two)
    expect(again.locator("[data-id='deployment.apps/web']").first).to_have_attribute(
        "aria-label", "Deployment web: healthy, 2/2", timeout=20_000
    )


def test_two_notebooks_at_once_show_the_same_cluster(
    example: Cluster, lab: Lab, open_cells: Open
) -> None:
    first = open_cells(PICTURE)
    other = first.page.context.new_page()
    second = Notebook(other, lab, lab.notebook("second.ipynb", PICTURE)).open()
    second.run_all()
    for notebook in (first, second):
        expect(notebook.widget().locator("[data-id='service/web']").first).to_be_visible()
    second.run("picture.selected = 'service/web'")
    expect(second.widget().locator(".oam-side")).to_contain_text("Service web")
    expect(first.widget().locator(".oam-side")).to_contain_text("Choose a node")
    example.run("kubectl", "annotate", "service", "web", "seen=twice")
    second.run("picture.close()")
    assert feeds(second) == "[]"
    expect(first.widget().locator("[data-id='service/web']").first).to_be_visible()


def test_nothing_is_left_once_a_widget_is_closed_or_no_longer_shown(
    example: Cluster, open_cells: Open
) -> None:
    notebook = open_cells(PICTURE, "log = widgets.events()\nlog")
    notebook.widget(1)
    assert feeds(notebook) == "['oamkit-feed-default']"  # one for both
    notebook.run("picture.close()")
    assert feeds(notebook) == "['oamkit-feed-default']"
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
    )
    eventually(lambda: feeds(notebook) == "[]", within=20, what="the feed's end")
    sockets = notebook.run(
        "import os\nfrom pathlib import Path\n"
        "from oamkit.cluster import active\n"
        "import re\n"
        "port = re.search(r'127[.]0[.]0[.]1:([0-9]+)', active.kubeconfig().read_text())[1]\n"
        "mine = {os.readlink(each) for each in Path('/proc/self/fd').iterdir() if each.is_symlink()}\n"
        "lines = [line.split() for line in Path('/proc/self/net/tcp').read_text().splitlines()[1:]]\n"
        "open_ = [f for f in lines if f[2].endswith(f':{int(port):04X}') and f'socket:[{f[9]}]' in mine and f[3] == '01']\n"
        "print(len(open_))"
    )
    assert int(sockets) == 0


def test_an_exported_notebook_keeps_pictures_and_words(
    example: Cluster, lab: Lab, open_cells: Open, tmp_path: Path
) -> None:
    notebook = open_cells(
        PICTURE, "widgets.events()", "widgets.concepts()", "widgets.steps('06')", "widgets.status()"
    )
    notebook.save()
    file = lab.folder / notebook.name
    eventually(lambda: "image/svg+xml;base64" in file.read_text(), what="the notebook is saved")
    outputs = [cell["outputs"][0]["data"] for cell in nbformat.read(file, 4).cells]
    assert "└─ Component web" in outputs[0]["text/plain"]
    argv = [sys.executable, "-m", "nbconvert", "--to=html", f"--output-dir={tmp_path}", str(file)]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    exported = tmp_path / f"{file.stem}.html"
    page = notebook.page.context.new_page()
    page.route(
        "**/*",
        lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort(),
    )
    page.goto(exported.as_uri())
    expect(page.locator("figure img")).to_have_count(2)
    for image in page.locator("figure img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 100")
    expect(page.locator("figure img").first).to_have_attribute("alt", _alt(outputs[0]["text/html"]))
    expect(page.locator("table")).to_have_count(3)
    assert "Deployment web: healthy" in outputs[0]["text/html"]


def test_a_notebook_that_is_not_trusted_shows_the_picture(
    example: Cluster, lab: Lab, page: Page, open_cells: Open
) -> None:
    notebook = open_cells(PICTURE)
    notebook.save()
    file = lab.folder / notebook.name
    eventually(lambda: "image/svg+xml;base64" in file.read_text(), what="the notebook is saved")
    other = lab.folder / "stranger.ipynb"
    document = json.loads(file.read_text())
    document["cells"].append(
        {"cell_type": "markdown", "id": "changed", "metadata": {}, "source": "By somebody else."}
    )
    other.write_text(json.dumps(document))
    stranger = Notebook(page, lab, other.name).open()
    expect(page.locator("figure img")).to_be_visible()
    assert stranger.page.locator("section.oam").count() == 0


def _alt(html: str) -> str:
    from html import unescape

    return unescape(html.split('alt="')[1].split('"')[0])
