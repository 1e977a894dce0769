"""What is rendered without a cluster is what the runtime then applies; and ``oamkit diff`` finds nothing to change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    KINDS,
    Obj,
    Scene,
    play,
)
from support.apiserver import ControlPlane

from oamkit import render
from oamkit.cluster import active, manifests
from oamkit.cluster.api import connect
from oamkit.cluster.differences import Differences, differences
from oamkit.cluster.providers.kubeconfig import KubeconfigProvider
from oamkit.process import FakeRunner
from oamkit.provider import Choice, ProviderName

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

DEMO = Path(__file__).parents[2] / "flask-demo"


@pytest.fixture
def in_use(plane: ControlPlane, tmp_path: Path) -> Iterator[None]:
    """The verbs work with the control plane of this test run."""
    file = plane.trusting_kubeconfig(tmp_path / "kubeconfig")
    choice = Choice(ProviderName.KUBECONFIG, "the test says so")
    with active.substituted(KubeconfigProvider(choice, FakeRunner(), {"KUBECONFIG": str(file)})):
        yield
    connect(file).close()


def _objects(folder: Path) -> list[Obj]:
    files = sorted(folder.glob("*.yaml"))
    return [obj for file in files for obj in yaml.safe_load_all(file.read_text())]


def _with_uid(obj: Obj, uid: str) -> Obj:
    [owner] = obj["metadata"]["ownerReferences"]
    return {**obj, "metadata": obj["metadata"] | {"ownerReferences": [{**owner, "uid": uid}]}}


def _holds(live: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; the server adds its defaults."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_holds(live.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return len(live) == len(wanted) and all(map(_holds, live, wanted))
    return bool(live == wanted)


async def _diff(objects: list[Obj], namespace: str) -> Differences:
    found = manifests.load(objects)
    return await asyncio.to_thread(differences, found, namespace=namespace)


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("folder", ["config", "config-2020"])
def test_the_runtime_applies_what_was_rendered_before(plane: ControlPlane, folder: str) -> None:
    async def test(stage: Scene) -> None:
        objects = _objects(DEMO / folder)
        app, web, *definitions = sorted(objects, key=lambda obj: obj["kind"])
        for definition in definitions:
            plane.kubectl("apply", "-f", "-", input=json.dumps(definition))
        await stage.create(web, app)
        uid = (await stage.synced("example"))["metadata"]["uid"]
        for wanted in render(DEMO / folder, stage.namespace).objects:
            resource = KINDS[wanted["apiVersion"], wanted["kind"]]
            live = await stage.get(resource, wanted["metadata"]["name"])
            assert _holds(live, _with_uid(wanted, uid)), live
        assert not await _diff(objects, stage.namespace)

        web["spec"]["workload"]["spec"]["replicas"] = 2
        app["spec"]["components"][0]["traits"].pop()
        shown = str(await _diff(objects, stage.namespace))
        assert "+  replicas: 2" in shown
        assert "+    app.oam.dev/revision: web-v2" in shown
        assert "+    app.oam.dev/generation: '2'" in shown
        assert "-kind: Ingress" in shown
        await stage.patch(COMPONENTS, "web", {"spec": web["spec"]})
        await stage.patch(APPLICATION_CONFIGURATIONS, "example", {"spec": app["spec"]})
        await stage.synced("example", generation=2)
        async with asyncio.timeout(10):
            while await _diff(objects, stage.namespace):  # noqa: ASYNC110 - the runtime is at it
                await asyncio.sleep(0.1)

    play(plane, test)
