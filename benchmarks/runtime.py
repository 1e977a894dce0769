"""Measure the runtime on a real API server: latency of single events, many applications at once, memory, idle requests.

``make bench NAME=runtime``, e.g. with ``ARGS="--idle 600"``. It starts a control plane of its own (no node: Pods would measure something else), and the runtime as a
program of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "runtime")]

from scene import (  # noqa: E402 - after the path is set
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    Obj,
    application,
    component,
    deployment,
    oam,
)
from support.apiserver import ControlPlane, control_plane, free_ports  # noqa: E402

from benchmarks._report import Report  # noqa: E402
from oamkit.kube import Client, Connection, Informer  # noqa: E402

ROUNDS = 300
AT_ONCE = {1: None, 50: 5.0, 200: 20.0, 1000: None}
"""How many applications are made at once, and within how many seconds their Deployments should exist."""
IDLE_SECONDS = 30.0
CRDS = ROOT / "charts" / "oam-kubernetes-runtime" / "crds"
USER = "bench"
SCALING = oam(
    "TraitDefinition",
    "manualscalertraits.core.oam.dev",
    {
        "definitionRef": {"name": "manualscalertraits.core.oam.dev"},
        "workloadRefPath": "spec.workloadRef",
    },
)


def rss(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found[1]) / 1024 if found else 0.0


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited(pid: int) -> float:
    """Seconds that a process's threads wanted a core and others had it (https://docs.kernel.org/scheduler/sched-stats.html)."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread that has ended
            total += int(path.read_text().split()[1])
    return total / 1e9


def requests_of_runtime(plane: ControlPlane) -> tuple[int, int]:
    """How many requests the runtime made so far, by the API server's audit log, and how many of them opened a watch."""
    verbs = [entry["verb"] for entry in plane.audit(USER) if entry["stage"] == "ResponseStarted" or entry["verb"] != "watch"]  # fmt: skip
    return len(verbs), verbs.count("watch")


def objects(namespace: str, number: int) -> tuple[Obj, Obj]:
    """A Component and its application, with a scaler. Paused, so that no Pods are made: they would measure something else."""
    name = f"web{number}"
    workload = deployment(name=name, paused=True)
    part = component(workload, name=name)
    app = application({"componentName": name, "traits": [scaler(name, 3)]}, name=name)
    for obj in (part, app):
        obj["metadata"]["namespace"] = namespace
    return part, app


def scaler(name: str, count: int) -> Obj:
    return {"trait": oam("ManualScalerTrait", name, {"replicaCount": count})}


class Seen:
    """When a Deployment was first seen, last changed, and gone."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], float] = {}
        self.replicas: dict[str, int] = {}
        self.news = asyncio.Event()

    def __call__(self, kind: str, old: Obj | None, new: Obj | None) -> None:
        """Take in one change."""
        obj = new or old or {}
        if old and new and old["metadata"].get("generation") == new["metadata"].get("generation"):
            return
        self.events[obj["metadata"]["name"], kind] = time.monotonic()
        self.replicas[obj["metadata"]["name"]] = obj.get("spec", {}).get("replicas", 0)
        self.news.set()

    async def wait(self, name: str, kind: str, since: float) -> float:
        """Wait for a change; returns the seconds from ``since`` to it."""
        while self.events.get((name, kind), 0.0) < since:
            self.news.clear()
            await self.news.wait()
        return self.events[name, kind] - since

    async def scaled(self, name: str, count: int, since: float) -> float:
        """Wait until a Deployment has so many replicas; returns the seconds from ``since`` to it."""
        while self.replicas.get(name) != count:
            self.news.clear()
            await self.news.wait()
        return self.events[name, "MODIFIED"] - since


def add(report: Report, what: str, seconds: list[float], target: float) -> None:
    """Take up the median and the 99th percentile; the latter should be no more than three times the former."""
    median = statistics.median(seconds)
    report.add(f"{what}, median", median, "s", target=target)
    report.add(f"{what}, p99 of {len(seconds)}", percentile(seconds), "s", target=3 * median)


def percentile(values: list[float], share: float = 0.99) -> float:
    """The smallest value that is no less than ``share`` of all."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


class Bench:
    """Measures one runtime."""

    def __init__(
        self,
        report: Report,
        plane: ControlPlane,
        client: Client,
        runtime: subprocess.Popen[bytes],
        options: argparse.Namespace,
    ) -> None:
        self.report, self.plane, self.client, self.runtime = report, plane, client, runtime
        self.options = options
        self.namespace = "bench"
        self.seen = Seen()
        self.living = 0

    async def run(self) -> None:
        """Measure all of it."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.client.create(NAMESPACES, namespace)
        informer = Informer(self.client, DEPLOYMENTS, namespace=self.namespace)
        informer.subscribe(self.seen)
        informer.start()
        await informer.synced.wait()
        self.report.add("RSS at start", rss(self.runtime.pid), "MB")
        await self.first()
        await self.floor()
        await self.single()
        for many, limit in AT_ONCE.items():
            if many <= self.options.most:
                await self.at_once(many, limit)
            if many == 200:
                await self.idle(self.options.idle)
        await informer.close()

    async def first(self) -> None:
        """The first application of a kind: the runtime begins to watch its objects."""
        name, since = await self.make(0)
        self.report.add("first application → Deployment exists", await self.seen.wait(name, "ADDED", since), "s")  # fmt: skip
        await self.seen.scaled(name, 3, since)
        await self.client.delete(APPLICATION_CONFIGURATIONS, name, self.namespace)
        await self.seen.wait(name, "DELETED", since)

    async def floor(self) -> None:
        """What the API server alone takes from a write to the watch that tells it: nothing here can be quicker or steadier."""
        informer, seen = Informer(self.client, CONFIG_MAPS, namespace=self.namespace), Seen()
        informer.subscribe(seen)
        informer.start()
        await informer.synced.wait()
        taken = []
        for number in range(1, self.options.rounds + 1):
            metadata = {"name": f"plain{number}", "namespace": self.namespace}
            since = time.monotonic()
            await self.client.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})  # fmt: skip
            taken.append(await seen.wait(f"plain{number}", "ADDED", since))
        await informer.close()
        median, p99 = statistics.median(taken), percentile(taken)
        self.report.add("API server alone: written → seen, median", median, "s")
        self.report.add(f"API server alone: written → seen, p99 of {len(taken)}", p99, "s")

    async def single(self) -> None:
        """One event after another."""
        created, scaled, edited, trait, deleted = [], [], [], [], []
        pids = (self.runtime.pid, self.plane.pid("kube-apiserver"))
        before, begun = [waited(pid) for pid in pids], time.monotonic()
        collections = await self.collections()
        rounds = range(1, self.options.rounds + 1)
        for number in rounds:
            name, since = await self.make(number)
            created.append(await self.seen.wait(name, "ADDED", since))
            scaled.append(await self.seen.scaled(name, 3, since))
        for number in rounds:
            name, since = f"web{number}", time.monotonic()
            workload = deployment(name=name, image="nginx:2", paused=True)
            patch = {"spec": {"workload": workload}}
            await self.client.merge_patch(COMPONENTS, name, patch, self.namespace)
            edited.append(await self.seen.wait(name, "MODIFIED", since))
        for number in rounds:
            name, since = f"web{number}", time.monotonic()
            entry = {"componentName": name, "traits": [scaler(name, 2)]}
            patch = {"spec": {"components": [entry]}}
            await self.client.merge_patch(APPLICATION_CONFIGURATIONS, name, patch, self.namespace)
            trait.append(await self.seen.scaled(name, 2, since))
        for number in rounds:
            name, since = f"web{number}", time.monotonic()
            await self.client.delete(APPLICATION_CONFIGURATIONS, name, self.namespace)
            deleted.append(await self.seen.wait(name, "DELETED", since))
        add(self.report, "application created → Deployment exists", created, 0.11)
        add(self.report, "→ scaled by its trait", scaled, 1.37)
        add(self.report, "Component edited → Deployment changed", edited, 0.13)
        add(self.report, "trait edited → Deployment scaled", trait, 0.2)
        add(self.report, "application deleted → Deployment gone", deleted, 0.08)
        took = time.monotonic() - begun
        slow = sum(sum(each > 3 * statistics.median(many) for each in many) for many in (created, edited, trait, deleted))  # fmt: skip
        self.report.add("of these four, slower than 3 × median", slow, "events")
        collections = await self.collections() - collections
        self.report.add("meanwhile the API server's garbage collections", collections, "")
        for name, pid, earlier in zip(("runtime", "API server"), pids, before, strict=True):
            share = (waited(pid) - earlier) / took * 100
            self.report.add(
                f"meanwhile the {name}'s threads waited for a core", share, "% of the time"
            )

    async def at_once(self, many: int, limit: float | None) -> None:
        """Many applications, made at the same time."""
        start = 10_000 + self.living
        pairs = [objects(self.namespace, number) for number in range(start, start + many)]
        self.living += many
        await asyncio.gather(*(self.client.create(COMPONENTS, part) for part, _ in pairs))
        await asyncio.sleep(3)  # they are recorded
        before, since = cpu(self.runtime.pid), time.monotonic()
        await asyncio.gather(
            *(self.client.create(APPLICATION_CONFIGURATIONS, app) for _, app in pairs)
        )
        for _, app in pairs:
            await self.seen.wait(app["metadata"]["name"], "ADDED", since)
        took = time.monotonic() - since
        await asyncio.sleep(5)  # traits, status writes and events come to rest
        used = cpu(self.runtime.pid) - before
        self.report.add(f"{many} at once: all Deployments exist", took, "s", target=limit)
        self.report.add(f"{many} at once: time for each", took / many * 1000, "ms")
        self.report.add(f"{many} at once: CPU for each", used / many * 1000, "ms")
        # The target speaks of 200 applications; 251 live by then.
        self.report.add(f"{many} at once: RSS", rss(self.runtime.pid), "MB", target={200: 120.0}.get(many))  # fmt: skip

    async def idle(self, seconds: float) -> None:
        """What rest costs."""
        await asyncio.sleep(5)
        requests, used = requests_of_runtime(self.plane), cpu(self.runtime.pid)
        await asyncio.sleep(seconds)
        now = requests_of_runtime(self.plane)
        what = f"idle, {self.living} applications, {seconds:.0f} s"
        self.report.add(f"{what}: requests", now[0] - requests[0], "requests")
        self.report.add(f"{what}: of them watches that began anew", now[1] - requests[1], "requests")  # fmt: skip
        share = (cpu(self.runtime.pid) - used) / seconds * 100
        self.report.add(f"{what}: CPU", share, "% of a core")

    async def collections(self) -> int:
        """How often Go's garbage collector ran in the API server."""
        text = await self.client.request("GET", "/metrics", accept="text/plain")
        return int(re.findall(r"^go_gc_duration_seconds_count (\d+)", text, re.MULTILINE)[0])

    async def make(self, number: int) -> tuple[str, float]:
        """Make one application; returns its name, and since when time counts."""
        part, app = objects(self.namespace, number)
        await self.client.create(COMPONENTS, part)
        since = time.monotonic()
        await self.client.create(APPLICATION_CONFIGURATIONS, app)
        return app["metadata"]["name"], since


async def measure(
    report: Report,
    plane: ControlPlane,
    runtime: subprocess.Popen[bytes],
    options: argparse.Namespace,
) -> None:
    async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
        await Bench(report, plane, client, runtime, options).run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="single events of each sort")
    parser.add_argument("--most", type=int, default=1000, help="applications at once, at most")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, metavar="SECONDS", help="how long rest is looked at")  # fmt: skip
    options = parser.parse_args()
    report = Report("runtime")
    users = {f"{USER}-token": USER}
    with (
        tempfile.TemporaryDirectory() as folder,
        control_plane(Path(folder), users=users, audited=True) as plane,
    ):
        plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        plane.kubectl("create", "clusterrolebinding", USER, "--clusterrole=cluster-admin", f"--user={USER}")  # fmt: skip
        plane.kubectl("apply", "-f", "-", input=json.dumps(SCALING))
        plane.start_controller_manager()
        port = free_ports(1)[0]
        argv = [sys.executable, "-m", "oamkit.runtime", f"--metrics-addr=127.0.0.1:{port}"]
        argv.append(f"--kubeconfig={plane.kubeconfig_for(f'{USER}-token')}")
        log = (Path(folder) / "runtime.log").open("wb")
        runtime = subprocess.Popen(argv, stdout=log, stderr=log, cwd=ROOT)
        try:
            time.sleep(3)
            asyncio.run(measure(report, plane, runtime, options))
        finally:
            since = time.monotonic()
            runtime.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                runtime.wait(10)
            runtime.kill()
            report.add("stopped after SIGTERM", time.monotonic() - since, "s")
            log.close()
            if os.environ.get("SHOW_LOG"):
                print((Path(folder) / "runtime.log").read_text()[-3000:])
    report.finish()


if __name__ == "__main__":
    main()
