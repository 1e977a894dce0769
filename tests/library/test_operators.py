"""A learner's operator, beside the program, on a real API server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import kopf
import pytest

from oamkit.cluster.api import connect
from oamkit.cluster.providers.kubeconfig import KubeconfigProvider
from oamkit.errors import ClusterError, InputError
from oamkit.lesson import Operator, operator
from oamkit.lesson.operators import stop_all

pytestmark = [pytest.mark.binaries, pytest.mark.filterwarnings("default")]

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def seen() -> Queue[str]:
    return Queue()


@pytest.fixture
def registry(seen: Queue[str]) -> kopf.OperatorRegistry:
    return _registry(seen)


def _registry(seen: Queue[str]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.event("v1", "configmaps", labels={"watched": "yes"}, registry=registry)
    def watch(name: str, spec: object, **_: object) -> None:
        seen.put(name)
        if name == "broken":
            raise ValueError("it is broken")

    return registry


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    stop_all()
    left = [each.name for each in set(threading.enumerate()) - before if each.is_alive()]
    assert not left


@pytest.fixture
def make(server: KubeconfigProvider) -> Iterator[Any]:
    api = connect(server.kubeconfig())
    made: list[str] = []

    def make(name: str) -> dict[str, Any]:
        metadata = {"name": name, "labels": {"watched": "yes"}}
        api.request(
            "POST",
            CONFIG_MAPS,
            body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata},
        )
        made.append(name)
        return api.request("GET", f"{CONFIG_MAPS}/{name}")

    yield make
    for name in made:
        api.request("DELETE", f"{CONFIG_MAPS}/{name}")


def test_its_handlers_see_what_is_there_and_what_comes_and_leave_nothing_on_it(
    make: Any, registry: kopf.OperatorRegistry, seen: Queue[str]
) -> None:
    make("early")
    with operator(registry, name="watcher") as watcher:
        assert watcher.running
        assert str(watcher) == "The operator watcher runs; it watches the namespace default."
        assert seen.get(timeout=10) == "early"
        late = make("late")
        assert seen.get(timeout=10) == "late"
        assert "finalizers" not in late["metadata"]
        assert "annotations" not in late["metadata"]
    assert str(watcher) == "The operator watcher doesn't run."
    make("later")
    assert seen.empty()


def test_a_handler_s_error_is_kept_and_the_operator_goes_on(
    make: Any, registry: kopf.OperatorRegistry, seen: Queue[str]
) -> None:
    with operator(registry, name="watcher") as watcher:
        make("broken")
        assert seen.get(timeout=10) == "broken"
        make("whole")
        assert seen.get(timeout=10) == "whole"
    assert "ValueError: it is broken" in str(watcher.logs())


def test_one_of_the_same_name_takes_its_place(
    server: KubeconfigProvider, make: Any, registry: kopf.OperatorRegistry, seen: Queue[str]
) -> None:
    first = operator(registry, name="watcher")
    second_seen: Queue[str] = Queue()
    with operator(_registry(second_seen), name="watcher"):
        assert not first.running
        make("one")
        assert second_seen.get(timeout=10) == "one"
    assert seen.empty()


def test_it_may_be_stopped_twice(
    server: KubeconfigProvider, registry: kopf.OperatorRegistry
) -> None:
    watcher = operator(registry, name="watcher")
    assert not watcher.stop().stop().running


def test_what_is_no_registry_is_refused() -> None:
    with pytest.raises(InputError, match="OperatorRegistry"):
        operator(object(), name="watcher")


def test_that_it_cannot_begin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("no cluster")

    monkeypatch.setattr(kopf, "run", broken)
    with pytest.raises(ClusterError, match="couldn't begin: no cluster"):
        Operator("watcher", kopf.OperatorRegistry(), "default").start()
