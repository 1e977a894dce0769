"""A cluster of three nodes that the kit didn't make, reached by provider ``kubeconfig``.

The files of this folder go through its life in their order: the lessons install the runtime and tidy up, then the contract's cases have it
in two replicas on different nodes, at last one of these nodes stops.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from support.kind.nodes import Nodes, three_nodes
from support.kind.place import ROOT, KindPlace

for folder in ("runtime", "runtime/pods"):
    sys.path.append(str(ROOT / "tests" / folder))
pytest.register_assert_rewrite("cases")

from installed import RELEASE, before, installed, upgrade  # noqa: E402, F401 - after the path is set; fixtures

from oamkit import images  # noqa: E402
from oamkit.cluster import active  # noqa: E402
from oamkit.lesson import demo  # noqa: E402


@pytest.fixture(scope="package")
def nodes(place: KindPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The cluster."""
    with three_nodes(place, tmp_path_factory.mktemp("owner") / "config") as nodes:
        yield nodes


@pytest.fixture(scope="package")
def bare(nodes: Nodes) -> Nodes:
    """Without what the lessons have installed; all nodes have the images that the cases need."""
    runtime, app = demo.RUNTIME_IMAGE, demo.APP_IMAGE
    for image, tag in ((app, app.tag), (app, "flask-sample:v2"), (runtime, runtime.tag)):
        file = ROOT / image.dockerfile if image.dockerfile else None
        images.build(ROOT / image.context, tag, dockerfile=file)
        active.provider().load_image(tag)
    release = [demo.RELEASE, f"--namespace={demo.NAMESPACE}"]
    nodes.run("helm", "uninstall", *release, "--ignore-not-found", "--wait")
    return nodes


@pytest.fixture(scope="package")
def options() -> list[str]:
    """How the chart's two replicas are placed: never on one node, and there are two for them."""
    selector = {"matchLabels": {"app.kubernetes.io/instance": RELEASE}}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
    apart = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return [f"--set-json=affinity={json.dumps({'podAntiAffinity': apart})}"]
