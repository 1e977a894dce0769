"""Replicas of the runtime as the API server's audit log sees them: who worked, how often, and what rest costs."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from scene import (
    COMPONENTS,
    DEPLOYMENTS,
    SERVICES,
    WORKLOADS,
    Scene,
    application,
    component,
    deployment,
    oam,
    play,
)
from support.apiserver import ControlPlane, free_ports
from test_applications import OLD_INGRESS, SERVICE, image_of, with_traits
from test_containerized import FILE, PORTS, containerized, done
from test_program import fetch, started

pytestmark = [pytest.mark.binaries, pytest.mark.e2e]

WRITES = ("create", "update", "patch", "delete", "deletecollection")


@pytest.fixture(autouse=True, scope="module")
def _rights(plane: ControlPlane) -> Iterator[None]:
    """Two users who may do all, so that the audit log tells which replica asked."""
    for user in ("one", "two"):
        plane.kubectl("create", "clusterrolebinding", user, "--clusterrole=cluster-admin", f"--user={user}")  # fmt: skip
    yield
    plane.kubectl("delete", "clusterrolebinding", "one", "two")


class Replica:
    """A runtime as a program of its own, by a user of its own."""

    def __init__(self, on: Scene, user: str, *options: str) -> None:
        self.user, self.plane = user, on.plane
        self.port = free_ports(1)[0]
        self.argv = (
            f"--kubeconfig={on.plane.kubeconfig_for(f'{user}-token')}",
            f"--namespace={on.namespace}",
            f"--metrics-addr=127.0.0.1:{self.port}",
            *options,
        )
        self.process: subprocess.Popen[str] | None = None

    def start(self, stack: ExitStack) -> None:
        self.process = stack.enter_context(started(*self.argv))

    async def figures(self) -> str:
        return await asyncio.to_thread(fetch, f"http://127.0.0.1:{self.port}/metrics")

    async def leads(self) -> bool:
        return 'oam_leader{lease="oam-kubernetes-runtime"} 1' in await self.figures()

    async def becomes_leader(self) -> None:
        async with asyncio.timeout(20):
            while not await self.leads():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)

    def requests(self, *, since: int = 0) -> list[dict[str, Any]]:
        """What it asked for, without its Lease."""
        found = list(self.plane.audit(self.user))[since:]
        return [each for each in found if each.get("objectRef", {}).get("resource") != "leases"]

    def writes(self, *, since: int = 0) -> list[str]:
        return [words(each) for each in self.requests(since=since) if each["verb"] in WRITES]

    def count(self) -> int:
        return len(list(self.plane.audit(self.user)))


def words(entry: dict[str, Any]) -> str:
    ref = entry.get("objectRef")
    if ref is None:
        return f"{entry['verb']} {entry['requestURI']}"
    parts = (ref.get("resource"), ref.get("name"), ref.get("subresource"))
    return " ".join([entry["verb"], *filter(None, parts)])


def test_10_1_of_two_replicas_one_works_and_the_other_follows_when_it_is_stopped(
    plane: ControlPlane,
) -> None:
    apps = [f"app{number}" for number in range(8)]

    async def deploy(on: Scene, name: str, image: str) -> None:
        if image == "v1":
            await on.create(component(deployment(name, image="v1"), name=name))
            await on.create(application({"componentName": name}, name=name))
        else:
            await on.patch(COMPONENTS, name, {"spec": {"workload": deployment(name, image=image)}})

    async def test(on: Scene) -> None:
        flags = ("--enable-leader-election", f"--leader-election-namespace={on.namespace}")
        one, two = (Replica(on, user, *flags) for user in ("one", "two"))
        with ExitStack() as stack:
            one.start(stack)
            await one.becomes_leader()
            two.start(stack)
            await asyncio.to_thread(fetch, f"http://127.0.0.1:{two.port}/readyz")  # it stands by
            await asyncio.gather(*(deploy(on, name, "v1") for name in apps))
            for name in apps:
                await on.synced(name)
            applied = Counter(each for each in one.writes() if each.startswith("patch deployments"))
            assert applied == Counter(f"patch deployments {name}" for name in apps)
            assert not await two.leads()
            assert two.requests() == []
            # The leader is told to stop while there is work: none of it is lost, and none is done twice.
            await asyncio.gather(*(deploy(on, name, "v2") for name in apps))
            assert one.process is not None
            one.process.send_signal(signal.SIGTERM)
            since = time.monotonic()
            await two.becomes_leader()
            for name in apps:
                await on.there(DEPLOYMENTS, name, lambda obj: image_of(obj) == "v2")
            assert time.monotonic() - since < 10
            assert await asyncio.to_thread(one.process.wait, 10) == 0
            for name in apps:
                await on.synced(name)
            at_rest = one.count()
            await asyncio.gather(*(deploy(on, name, "v3") for name in apps))
            for name in apps:
                await on.there(DEPLOYMENTS, name, lambda obj: image_of(obj) == "v3")
            assert one.count() == at_rest, "a stopped replica went on"
            both = Counter(
                each
                for each in (*one.writes(), *two.writes())
                if each.startswith("patch deployments")
            )
            # v1, v2 and v3; the new leader doesn't apply once more what the old one did.
            assert both == Counter({f"patch deployments {name}": 3 for name in apps})

    play(plane, test, with_runtime=False)


def test_2_1_at_rest_nothing_is_asked_and_a_look_without_change_writes_nothing(
    plane: ControlPlane,
) -> None:
    async def test(on: Scene) -> None:
        await on.create(component(deployment()), with_traits(SERVICE, OLD_INGRESS))
        await on.create(oam("HealthScope", "health", {"workloadRefs": [], "probe-interval": 1}))
        await on.create(component(containerized("core", config=[FILE], ports=PORTS), name="core"))
        await on.create(application({"componentName": "core"}, name="core"))
        with ExitStack() as stack:
            # The first looks at everything twice a second, the second only when something happens.
            restless, resting = Replica(on, "one", "--long-wait=500ms"), Replica(on, "two")
            restless.start(stack)
            await on.synced("app")
            await on.there(WORKLOADS, "core", done)
            await on.there(SERVICES, "core")
            resting.start(stack)
            for each in (restless, resting):
                await asyncio.to_thread(fetch, f"http://127.0.0.1:{each.port}/readyz")
            await asyncio.sleep(2)  # the Deployments' own controllers come to an end
            before, passes = (restless.count(), resting.count()), await restless.figures()
            await asyncio.sleep(4)
            # A kind that isn't served, as the Ingress of 2020, is asked for again now and then: two reads of what is served.
            asked = {words(each) for each in restless.requests(since=before[0])}
            assert asked <= {"get /api", "get /apis"}
            assert [words(each) for each in resting.requests(since=before[1])] == []
            assert success(await restless.figures()) >= success(passes) + 5 * 2

    play(plane, test, with_runtime=False)


def success(figures: str) -> int:
    (line,) = (
        line
        for line in figures.splitlines()
        if line.startswith(
            'oam_reconcile_total{controller="applicationconfiguration",result="success"}'
        )
    )
    return int(line.rpartition(" ")[2])
