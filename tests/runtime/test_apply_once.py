"""``--apply-once-only`` (contract 2.4). Numbers in names are those of the contract."""

from __future__ import annotations

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    Obj,
    Scene,
    application,
    component,
    play,
    runtime,
)
from support.apiserver import ControlPlane

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]


def config(name: str, value: str) -> Obj:
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


async def begin(on: Scene) -> None:
    entry = {"componentName": "web", "traits": [{"trait": config("trait", "ours")}]}
    await on.create(component(config("web", "ours")), application(entry))
    await on.synced()


async def edit_by_hand(on: Scene) -> list[str]:
    for name in ("web", "trait"):
        await on.patch(CONFIG_MAPS, name, {"data": {"key": "theirs"}})
    return [await on.version(CONFIG_MAPS, name) for name in ("web", "trait")]


async def look_once_more(on: Scene) -> None:
    """Wait until the runtime made a pass over everything that was there before."""
    await on.create(component(config("next", "x"), name="next"))
    await on.create(application({"componentName": "next"}, name="next"))
    await on.synced("next")


def test_11_3_a1_edits_by_hand_stay_with_apply_once_only_and_are_reverted_without(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        async with runtime(plane, namespace=on.namespace, apply_once_only=True):
            await begin(on)
            before = await edit_by_hand(on)
            labels = {"metadata": {"labels": {"team": "a"}}}
            await on.patch(APPLICATION_CONFIGURATIONS, "app", labels)
            await look_once_more(on)
        async with runtime(plane, namespace=on.namespace, apply_once_only=True, resync=0.2):
            # After a restart too.
            await on.client.delete(CONFIG_MAPS, "next", on.namespace)
            await on.there(CONFIG_MAPS, "next")
        assert before == [await on.version(CONFIG_MAPS, name) for name in ("web", "trait")]
        async with runtime(plane, namespace=on.namespace):
            for name in ("web", "trait"):
                await on.there(CONFIG_MAPS, name, lambda o: o["data"] == {"key": "ours"})

    play(plane, test, with_runtime=False)


def test_2_4_a_new_application_or_component_is_applied_once(plane: ControlPlane) -> None:
    async def test(on: Scene) -> None:
        async with runtime(plane, namespace=on.namespace, apply_once_only=True):
            await begin(on)
            await edit_by_hand(on)
            # A revision of the Component concerns all of its objects.
            changed = {"spec": {"workload": config("web", "new")}}
            await on.patch(COMPONENTS, "web", changed)
            await on.there(CONFIG_MAPS, "web", lambda o: o["data"] == {"key": "new"})
            await on.there(CONFIG_MAPS, "trait", lambda o: o["data"] == {"key": "ours"})
            await edit_by_hand(on)
            entry = {"componentName": "web", "traits": [{"trait": config("trait", "newer")}]}
            await on.patch(APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": [entry]}})
            await on.there(CONFIG_MAPS, "trait", lambda o: o["data"] == {"key": "newer"})
            await on.there(CONFIG_MAPS, "web", lambda o: o["data"] == {"key": "new"})

    play(plane, test, with_runtime=False)
