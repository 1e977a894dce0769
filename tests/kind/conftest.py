"""Fixtures of the kind ring: a container engine, the images that kind needs, and clusters that leave nothing behind.

On a learner's machine, or CI's that has one, the ring uses the engine that runs there, leaves out what would stop it, and is skipped where there
is none. In CI, as root, Debian's is installed and started, and all images are made here (:mod:`support.kind`): so its faults can be tried
too. A skipped test fails in CI.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from support.kind import engine as engines
from support.kind.images import Images
from support.kind.place import CLUSTER, KindPlace

from oamkit import paths, provider
from oamkit.cluster.kind.ingress import manifest


@dataclass(frozen=True)
class Machine:
    """What the ring runs on.

    Attributes:
        environ: How docker, kind and the kit find engine and images.
        engine: Our own dockerd; ``None`` if it is the machine's.
        base: The image with Python that the whole kit is set up in.
    """

    environ: dict[str, str] = field(default_factory=dict)
    engine: engines.Engine | None = None
    base: str = "python:3.13-slim"


OURS = bool(os.environ.get("CI")) and os.geteuid() == 0
"""Whether the engine and all images are the tests' own."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the ring, with time for its first run, which makes all images; leave out what isn't done to somebody's engine."""
    others = [item for item in items if not OURS and item.get_closest_marker("own_engine")]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kind)
            item.add_marker(pytest.mark.timeout(1500))
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="package")
def machine() -> Iterator[Machine]:
    """The engine and the images; made once, kept in the cache."""
    if not OURS:
        if not engines.answers():
            pytest.skip("no container engine runs here; CI=true, as root, installs and starts one")
        yield Machine()
        return
    cache = paths.cache() / "kind"
    with ExitStack() as stack:
        own = stack.enter_context(engines.own_engine(cache))
        images = Images(own, cache, lambda line: print(f"kind: {line}", file=sys.__stderr__))
        node = images.node()
        images.python()
        images.traefik(manifest()[1])
        base = images.places()
        images.sweep()
        yield Machine({"DOCKER_HOST": own.host, "OAMKIT_NODE_IMAGE": node}, own, base)


@pytest.fixture(scope="package")
def place(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KindPlace]:
    """A home of its own with a cluster's name of its own; whatever a test leaves there is deleted, and looked for."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        for name, value in {
            **machine.environ,
            "HOME": str(home),
            "OAMKIT_HOME": str(home / "kit"),
            "OAMKIT_CACHE": str(paths.cache()),
            "OAMKIT_CLUSTER": CLUSTER,
            "OAMKIT_ROOT": str(Path(__file__).parents[2]),
            "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", ""),
        }.items():
            if value:
                patch.setenv(name, value)
        provider.forget()
        place = KindPlace(machine.engine, machine.base)
        place.sweep()
        yield place
        place.sweep()
        provider.forget()
