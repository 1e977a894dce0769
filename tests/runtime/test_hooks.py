"""Hooks before and after a pass, on a real API server. Numbers in names are those of the contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    Obj,
    Scene,
    application,
    component,
    condition,
    deployment,
    play,
    runtime,
)
from support.apiserver import ControlPlane

from oamkit.errors import InputError
from oamkit.runtime import hooks as module
from oamkit.runtime.hooks import POST_HOOKS, PRE_HOOKS, Hook, HookError, Hooks, installed


class Recorder:
    """A hook that notes when it is called, and fails as long as it has failures to give."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls: list[float] = []
        self.apps: list[Obj] = []

    async def __call__(self, app: Obj) -> None:
        self.calls.append(time.monotonic())
        self.apps.append(app)
        if self.failures:
            raise self.failures.pop(0)


@asynccontextmanager
async def hooked(on: Scene, hooks: Hooks) -> AsyncIterator[None]:
    """A runtime with hooks; the application comes when its Component is recorded, which would start a pass."""
    await on.create(component(deployment()))
    async with runtime(on.plane, namespace=on.namespace, hooks=hooks):
        await on.there(COMPONENTS, "web", lambda obj: obj.get("status", {}).get("latestRevision"))
        await on.create(application())
        yield


def boom(after: float | None = 0.3) -> HookError:
    return HookError("boom", retry_after=after)


@pytest.mark.binaries
@pytest.mark.e2e
@pytest.mark.parametrize("after", [0.3, None])
def test_11_4_30_a_failing_pre_hook_ends_the_pass_and_says_when_to_come_again(
    plane: ControlPlane, after: float | None
) -> None:
    # More than once, so that a busy machine has the time to see it.
    pre, post = Recorder(*[boom(after)] * 4), Recorder()

    async def test(on: Scene) -> None:
        await on.create(component(deployment()), application())
        messages = []
        async with runtime(plane, namespace=on.namespace, hooks=Hooks([pre], [post])):
            messages.append(await on.failed("hooks"))
            # It comes again by itself, with nothing that happens in between.
            await on.synced()
        assert messages == ["failed to execute pre-hooks: boom"]
        assert await on.get(DEPLOYMENTS, "web")
        told = await on.told("CannotExecutePrehooks")
        assert (told["type"], told["message"]) == ("Warning", "boom")
        # The post-hook runs after the broken pass, too.
        assert len(pre.calls) == len(post.calls)
        pause = pre.calls[1] - post.calls[0]
        assert (0.25 if after else 0.1) < pause < 5

    play(plane, test, with_runtime=False)


@pytest.mark.binaries
@pytest.mark.e2e
def test_11_4_30_a_failing_post_hook_replaces_the_condition_of_a_good_pass(
    plane: ControlPlane,
) -> None:
    post = Recorder(boom(30.0))

    async def test(on: Scene) -> None:
        async with hooked(on, Hooks(post=[post])):
            assert await on.failed("post") == "failed to execute post-hooks: boom"
            app = await on.there(APPLICATION_CONFIGURATIONS, "app")
            # What the pass did is done, and told.
            assert [each["componentName"] for each in app["status"]["workloads"]] == ["web"]
            assert await on.get(DEPLOYMENTS, "web")

    play(plane, test, with_runtime=False)


@pytest.mark.binaries
@pytest.mark.e2e
def test_11_4_30_of_two_that_fail_the_post_hooks_result_counts(plane: ControlPlane) -> None:
    pre, post = Recorder(*[HookError("first", retry_after=60.0)] * 4), Recorder(*[boom(0.3)] * 4)

    async def test(on: Scene) -> None:
        async with hooked(on, Hooks([pre], [post])):
            assert await on.failed("hooks") == "failed to execute post-hooks: boom"
            await on.synced()  # after 0.3 s each, not after 60
        await on.told("CannotExecutePrehooks")
        await on.told("CannotExecutePosthooks")

    play(plane, test, with_runtime=False)


@pytest.mark.binaries
@pytest.mark.e2e
def test_11_4_31_hooks_that_succeed_leave_the_next_pass_to_news_and_resync(
    plane: ControlPlane,
) -> None:
    pre, post = Recorder(), Recorder()

    async def test(on: Scene) -> None:
        async with hooked(on, Hooks([pre], [post])):
            await on.synced()
            await asyncio.sleep(1)
            count = len(pre.calls)
            assert count == len(post.calls) > 0
            await asyncio.sleep(1)
            assert len(pre.calls) == count
            assert pre.apps[0]["metadata"]["name"] == "app"
            # What a hook does to its application stays with it.
            pre.apps[0]["spec"]["components"].clear()
            await on.patch(APPLICATION_CONFIGURATIONS, "app", {"metadata": {"labels": {"a": "b"}}})
            await on.there(
                DEPLOYMENTS, "web", lambda obj: obj["metadata"]["labels"].get("a") == "b"
            )

    play(plane, test, with_runtime=False)


@pytest.mark.binaries
@pytest.mark.e2e
def test_2_2_a_hook_with_a_fault_is_told_at_its_application_and_stops_no_other(
    plane: ControlPlane,
) -> None:
    async def picky(app: Obj) -> None:
        if app["metadata"]["name"] == "app":
            raise KeyError("budget")

    async def test(on: Scene) -> None:
        note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note"}}
        await on.create(component(deployment()), component(note, name="note"), application())
        await on.create(application({"componentName": "note"}, name="other"))
        async with runtime(plane, namespace=on.namespace, hooks=Hooks([picky])):
            assert await on.failed("budget") == "failed to execute pre-hooks: 'budget'"
            await on.synced("other")
            await on.there(CONFIG_MAPS, "note")
            assert await on.get(DEPLOYMENTS, "web") is None
            app = await on.there(APPLICATION_CONFIGURATIONS, "app")
            assert condition(app)["reason"] == "ReconcileError"

    play(plane, test, with_runtime=False)


def provide(monkeypatch: pytest.MonkeyPatch, **groups: list[EntryPoint]) -> None:
    def entry_points(*, group: str) -> list[EntryPoint]:
        return groups.get(group.rpartition(".")[2], [])

    monkeypatch.setattr(module, "entry_points", entry_points)


async def first(app: Any) -> None: ...


async def second(app: Any) -> None: ...


def test_hooks_of_packages_are_found_in_the_order_of_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def entry(name: str, hook: Hook, group: str) -> EntryPoint:
        monkeypatch.setattr(module, hook.__name__, hook, raising=False)
        return EntryPoint(name, f"oamkit.runtime.hooks:{hook.__name__}", group)

    found = [entry("b", second, PRE_HOOKS), entry("a", first, PRE_HOOKS)]
    provide(monkeypatch, pre_hooks=found, post_hooks=[entry("c", second, POST_HOOKS)])
    assert installed() == Hooks([first, second], [second])


def test_a_hook_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    provide(monkeypatch, pre_hooks=[EntryPoint("budget", "no_such_package:check", PRE_HOOKS)])
    with pytest.raises(InputError, match=r"'budget' of oamkit\.runtime\.pre_hooks"):
        installed()
