"""One kind cluster from an interrupted beginning to an end that leaves nothing: its shape, and what happens to it on the way.

The tests of this file go through one cluster's life in their order; each begins with a cluster that runs.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from support.kind.place import CLUSTER, NODE, KindPlace, eventually

from oamkit.errors import ClusterError, ImageError

SERVICES = "10.96.0.0/16"
UNUSED = "10.96.255.254"
"""An address of the Services' range that no Service has."""


@dataclass
class Thief:
    """Takes a port as soon as it is free, without listening there: a look doesn't find it, Docker does."""

    port: int
    took: bool = False
    end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self._steal)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self.thread.join()

    def _steal(self) -> None:
        while not self.end.wait(0.01):
            with socket.socket() as bound:
                try:
                    bound.bind(("127.0.0.1", self.port))
                except OSError:
                    continue
                self.took = True
                self.end.wait()


@pytest.fixture(scope="module")
def stolen() -> list[Thief]:
    return []


@pytest.fixture(scope="module")
def cluster(place: KindPlace, stolen: list[Thief]) -> Iterator[KindPlace]:
    """A cluster whose making was interrupted; when it is taken up again, its port is stolen between check and use."""
    making = place.python("from oamkit import cluster; cluster.ensure('kind')")
    assert making.stdout is not None
    seen = []
    for line in making.stdout:
        seen.append(line)
        if "Starting control-plane" in line:
            break
    os.killpg(making.pid, signal.SIGINT)  # Ctrl-C reaches the whole group
    rest, _ = making.communicate(timeout=30)
    assert making.returncode != 0, "".join(seen) + rest
    assert place.containers() == [NODE], "".join(seen) + rest
    with Thief(_port(place, "80/tcp")) as thief:
        stolen.append(thief)
        status = place.provider().ensure()
    assert status.changed
    assert status.running
    yield place
    place.sweep()


def test_an_interrupted_cluster_is_made_anew_at_a_port_that_can_be_had(
    cluster: KindPlace, stolen: list[Thief]
) -> None:
    status = cluster.provider().status()
    assert [(part.name, part.state) for part in status.parts] == [
        (NODE, "running"),
        ("traefik", "running"),
    ]
    assert stolen[0].took
    assert stolen[0].port != _port(cluster, "80/tcp")
    assert urllib.parse.urlsplit(status.url).port == _port(cluster, "80/tcp")
    for inner in ("80/tcp", "443/tcp"):
        assert cluster.docker("port", NODE, inner).startswith("127.0.0.1:")


def test_it_has_the_course_s_shape(cluster: KindPlace) -> None:
    kubeconfig = cluster.provider().kubeconfig()
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    (node,) = cluster.get("nodes", kubeconfig=kubeconfig)["items"]
    assert node["metadata"]["labels"]["ingress-ready"] == "true"
    assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.")
    (ingress_class,) = cluster.get("ingressclasses", kubeconfig=kubeconfig)["items"]
    assert ingress_class["metadata"]["name"] == "traefik"


def test_it_is_left_alone_the_second_time(cluster: KindPlace) -> None:
    before = cluster.docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", NODE)
    begin = time.monotonic()
    assert not cluster.provider().ensure().changed
    assert time.monotonic() - begin < 10
    assert cluster.docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", NODE) == before
    assert _answer(cluster) == 404


def test_the_script_by_hand_finds_it_and_gives_its_context(
    cluster: KindPlace, tmp_path: Path
) -> None:
    said = cluster.script("--name", CLUSTER, kubeconfig=tmp_path / "config")
    assert "is there already" in said
    context = cluster.kubectl("config", "current-context", kubeconfig=tmp_path / "config")
    assert context.strip() == f"kind-{CLUSTER}"


@pytest.mark.own_engine
def test_what_kube_proxy_has_not_translated_stays_on_the_node(cluster: KindPlace) -> None:
    """A call to an unknown Service's address must be refused on the node, not leave by the machine's default route."""
    before = _rejected(cluster)
    call = f"timeout 5 bash -c '</dev/tcp/{UNUSED}/80'"
    done = cluster.docker("exec", NODE, "bash", "-c", f"{call} 2>&1; echo code $?")
    assert "code 1" in done, done  # refused at once: a time-out would be 124
    assert _rejected(cluster) > before
    assert (
        _escaped(cluster) == 0
    )  # counted since the node's first moment, by a rule that stands behind all others


def test_images_arrive_once_and_a_missing_one_is_named(cluster: KindPlace) -> None:
    kind = cluster.provider()
    cluster.docker("tag", _traefik(cluster), "course-test:v1")
    assert kind.load_image("course-test:v1").changed
    assert not kind.load_image("course-test:v1").changed
    cluster.docker("rmi", "course-test:v1")
    with pytest.raises(ImageError, match="Docker has no image course-test:v2"):
        kind.load_image("course-test:v2")


def test_logs_are_exported_in_one_call(cluster: KindPlace, tmp_path: Path) -> None:
    folder = cluster.provider().export_logs(tmp_path / "logs")
    assert "containerd" in " ".join(str(file) for file in folder.rglob("*"))
    assert (folder / NODE / "kubelet.log").stat().st_size > 1000


def test_a_node_that_was_restarted_is_waited_for(cluster: KindPlace) -> None:
    cluster.docker("restart", "--time", "1", NODE)
    status = cluster.provider().ensure()
    assert status.running
    eventually(lambda: _answer(cluster) == 404, what="Traefik after the restart")


def test_a_node_that_was_stopped_is_started(cluster: KindPlace) -> None:
    cluster.docker("stop", "--time", "1", NODE)
    assert not cluster.provider().status().running
    status = cluster.provider().ensure()
    assert status.changed
    assert status.running
    eventually(lambda: _answer(cluster) == 404, what="Traefik after the start")


@pytest.mark.own_engine
def test_docker_that_stops_is_told_and_comes_back(cluster: KindPlace) -> None:
    assert cluster.engine is not None
    kind = cluster.provider()
    kind.kubeconfig()
    cluster.engine.stop()
    with pytest.raises(ClusterError) as stopped:
        kind.load_image("flask-sample:v1")
    assert stopped.value.code in ("engine-stopped", "no-engine")
    with pytest.raises(ClusterError, match="Start Docker"):
        cluster.provider().ensure()
    assert not kind.status().running
    cluster.engine.start()
    assert cluster.provider().ensure().running
    eventually(lambda: _answer(cluster) == 404, what="Traefik after Docker's restart")


def test_deleting_it_leaves_nothing(cluster: KindPlace, tmp_path: Path) -> None:
    theirs = tmp_path / "config"
    cluster.script("--name", CLUSTER, kubeconfig=theirs)
    file = cluster.provider().kubeconfig()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(theirs))
        assert cluster.provider().delete().changed
    assert not cluster.provider().delete().changed
    assert not file.exists()
    assert CLUSTER not in theirs.read_text()
    assert cluster.containers() == []
    if cluster.engine is not None:  # on a learner's machine others may have theirs
        assert cluster.left() == {"containers": [], "networks": [], "volumes": []}


def _port(place: KindPlace, inner: str) -> int:
    """The port of this machine that leads to one of the node."""
    return int(place.docker("port", NODE, inner).strip().rpartition(":")[2])


def _answer(place: KindPlace) -> int:
    """The status code of the Ingress; 0 if there is no answer."""
    try:
        with urllib.request.urlopen(place.provider().url(), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def _rejected(place: KindPlace) -> int:
    return _packets(place, "filter", "OUTPUT", "REJECT")


def _escaped(place: KindPlace) -> int:
    return _packets(place, "mangle", "POSTROUTING", SERVICES)


def _packets(place: KindPlace, table: str, chain: str, words: str) -> int:
    said = place.docker("exec", NODE, "iptables", "-t", table, "-nvxL", chain)
    (line,) = [line for line in said.splitlines() if SERVICES in line and words in line]
    return int(line.split()[0])


def _traefik(place: KindPlace) -> str:
    from oamkit.cluster.kind.ingress import manifest

    return manifest()[1]
