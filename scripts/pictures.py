"""Take the pictures of the README anew: real widgets in a real JupyterLab, on a sandbox of their own.

    .venv/bin/python scripts/pictures.py

It needs chromium (scripts/install-browser.sh) and takes about two minutes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support import lab as labs  # noqa: E402 - what the browser tests drive JupyterLab with
from support.cluster import running_cluster  # noqa: E402

DEPLOY = """
from pathlib import Path
import yaml
from oamkit import apply, lesson, wait_for, widgets
lesson.start("06", provider="sandbox")
application = yaml.safe_load(Path("flask-demo/config/appconfig.yaml").read_text(encoding="utf-8"))
application["spec"]["components"][0]["parameterValues"] = [{"name": "replicas", "value": 3}]
apply("flask-demo/config/")
apply(application)
wait_for("deployment", "web", "spec.replicas=3")
wait_for("deployment", "web")
wait_for("ingress", "web", lambda found: found.at("status.loadBalancer.ingress"))
"""
CELLS = {
    "topology": 'picture = widgets.topology("example")\npicture',
    "concepts": "widgets.concepts()",
    "steps": 'board = widgets.steps("06")\nboard',
    "status": "widgets.status()",
}


def main() -> int:
    """Take them."""
    if not labs.chromium():
        print("There is no chromium: run scripts/install-browser.sh", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="oamkit-pictures-"))
    try:
        with running_cluster() as cluster, labs.browser(labs.chromium()) as browser:
            lab = labs.Lab(folder, cluster.home)
            try:
                page = browser.new_page(
                    viewport={"width": 1180, "height": 900}, reduced_motion="reduce"
                )
                take(
                    labs.Notebook(
                        page, lab, lab.notebook("pictures.ipynb", DEPLOY, *CELLS.values())
                    )
                )
            finally:
                lab.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def take(notebook: labs.Notebook) -> None:
    """Bring each widget into the state that its picture shows, and keep the picture."""
    notebook.open().run_all()
    if notebook.errors():
        raise SystemExit("\n".join(notebook.errors()))
    notebook.run(
        "picture.selected = 'deployment.apps/web'; board.ask('check', '06.1'); board.ask('hint', '06.1')"
    )
    widgets = dict(zip(CELLS, range(len(CELLS)), strict=True))
    notebook.widget(widgets["topology"]).locator(".oam-marked").wait_for()
    notebook.widget(widgets["steps"]).get_by_text("Hint 1 of").wait_for()
    for name, number in widgets.items():
        file = PICTURES / f"{name}.png"
        notebook.widget(number).screenshot(path=file, animations="disabled")
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
