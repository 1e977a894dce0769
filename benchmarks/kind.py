"""Measure what the kit adds to kind: the course's demo by the library, in a notebook, against the same commands typed by hand.

Both go from nothing to ``Hello World from Flask`` and back to nothing: cluster, ingress controller, two images, chart, application, deletion.
They take turns (hand, kit, kit, hand, …), so that what else the machine does meets both alike, and their medians are compared, since one time
of the same commands differs from the next by more than what is looked for. Nobody's thinking time is counted, and images are in Docker's
cache. Where no Docker engine answers, one is installed and started as for the tests (as root).

    make bench NAME=kind ARGS="--times 4"
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat

from benchmarks._report import Report
from oamkit import paths
from oamkit.cluster.kind.ingress import MANIFEST, manifest
from oamkit.cluster.programs import ProgramRunner
from oamkit.course.runner import run_lesson
from oamkit.errors import CommandError
from oamkit.lesson import demo
from oamkit.lesson.lessons import Lesson
from oamkit.process import Completed

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

CLUSTER = "oamkit-bench"
ANSWER = "Hello World from Flask"

CELLS = (
    "import os\n\nos.chdir(os.environ['OAMKIT_ROOT'])",
    "from oamkit import apply, cluster, delete, fetch, helm, images, wait_for",
    "cluster.ensure('kind')",
    f"images.build('{demo.APP_IMAGE.context}', '{demo.APP_IMAGE.tag}')",
    f"cluster.load_image('{demo.APP_IMAGE.tag}')",
    f"images.build('.', '{demo.RUNTIME_IMAGE.tag}', dockerfile='{demo.RUNTIME_IMAGE.dockerfile}')",
    f"cluster.load_image('{demo.RUNTIME_IMAGE.tag}')",
    f"helm.install('{demo.RELEASE}', '{demo.CHART}', namespace='{demo.NAMESPACE}', create_namespace=True)",
    "apply('flask-demo/config/')",
    "wait_for('deployment', 'web')",
    f"fetch('/', contains='{ANSWER}')",
    "delete('flask-demo/config/')",
    f"helm.uninstall('{demo.RELEASE}', namespace='{demo.NAMESPACE}')",
    "cluster.delete()",
)


class Hand:
    """A person who types without thinking."""

    def __init__(self, folder: Path) -> None:
        self._runner = ProgramRunner()
        self._environ = {**os.environ, "KUBECONFIG": str(folder / "config")}

    def demo(self) -> None:
        """Type the demo's commands."""
        image = os.environ.get("OAMKIT_NODE_IMAGE")
        named = ["--name", CLUSTER]
        self._type(
            ROOT / "scripts" / "create-cluster.sh", *named, *(["--image", image] if image else [])
        )
        self._type("kind", "load", "docker-image", manifest()[1], *named)
        self._type("kubectl", "apply", "-f", ROOT / MANIFEST)
        self._type(
            "kubectl", "rollout", "status", "deployment/traefik", "-n", "traefik", "--timeout=120s"
        )
        for each in (demo.APP_IMAGE, demo.RUNTIME_IMAGE):
            file = ["--file", ROOT / each.dockerfile] if each.dockerfile else []
            self._type("docker", "build", "--tag", each.tag, *file, ROOT / each.context)
            self._type("kind", "load", "docker-image", each.tag, *named)
        chart = ["helm", "install", demo.RELEASE, ROOT / demo.CHART, "--namespace", demo.NAMESPACE]
        self._type(*chart, "--create-namespace", "--wait", "--timeout", "120s")
        config = ["-f", ROOT / "flask-demo" / "config"]
        self._type("kubectl", "apply", *config)
        for condition in ("create", "condition=Available"):
            self._type("kubectl", "wait", "deployment/web", f"--for={condition}", "--timeout=60s")
        self._curl(self._type("docker", "port", f"{CLUSTER}-control-plane", "80/tcp").stdout)
        self._type("kubectl", "delete", *config)
        self._type("helm", "uninstall", demo.RELEASE, "--namespace", demo.NAMESPACE, "--wait")
        self._type("kind", "delete", "cluster", *named)

    def _type(self, *argv: str | Path) -> Completed:
        return self._runner.run(argv, timeout=300, env=self._environ)

    def _curl(self, published: str) -> None:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                url = f"http://{published.split()[0]}/"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if ANSWER in answer.read().decode():
                        return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} doesn't say {ANSWER!r}")
            time.sleep(0.3)


def kit(folder: Path) -> None:
    """Run the demo as a lesson: a notebook in a kernel of its own, by papermill."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    path = folder / "99-bench.ipynb"
    nbformat.write(notebook, path)
    result = run_lesson(Lesson("99", "bench", path), folder, {})
    if not result.passed:
        raise RuntimeError(result.failure)


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """Use the engine that answers, or start one with the images that the tests make."""
    from support.kind import engine as engines
    from support.kind.images import Images

    if engines.answers():
        yield
        return
    cache = paths.cache() / "kind"
    with engines.own_engine(cache) as own:
        images = Images(own, cache, print)
        os.environ |= {"DOCKER_HOST": own.host, "OAMKIT_NODE_IMAGE": images.node()}
        images.python()
        images.traefik(manifest()[1])
        yield


def remove() -> None:
    """Delete the cluster, if a measurement was broken off."""
    with contextlib.suppress(CommandError):
        ProgramRunner().run(["kind", "delete", "cluster", "--name", CLUSTER], timeout=120)


def turns(times: int) -> Iterator[str]:
    """Who comes next, so that neither has the better half of the time.

    Example:
        >>> list(turns(3))
        ['hand', 'kit', 'kit', 'hand', 'hand', 'kit']
    """
    for number in range(times):
        yield from ("kit", "hand") if number % 2 else ("hand", "kit")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kind", description=__doc__)
    parser.add_argument("--times", type=int, default=4, help="how often each does it (default: 4)")
    options = parser.parse_args()
    report = Report("kind")
    folder = Path(tempfile.mkdtemp(prefix="oamkit-bench-"))
    os.environ |= {
        "OAMKIT_HOME": str(folder / "home"),
        "OAMKIT_CLUSTER": CLUSTER,
        "OAMKIT_PROVIDER": "kind",
        "OAMKIT_ROOT": str(ROOT),
    }
    os.environ["OAMKIT_CACHE"] = str(paths.cache())
    os.chdir(ROOT)
    seconds: dict[str, list[float]] = {"hand": [], "kit": []}
    try:
        with engine(), contextlib.ExitStack() as stack:
            for image in (demo.APP_IMAGE, demo.RUNTIME_IMAGE):  # into Docker's cache
                file = ["--file", image.dockerfile] if image.dockerfile else []
                ProgramRunner().run(
                    ["docker", "build", "--tag", image.tag, *file, image.context], timeout=600
                )
            stack.callback(remove)
            for who in turns(options.times):
                begin = time.monotonic()
                if who == "hand":
                    Hand(folder).demo()
                else:
                    kit(folder)
                seconds[who].append(time.monotonic() - begin)
                report.add(f"demo by {who}", seconds[who][-1], "s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    hand, ours = (statistics.median(seconds[who]) for who in ("hand", "kit"))
    report.add(f"demo by hand, median of {options.times}", hand, "s")
    report.add(f"demo by kit, median of {options.times}", ours, "s")
    report.add("what the kit adds", 100 * (ours / hand - 1), "%", target=10)
    report.finish()


if __name__ == "__main__":
    main()
