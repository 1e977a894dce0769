"""A classroom on one machine: five learners, each with a sandbox of their own, all at once."""

from __future__ import annotations

import shutil
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cluster import Cluster

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(400)]

LEARNERS = 5


class Learner(Cluster):
    """A learner, whose home nobody else uses."""

    def __init__(self, home: Path, number: int) -> None:
        super().__init__(home)
        self.name = f"learner-{number}"

    def begin(self) -> None:
        self.run("oamkit", "sandbox", "up", timeout=240)
        self.run("kubectl", "create", "configmap", self.name)


@pytest.fixture(scope="module")
def learners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Learner]]:
    """All of them start at the same moment, as a class does."""
    room = [Learner(tmp_path_factory.mktemp(f"learner{n}"), n) for n in range(LEARNERS)]
    try:
        with ThreadPoolExecutor(LEARNERS) as pool:
            list(pool.map(Learner.begin, room))
        yield room
    finally:
        with ThreadPoolExecutor(LEARNERS) as pool:
            list(
                pool.map(
                    lambda each: each.run("oamkit", "sandbox", "reset", "--yes", check=False), room
                )
            )
        for each in room:
            shutil.rmtree(runtime_folder(each), ignore_errors=True)


def runtime_folder(learner: Learner) -> Path:
    code = "from oamkit import paths; print(paths.runtime())"
    return Path(learner.run("python", "-c", code).stdout.strip())


def test_each_has_a_cluster_of_their_own(learners: list[Learner]) -> None:
    for learner in learners:
        names = learner.run("kubectl", "get", "configmaps", "-o", "name").stdout.split()
        mine = [name for name in names if "learner" in name]
        assert mine == [f"configmap/{learner.name}"]


def test_no_two_use_the_same_port(learners: list[Learner]) -> None:
    # The kubelet's is inside of each sandbox's own network.
    outside = ("api", "http", "https")
    ports = [each.status()["ports"][name] for each in learners for name in outside]
    assert len(set(ports)) == len(ports) == 3 * LEARNERS


def test_nobody_gets_into_another_s_cluster(learners: list[Learner]) -> None:
    first, second = learners[:2]
    pki = first.folder / "pki"
    context = ssl.create_default_context(cafile=str(second.folder / "pki" / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    url = f"https://127.0.0.1:{second.status()['ports']['api']}/api/v1/namespaces/default/secrets"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, context=context, timeout=20)
    with refused.value as error:
        assert error.code == 401


def test_what_only_a_learner_may_read_is_theirs(learners: list[Learner]) -> None:
    for learner in learners:
        assert learner.kubeconfig.stat().st_mode & 0o077 == 0
        assert learner.folder.stat().st_mode & 0o077 == 0


def test_one_that_ends_leaves_the_others_alone(learners: list[Learner]) -> None:
    *others, last = learners
    last.run("oamkit", "sandbox", "down", timeout=60)
    for learner in others:
        assert learner.run("kubectl", "get", "--raw", "/readyz").stdout == "ok"
    assert last.run("oamkit", "sandbox", "status", check=False).returncode == 3
