"""The feed: one thread for all who listen, news at most four times a second, and nothing left afterwards."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ControlPlane

from oamkit.topology.reading import identity
from oamkit.widgets import feed
from oamkit.widgets.feed import PAUSE, Snapshot, Subscription, follow

pytestmark = [pytest.mark.e2e, pytest.mark.binaries]


class Listener:
    """Keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Snapshot]] = []
        self.failures: list[Exception] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.heard.append((time.monotonic(), snapshot))

    @property
    def last(self) -> Snapshot:
        return self.heard[-1][1] if self.heard else Snapshot()

    def knows(self, name: str) -> bool:
        return name in {identity(obj) for obj in self.last.objects}


def eventually(condition: Callable[[], Any], within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "didn't happen in time"
        time.sleep(0.02)


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("oamkit-feed")]


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    assert threads() == []
    yield
    eventually(lambda: threads() == [], within=6)
    assert feed._feeds == {}


def listen(plane: ControlPlane, listener: Listener, **options: Any) -> Subscription:
    return follow(plane.kubeconfig, "default", listener, listener.failures.append, **options)


def test_two_listeners_share_one_thread_that_ends_with_the_last(plane: ControlPlane) -> None:
    one, two = Listener(), Listener()
    first, second = listen(plane, one), listen(plane, two)
    assert first.first(10).lost == ""
    assert threads() == ["oamkit-feed-default"]
    plane.kubectl("create", "service", "clusterip", "shared", "--tcp=80:80")
    eventually(lambda: one.knows("service/shared") and two.knows("service/shared"))
    first.close()
    assert threads() == ["oamkit-feed-default"]
    plane.kubectl("delete", "service", "shared")
    eventually(lambda: not two.knows("service/shared"))
    assert one.knows("service/shared")
    second.close()
    assert threads() == []


def test_a_burst_of_news_comes_at_most_four_times_a_second(plane: ControlPlane) -> None:
    listener = Listener()
    subscription = listen(plane, listener)
    subscription.first(10)
    begun = len(listener.heard)
    items = [
        f'{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s{n}"}},"spec":{{"ports":[{{"port":80}}]}}}}'
        for n in range(40)
    ]
    plane.kubectl(
        "apply", "-f", "-", input=f'{{"apiVersion":"v1","kind":"List","items":[{",".join(items)}]}}'
    )
    eventually(lambda: listener.knows("service/s39"))
    plane.kubectl("delete", "services", "--all")
    subscription.close()
    times = [at for at, _ in listener.heard[begun:]]
    assert times
    assert min(b - a for a, b in itertools.pairwise(times)) >= PAUSE * 0.95


def test_a_subscription_with_an_end_ends(plane: ControlPlane) -> None:
    subscription = listen(plane, Listener(), seconds=0.5)
    subscription.first(10)
    eventually(lambda: not subscription.open, within=5)


def test_what_a_listener_raises_is_its_own_and_stops_nobody(plane: ControlPlane) -> None:
    class Broken(Listener):
        def __call__(self, snapshot: Snapshot) -> None:
            raise ValueError("odd")

    broken, sound = Broken(), Listener()
    first, second = listen(plane, broken), listen(plane, sound)
    eventually(lambda: sound.knows("service/kubernetes"))
    eventually(lambda: broken.failures)
    assert str(broken.failures[0]) == "odd"
    first.close()
    second.close()


def test_a_server_that_goes_away_is_told_and_followed_again(plane: ControlPlane) -> None:
    listener = Listener()
    subscription = listen(plane, listener)
    subscription.first(10)
    try:
        plane.stop_api_server()
        eventually(lambda: "can't be reached" in listener.last.lost)
        assert listener.knows("service/kubernetes")
    finally:
        plane.start_api_server()
    eventually(lambda: listener.last.lost == "", within=30)
    plane.kubectl("create", "service", "clusterip", "later", "--tcp=80:80")
    eventually(lambda: listener.knows("service/later"), within=5)
    plane.kubectl("delete", "service", "later")
    subscription.close()


def test_a_kind_that_comes_later_is_followed(plane: ControlPlane, project_root: Path) -> None:
    crds = project_root / "charts" / "oam-kubernetes-runtime" / "crds"
    listener = Listener()
    subscription = listen(plane, listener)
    subscription.first(10)
    plane.kubectl("apply", "--server-side", "-f", str(crds))
    plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=20s")
    plane.kubectl("apply", "-f", "-", input=(
        '{"apiVersion":"core.oam.dev/v1alpha2","kind":"ApplicationConfiguration","metadata":{"name":"late"},"spec":{"components":'
        '[{"componentName":"x","traits":[{"trait":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}}]}]}}'
    ))  # fmt: skip
    eventually(lambda: listener.knows("applicationconfiguration.core.oam.dev/late"))
    plane.kubectl("create", "configmap", "c")
    eventually(lambda: listener.knows("configmap/c"))
    subscription.close()
    plane.kubectl("delete", "--ignore-not-found", "-f", str(crds))


def test_no_cluster_at_all_is_told(tmp_path: Path) -> None:
    listener = Listener()
    subscription = follow(tmp_path / "none", "default", listener, listener.failures.append)
    assert "the kubeconfig file isn't there" in subscription.first(10).lost
    subscription.close()


def test_an_idle_feed_costs_next_to_nothing(plane: ControlPlane) -> None:
    listener = Listener()
    subscription = listen(plane, listener)
    subscription.first(10)
    eventually(lambda: time.monotonic() - listener.heard[-1][0] > 1.0)
    begun, spent = time.monotonic(), time.process_time()
    eventually(lambda: time.monotonic() - begun > 4, within=10)
    waiting = 5.0 / 20_000  # what eventually() itself costs, for each look
    share = (time.process_time() - spent) / (time.monotonic() - begun)
    subscription.close()
    assert share < 0.05 + waiting, f"{share:.1%} of a core"
    assert "kubernetes" not in sys.modules or listener.failures == []
