"""Faults: wherever a pass is broken off, a fresh one brings the cluster to the same end. Names carry the contract's numbers."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from typing import Any, Self

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    SCALERS,
    SCOPES,
    SERVICES,
    WORKLOADS,
    Obj,
    Scene,
    application,
    beside,
    component,
    oam,
    play,
)
from support.apiserver import ControlPlane
from test_scopes import DEFINITION
from wire import READS, Fault, How, Wire, faulty_clients, wired

from oamkit.kube import Client, Informer
from oamkit.runtime.kinds import CONTROLLER_REVISIONS

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

AT_ONCE = 12
"""How many stories are played at the same time."""
OFTEN = 2
"""How many calls of one name are struck in each step: first and again."""
WRITE_FAULTS: tuple[How, ...] = ("kill before", "kill after", "cut after")

FOREIGN = '"app.oam.dev/name": "app"'
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KINDS = (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONTROLLER_REVISIONS,
    WORKLOADS,
    SCALERS,
    SCOPES,
    DEPLOYMENTS,
    SERVICES,
    CONFIG_MAPS,
)
DEFINITIONS = [
    DEFINITION,
    oam(
        "WorkloadDefinition",
        "containerizedworkloads.core.oam.dev",
        {
            "definitionRef": {"name": "containerizedworkloads.core.oam.dev"},
            "childResourceKinds": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
        },
    ),
    oam(
        "TraitDefinition",
        "manualscalertraits.core.oam.dev",
        {
            "definitionRef": {"name": "manualscalertraits.core.oam.dev"},
            "workloadRefPath": "spec.workloadRef",
        },
    ),
    oam(
        "TraitDefinition",
        "rollout",
        {"definitionRef": {"name": "configmaps"}, "revisionEnabled": True},
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _definitions(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": DEFINITIONS}))  # fmt: skip
    yield
    plane.kubectl("delete", "workloaddefinitions,traitdefinitions,scopedefinitions", "--all")


@pytest.fixture(autouse=True, scope="module")
def _wires() -> Iterator[None]:
    with faulty_clients():
        yield


def config(name: str | None, **data: str) -> Obj:
    metadata = {"name": name} if name else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def scope(name: str) -> Obj:
    ref = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "HealthScope", "name": name}
    return {"scopeRef": ref}


def put(path: str, **fields: Any) -> Obj:
    return {"type": "jsonPatch", "op": "add", "toFieldPath": path, **fields}


def web(image: str) -> Obj:
    container = {
        "name": "main",
        "image": image,
        "ports": [{"name": "http", "containerPort": 80}],
        "config": [{"path": "/etc/app/config", "value": "x"}],
    }
    return oam("ContainerizedWorkload", "web", {"containers": [container]})


def entries(*, edited: bool) -> list[Obj]:
    """All that the runtime can do in one application: core workload and trait, files, scopes, revisions, data into a store."""
    scaler = oam("ManualScalerTrait", "scaler", {"replicaCount": 3 if edited else 2})
    store = {"apiVersion": "v1", "kind": "ConfigMap", "name": "store"}
    give = {
        "name": "name",
        "fieldPath": "metadata.name",
        "outputStore": {
            **store,
            "operations": [
                put("data", value="{}"),
                put("data.name", valueFrom={"fieldPath": "metadata.name"}),
            ],
        },
    }
    take = {"valueFrom": {"dataOutputName": "name"}, "toFieldPaths": ["data.of"]}
    rollout = config("rollout", key="x")
    rollout["metadata"]["labels"] = {"trait.oam.dev/type": "rollout"}
    dropped = [] if edited else [{"trait": config("dropped", key="x")}]
    return [
        {
            "componentName": "web",
            "traits": [{"trait": scaler}, *dropped],
            "scopes": [scope("one"), *([] if edited else [scope("two")])],
            "dataOutputs": [give],
        },
        {"componentName": "versioned", "traits": [{"trait": rollout}], "dataInputs": [take]},
    ]


class Mirror:
    """Local copies of all that the tests look at: hundreds of stories are played, and none of them polls."""

    def __init__(self, client: Client) -> None:
        self._informers = [Informer(client, kind) for kind in KINDS]
        self._news: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._objects: defaultdict[str, dict[tuple[str, str], Obj]] = defaultdict(dict)

    async def __aenter__(self) -> Self:
        for informer in self._informers:
            informer.subscribe(self._heard)
            informer.start()
            await informer.synced.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for informer in self._informers:
            await informer.close()

    def _heard(self, _: str, old: Obj | None, new: Obj | None) -> None:
        obj = new or old or {}
        metadata = obj["metadata"]
        objects = self._objects[metadata["namespace"]]
        if new is None:
            objects.pop((obj["kind"], metadata["name"]), None)
        else:
            objects[obj["kind"], metadata["name"]] = new
        self._news[metadata["namespace"]].set()

    def objects(self, namespace: str) -> list[Obj]:
        return [obj for _, obj in sorted(self._objects[namespace].items())]

    async def change(self, namespace: str) -> None:
        """Wait for one, and a moment more: it seldom comes alone."""
        await self._news[namespace].wait()
        await asyncio.sleep(0.1)
        self._news[namespace].clear()


class Story:
    """An application is made, edited and deleted, beside an object that belongs to somebody else."""

    def __init__(self, on: Scene, mirror: Mirror) -> None:
        self.on = on
        self._mirror = mirror
        self._uids: dict[str, str] = {}
        self.foreign: Obj = {}
        self.steps = (self.make, self.edit, self.delete)

    async def prepare(self) -> None:
        for name in ("one", "two"):
            await self.on.create(oam("HealthScope", name, {"workloadRefs": []}))
        owner = await self.on.create(config("owner"))
        foreign = config("foreign", key="mine")
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "controller": True}
        foreign["metadata"] |= {
            "labels": {"app.oam.dev/name": "app"},
            "ownerReferences": [{**reference, "uid": owner["metadata"]["uid"]}],
        }
        self.foreign = await self.on.create(foreign)

    async def make(self) -> None:
        await self.on.create(component(web("v1"), name="web"))
        await self.on.create(component(config(None, key="v1"), name="versioned"))
        await self.on.create(application(*entries(edited=False)))

    async def edit(self) -> None:
        for name, workload in (("web", web("v2")), ("versioned", config(None, key="v2"))):
            patch = [{"op": "replace", "path": "/spec/workload", "value": workload}]
            await self.on.client.json_patch(COMPONENTS, name, patch, self.on.namespace)
        await self.on.patch(
            APPLICATION_CONFIGURATIONS, "app", {"spec": {"components": entries(edited=True)}}
        )

    async def delete(self) -> None:
        await self.on.client.delete(APPLICATION_CONFIGURATIONS, "app", self.on.namespace)

    def state(self) -> str:
        """All objects, without what may differ from run to run."""
        found = self._mirror.objects(self.on.namespace)
        for obj in found:
            self._uids[obj["metadata"]["uid"]] = f"{obj['kind']}/{obj['metadata']['name']}"
        text = json.dumps([bare(obj) for obj in found], sort_keys=True)
        text = text.replace(self.on.namespace, "NAMESPACE")
        return UID.sub(lambda match: self._uids.get(match[0], "unknown"), text)

    async def comes_to(self, wanted: str, seconds: float = 60.0) -> None:
        """Wait until the state is as wanted; for how long without a change, since a busy machine is slow with a dozen stories."""
        try:
            while self.state() != wanted:
                async with asyncio.timeout(seconds):
                    await self._mirror.change(self.on.namespace)
        except TimeoutError:
            assert json.loads(self.state()) == json.loads(wanted)

    async def settles(self) -> str:
        """Wait until nothing moves any more; returns the state."""
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(1.5):
                    await self._mirror.change(self.on.namespace)
        return self.state()


def bare(obj: Obj) -> Obj:
    kept = ("name", "labels", "annotations", "ownerReferences", "finalizers")
    metadata = {key: value for key, value in obj["metadata"].items() if key in kept}
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop("deployment.kubernetes.io/revision", None)
    spec = {k: v for k, v in (obj.get("spec") or {}).items() if not k.startswith("clusterIP")}
    rest = {"metadata": metadata | {"annotations": annotations}, "spec": spec}
    if obj["kind"] not in ("Deployment", "Service"):
        rest["status"] = timeless(obj.get("status"))
    return {**{k: timeless(obj[k]) for k in ("kind", "data", "revision") if k in obj}, **rest}


TIMES = ("lastTransitionTime", "creationTimestamp", "resourceVersion")


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    return [timeless(each) for each in value] if isinstance(value, list) else value


async def undisturbed(on: Scene, mirror: Mirror) -> tuple[list[str], list[list[str]]]:
    """The state that each step of the story comes to, and the calls on the way."""
    wire, story = Wire(), Story(on, mirror)
    states, calls = [], []
    await story.prepare()
    async with wired(on.plane, wire, namespace=on.namespace):
        for step in story.steps:
            await step()
            states.append(await story.settles())
            calls.append(wire.calls)
            wire.arm()
    return states, calls


def faults(calls: list[str]) -> list[Fault]:
    """What can go wrong with these calls, in their order."""
    found, seen = [], Counter[str]()
    for name in calls:
        if "/events" in name:
            continue  # a courtesy, whose loss changes nothing
        seen[name] += 1
        # A read changes nothing: to die after it is to die before the next call.
        read: tuple[How, ...] = ("kill before",) if seen[name] % 2 else ("cut before",)
        hows = read if name.startswith(READS) else WRITE_FAULTS
        if seen[name] <= OFTEN:
            found += [Fault(how, name, seen[name]) for how in hows]
    return found


def runs(found: list[Fault]) -> list[list[Fault]]:
    """The faults of each run: of many, two at a time, an early and a late one."""
    if len(found) < 40:
        return [[fault] for fault in found]
    half = (len(found) + 1) // 2
    return [[each for each in pair if each] for pair in zip_longest(found[:half], found[half:])]


def what(fault: Fault) -> tuple[str, str]:
    """What must happen once at least. Each deletion is a race with the garbage collector, which may win; it doesn't win all."""
    if fault.name.startswith("DELETE"):
        return "any", "DELETE"
    return "any" if fault.name.startswith(READS) else fault.how, fault.name


class Disturbed:
    """Plays the story again and again, with other faults each time."""

    def __init__(self, mirror: Mirror, states: list[str]) -> None:
        self._mirror = mirror
        self._states = states
        self.missed: list[Fault] = []

    async def play(self, on: Scene, todo: tuple[list[Fault] | None, ...]) -> None:
        wire, story = Wire(), Story(on, self._mirror)
        await story.prepare()
        async with wired(on.plane, wire, namespace=on.namespace):
            for step, chain, state in zip(story.steps, todo, self._states, strict=True):
                wire.arm(*(chain or ()))
                await step()
                try:
                    await story.comes_to(state)
                except AssertionError as error:
                    told = "; ".join(map(str, chain or ()))
                    raise AssertionError(f"with {told}: {error}") from error
                self.missed += wire.faults
        now = await on.get(CONFIG_MAPS, "foreign")
        assert now == story.foreign, "an object of somebody else was touched"


@pytest.mark.timeout(300)
def test_2_2_wherever_a_pass_is_broken_off_the_end_is_the_same(plane: ControlPlane) -> None:
    async def test(first: Scene) -> None:
        async with Mirror(first.client) as mirror:
            states, calls = await undisturbed(first, mirror)
            assert '"kind": "Deployment"' in states[1]
            assert '"app.oam.dev' not in states[2].replace(FOREIGN, ""), "something is left over"
            planned = [faults(each) for each in calls]
            disturbed, slots = Disturbed(mirror, states), asyncio.Semaphore(AT_ONCE)

            async def one(todo: tuple[list[Fault] | None, ...]) -> None:
                async with slots:
                    await disturbed.play(await beside(first), todo)

            async with asyncio.TaskGroup() as group:
                for todo in zip_longest(*map(runs, planned)):
                    group.create_task(one(todo))
        # How often something is asked for differs from run to run; that it is asked for, or written, doesn't.
        every = Counter(what(fault) for each in planned for fault in each)
        struck = every - Counter(what(fault) for fault in disturbed.missed)
        assert sorted(set(every) - set(struck)) == []
        assert len(disturbed.missed) < every.total() / 5

    play(plane, test, with_runtime=False)
