"""Each widget, clicked through as a learner does."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect
from support.cluster import Cluster
from support.lab import Notebook

Open = Callable[..., Notebook]
PICTURE = "from oamkit import widgets\npicture = widgets.topology('example')\npicture"


def node(widget: Locator, name: str, view: str = "Kubernetes") -> Locator:
    return widget.locator(f"svg[aria-label='{view}'] .oam-node[data-id='{name}']")


def press(widget: Locator, name: str) -> None:
    widget.get_by_role("button", name=name, exact=True).first.click()


def serious(notebook: Notebook) -> list[str]:
    """What axe finds in the widgets that is serious or worse."""
    found = Axe().run(notebook.page, context="section.oam").response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def test_topology_shows_both_views_and_what_belongs_together(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells(PICTURE)
    widget = notebook.widget()
    expect(node(widget, "deployment.apps/web")).to_have_attribute(
        "aria-label", "Deployment web: healthy, 1/1"
    )
    node(widget, "component.core.oam.dev/web", "OAM").click()
    expect(node(widget, "deployment.apps/web")).to_have_class("oam-node oam-is-ok oam-linked")
    node(widget, "deployment.apps/web").click()
    expect(node(widget, "deployment.apps/web", "OAM")).to_have_attribute("aria-selected", "true")
    expect(widget.locator(".oam-side")).to_contain_text("Available: True")
    expect(widget.locator(".oam-side")).to_contain_text("ScalingReplicaSet")
    expect(widget.locator(".oam-yaml")).to_contain_text("kind: Deployment")
    assert notebook.run("print(picture.selected)").strip() == "deployment.apps/web"
    notebook.run("picture.selected = 'service/web'")
    expect(node(widget, "service/web")).to_have_attribute("aria-selected", "true")
    widget.screenshot(path=shots / "topology-light.png")
    press(widget, "OAM")
    expect(node(widget, "deployment.apps/web")).not_to_be_visible()
    press(widget, "Legend")
    expect(widget.locator(".oam-legend")).to_contain_text("not there yet")
    press(widget, "Both")
    seen = [widget.locator("svg[role='tree']").first.get_attribute("viewBox")]
    for button in ("Zoom in", "Zoom out", "Zoom in", "Fit"):
        press(widget, button)
        seen.append(widget.locator("svg[role='tree']").first.get_attribute("viewBox"))
    assert len(set(seen)) >= 3
    assert all(before != after for before, after in itertools.pairwise(seen))
    widget.get_by_role("searchbox").fill("replicaset")
    expect(widget.locator(".oam-node:not(.oam-dim)")).to_have_count(1)
    widget.get_by_role("searchbox").fill("")
    widget.get_by_role("combobox").select_option("troubled")
    expect(widget.locator(".oam-node:not(.oam-dim)")).to_have_count(0)
    widget.get_by_role("combobox").select_option("")
    press(widget, "Copy text")
    expect(widget.locator(".oam-spoken")).to_have_text("Copied.")
    text = notebook.page.evaluate("() => navigator.clipboard.readText()")
    assert "Kubernetes\nApplicationConfiguration example  ✓ healthy\n├─ Deployment web" in text
    assert text.endswith("→ sends requests to Service web")
    press(widget, "Copy picture")
    notebook.page.wait_for_function(
        "async () => (await navigator.clipboard.read())[0].types.includes('image/png')"
    )
    assert serious(notebook) == []


def test_topology_is_live_and_folds_like_leaves(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells(PICTURE)
    widget = notebook.widget()
    expect(node(widget, "deployment.apps/web")).to_be_visible()
    example.run(
        "kubectl", "patch", "applicationconfiguration", "example", "--type=json", "-p",
        '[{"op":"add","path":"/spec/components/0/parameterValues","value":[{"name":"replicas","value":7}]}]',
    )  # fmt: skip
    folded = widget.locator("svg[aria-label='Kubernetes'] .oam-node", has_text="× 7")
    expect(folded).to_be_visible()
    expect(node(widget, "deployment.apps/web")).to_have_attribute(
        "aria-label", "Deployment web: healthy, 7/7"
    )
    node(widget, "deployment.apps/web").click()
    marked = widget.locator(".oam-marked")
    expect(marked).to_contain_text("parameter replicas, set by the application example")
    expect(marked).to_contain_text("replicas: 7")
    widget.screenshot(path=shots / "topology-folded.png")
    folded.click()
    expect(widget.locator("svg[aria-label='Kubernetes'] .oam-node[data-id^='pod/']")).to_have_count(
        7
    )
    press(widget, "Fold again")
    expect(folded).to_be_visible()
    press(widget, "Pause")
    example.run("kubectl", "delete", "service", "web")
    notebook.page.wait_for_timeout(800)  # what must not happen in this time
    expect(node(widget, "deployment.apps/web")).to_have_attribute(
        "aria-label", "Deployment web: healthy, 7/7"
    )
    press(widget, "Go on")
    expect(node(widget, "service/web", "OAM")).to_be_visible()


def test_topology_shows_what_should_be_there_and_is_not(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    example.run(
        "kubectl",
        "scale",
        "-n",
        "oam-system",
        "deployment/oam-oam-kubernetes-runtime",
        "--replicas=0",
    )
    try:
        example.run(
            "kubectl", "wait", "-n", "oam-system", "--for=delete", "pod", "--all", "--timeout=60s"
        )
        example.run("kubectl", "delete", "service", "web")
        widget = open_cells(PICTURE).widget()
        ghost = node(widget, "service/web")
        expect(ghost).to_have_attribute("aria-label", "Service web: not there yet")
        expect(ghost).to_have_class("oam-node oam-is-missing")
        widget.screenshot(path=shots / "topology-ghost.png")
    finally:
        example.run(
            "kubectl",
            "scale",
            "-n",
            "oam-system",
            "deployment/oam-oam-kubernetes-runtime",
            "--replicas=1",
        )
    expect(ghost).to_have_attribute("aria-label", "Service web: there", timeout=60_000)


def test_topology_works_by_keyboard_alone(example: Cluster, open_cells: Open) -> None:
    notebook = open_cells("'above'", PICTURE)
    widget = notebook.widget()
    keyboard = notebook.page.keyboard
    widget.get_by_role("button", name="Copy picture").focus()
    keyboard.press("Tab")
    expect(node(widget, "applicationconfiguration.core.oam.dev/example", "OAM")).to_be_focused()
    keyboard.press("Tab")
    expect(node(widget, "applicationconfiguration.core.oam.dev/example")).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        keyboard.press(key)
    assert "Pod web-" in notebook.page.evaluate(
        "() => document.activeElement.getAttribute('aria-label')"
    )
    for key in ("ArrowLeft", "ArrowLeft", "Enter"):
        keyboard.press(key)
    expect(widget.locator(".oam-side h3")).to_contain_text("Deployment web")
    for key in ("+", "-", "0", "End", "Home", "d", "d"):
        keyboard.press(key)
    expect(node(widget, "applicationconfiguration.core.oam.dev/example")).to_be_focused()
    keyboard.press("Escape")
    expect(widget.locator(".oam-side")).to_contain_text("Choose a node")
    assert len(notebook.cells()) == 2  # JupyterLab's own keys didn't act


def test_names_and_texts_of_the_cluster_never_become_markup(
    example: Cluster, open_cells: Open
) -> None:
    evil = "<img src=x onerror=document.title='owned'>"
    example.run("kubectl", "annotate", "deployment", "web", f"evil={evil}", "--overwrite")
    example.run("kubectl", "create", "-f", "-", input=(
        '{"apiVersion":"v1","kind":"Event","metadata":{"name":"evil","namespace":"default"},"type":"Warning",'
        f'"reason":"{evil}","message":"{evil}","involvedObject":{{"apiVersion":"apps/v1","kind":"Deployment","name":"web",'
        '"namespace":"default"}}'
    ))  # fmt: skip
    try:
        notebook = open_cells(PICTURE, "widgets.events(topology=picture)")
        widget = notebook.widget()
        node(widget, "deployment.apps/web").click()
        expect(widget.locator(".oam-yaml")).to_contain_text(evil)
        expect(notebook.widget(1)).to_contain_text(evil)
        assert notebook.page.locator("section.oam img").count() == 0
        assert notebook.page.title() != "owned"
    finally:
        example.run("kubectl", "delete", "event", "evil")


def test_events_are_folded_and_follow_the_selection(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells(PICTURE, "log = widgets.events(topology=picture)\nlog")
    events = notebook.widget(1)
    rows = events.locator("tbody tr")
    expect(rows.first).to_be_visible()
    everything = rows.count()
    events.get_by_role("button", name="Deployment web").first.click()
    expect(node(notebook.widget(), "deployment.apps/web")).to_have_attribute(
        "aria-selected", "true"
    )
    events.get_by_label("Only what is selected: deployment.apps/web").check()
    expect(rows).not_to_have_count(everything)
    for text in rows.locator("td:nth-child(3)").all_inner_texts():
        assert text.split()[0] in ("Deployment", "ReplicaSet", "Pod", "Component")
    events.screenshot(path=shots / "events.png")
    events.get_by_label("Only what is selected: deployment.apps/web").uncheck()
    events.get_by_role("button", name="From now on").click()
    expect(events).to_contain_text("No events.")
    example.run("kubectl", "delete", "pod", "-l", "app=web", "--wait=false")
    expect(rows.first).to_be_visible()
    events.get_by_label("Only warnings").check()
    assert serious(notebook) == []


def test_concepts_are_explained_with_live_objects(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells("from oamkit import widgets\nwidgets.concepts()")
    widget = notebook.widget()
    widget.get_by_role("treeitem", name="Component (developer)").click()
    expect(widget.locator("h3")).to_have_text("Component")
    expect(widget).to_contain_text("Written by: developer")
    widget.get_by_role("button", name="Component web").click()
    expect(widget.locator(".oam-yaml")).to_contain_text("image: flask-sample:v1")
    widget.locator("summary").click()
    expect(widget).to_contain_text("The Component itself runs nothing.")
    widget.screenshot(path=shots / "concepts.png")
    assert serious(notebook) == []


def test_steps_are_checked_with_hints_and_a_solution(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells("from oamkit import widgets\nboard = widgets.steps('06')\nboard")
    widget = notebook.widget()
    first = widget.get_by_role("listitem").filter(has_text="06.1")
    first.get_by_role("button", name="Check").click()
    expect(first).to_contain_text("at work")
    expect(first.locator(".oam-state-word")).to_have_text("○ not attempted", timeout=40_000)
    expect(first.locator("p")).to_contain_text("The application")
    first.get_by_role("button", name="Hint").click()
    expect(first).to_contain_text("Hint 1 of", timeout=40_000)
    first.get_by_role("button", name="Solution").click()
    expect(first.locator("pre")).to_contain_text("parameterValues")
    notebook.run(
        "import os\nfrom oamkit import lesson\nfrom oamkit.cluster import kit\nos.chdir(kit.root())\nexec(lesson.exercise('06.1').solution().source)"
    )
    first.get_by_role("button", name="Check").click()
    expect(first.locator(".oam-state-word")).to_have_text("✓ correct", timeout=60_000)
    widget.screenshot(path=shots / "steps.png")
    assert serious(notebook) == []
    widget.get_by_role("button", name="Reset").click()
    widget.get_by_role("button", name="Really forget").click()
    expect(first.locator(".oam-state-word")).to_have_text("○ not attempted")


def test_status_tells_each_part_and_opens_its_log(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells("from oamkit import widgets\nwidgets.status()")
    widget = notebook.widget()
    expect(widget).to_contain_text("sandbox, because")
    expect(widget).to_contain_text("http://localhost")
    log = widget.locator(".oam-log")
    logs = (("API server", "quota admission"), ("OAM runtime", "leader"), ("Ingress", "traefik"))
    for part, words in logs:
        widget.get_by_role("button", name=f"Log: {part}").click()
        expect(widget.locator("h3")).to_have_text(f"Log: {part}")
        expect(log).to_contain_text(re.compile(words, re.IGNORECASE))
    widget.screenshot(path=shots / "status.png")
    press(widget, "Read again")
    press(widget, "Close")
    expect(log).not_to_be_visible()
    assert serious(notebook) == []


def test_a_dark_page_has_readable_widgets(example: Cluster, open_cells: Open, shots: Path) -> None:
    notebook = open_cells(
        PICTURE, "widgets.events()", "widgets.concepts()", "widgets.steps('06')", "widgets.status()"
    )
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    for number, name in enumerate(("topology", "events", "concepts", "steps", "status")):
        notebook.widget(number).screenshot(path=shots / f"{name}-dark.png")
    try:
        assert serious(notebook) == []
    finally:
        notebook.page.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
        )
        expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "true")


def test_widgets_speak_the_language_of_the_notebook(
    example: Cluster, open_cells: Open, shots: Path
) -> None:
    notebook = open_cells(
        "from oamkit import languages\nlanguages.language('zh')", PICTURE, "widgets.status()"
    )
    widget = notebook.widget()
    expect(widget.get_by_role("button").first).to_be_visible()
    chinese = re.compile("[\u4e00-\u9fff]")
    expect(widget.get_by_role("searchbox")).to_have_attribute("placeholder", chinese)
    expect(notebook.widget(1)).to_contain_text(chinese)
    widget.screenshot(path=shots / "topology-zh.png")
    assert serious(notebook) == []
