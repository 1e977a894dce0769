"""Measure the runtime on a real API server: latency of single events, many applications at once, memory, idle requests.

``make bench NAME=runtime``. It starts a control plane of its own (no node: Pods would measure something else), and the runtime as a
program of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
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
    DEPLOYMENTS,
    NAMESPACES,
    application,
    component,
    deployment,
)
from support.apiserver import ControlPlane, control_plane, free_ports  # noqa: E402

from benchmarks._report import Report  # noqa: E402
from oamkit.kube import Client, Connection, Informer, Object  # noqa: E402

ROUNDS = 100
AT_ONCE = {50: 5.0, 200: 20.0, 1000: None}
"""How many applications are made at once, and within how many seconds their Deployments should exist."""
CRDS = ROOT / "charts" / "oam-kubernetes-runtime" / "crds"


def rss(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found[1]) / 1024 if found else 0.0


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def requests_of_runtime(client: Client) -> float:
    """Requests to the OAM kinds and to Leases so far, as the API server counts them; watches count once."""
    text = await client.request("GET", "/metrics", accept="text/plain")
    lines = re.findall(r"^apiserver_request_total\{(.*)\} (\d+)", text, re.MULTILINE)
    return sum(int(count) for labels, count in lines if 'group="core.oam.dev"' in labels)


def objects(namespace: str, number: int) -> tuple[Object, Object]:
    name = f"web{number}"
    workload = deployment(name=name, replicas=0)
    part = component(workload, name=name)
    app = application({"componentName": name}, name=name)
    for obj in (part, app):
        obj["metadata"]["namespace"] = namespace
    return part, app


class Seen:
    """When a Deployment was first seen, last changed, and gone."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], float] = {}
        self.news = asyncio.Event()

    def __call__(self, kind: str, old: Object | None, new: Object | None) -> None:
        """Take in one change."""
        obj = new or old or {}
        if old and new and old["metadata"]["generation"] == new["metadata"]["generation"]:
            return
        self.events[obj["metadata"]["name"], kind] = time.monotonic()
        self.news.set()

    async def wait(self, name: str, kind: str, since: float) -> float:
        """Wait for a change; returns the seconds from ``since`` to it."""
        while self.events.get((name, kind), 0.0) < since:
            self.news.clear()
            await self.news.wait()
        return self.events[name, kind] - since


def add(report: Report, what: str, seconds: list[float], target: float) -> None:
    """Take up the median and the 99th percentile; the latter should be no more than three times the former."""
    ordered = sorted(seconds)
    median = statistics.median(ordered)
    report.add(f"{what}, median", median, "s", target=target)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    report.add(f"{what}, p99 of {len(ordered)}", p99, "s", target=3 * median)


async def measure(report: Report, plane: ControlPlane, runtime: subprocess.Popen[bytes]) -> None:
    async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
        namespace = "bench"
        await client.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
        informer = Informer(client, DEPLOYMENTS, namespace=namespace)
        seen = Seen()
        informer.subscribe(seen)
        informer.start()
        await informer.synced.wait()
        report.add("RSS at start", rss(runtime.pid), "MB")
        created, edited, deleted = [], [], []
        for number in range(ROUNDS):
            part, app = objects(namespace, number)
            name = app["metadata"]["name"]
            await client.create(COMPONENTS, part)
            since = time.monotonic()
            await client.create(APPLICATION_CONFIGURATIONS, app)
            created.append(await seen.wait(name, "ADDED", since))
        for number in range(ROUNDS):
            name = f"web{number}"
            since = time.monotonic()
            workload = deployment(name=name, image="nginx:2", replicas=0)
            await client.merge_patch(COMPONENTS, name, {"spec": {"workload": workload}}, namespace)
            edited.append(await seen.wait(name, "MODIFIED", since))
        for number in range(ROUNDS):
            name = f"web{number}"
            since = time.monotonic()
            await client.delete(APPLICATION_CONFIGURATIONS, name, namespace)
            deleted.append(await seen.wait(name, "DELETED", since))
        add(report, "application created → Deployment exists", created, 0.11)
        add(report, "Component edited → Deployment changed", edited, 0.13)
        add(report, "application deleted → Deployment gone", deleted, 0.08)
        first = ROUNDS
        for many, limit in AT_ONCE.items():
            pairs = [objects(namespace, number) for number in range(first, first + many)]
            await asyncio.gather(*(client.create(COMPONENTS, part) for part, _ in pairs))
            before, since = cpu(runtime.pid), time.monotonic()
            await asyncio.gather(
                *(client.create(APPLICATION_CONFIGURATIONS, app) for _, app in pairs)
            )
            for _, app in pairs:
                await seen.wait(app["metadata"]["name"], "ADDED", since)
            took = time.monotonic() - since
            await asyncio.sleep(3)  # status writes and events come to rest
            used = cpu(runtime.pid) - before
            report.add(f"{many} at once: all Deployments exist", took, "s", target=limit)
            report.add(f"{many} at once: CPU for each", used / many * 1000, "ms")
            # The target speaks of 200 applications; 250 live by then.
            report.add(
                f"{many} at once: RSS", rss(runtime.pid), "MB", target={200: 120.0}.get(many)
            )
            first += many
        await asyncio.sleep(5)
        requests, used = await requests_of_runtime(client), cpu(runtime.pid)
        await asyncio.sleep(30)
        requests = await requests_of_runtime(client) - requests
        report.add("idle: requests to OAM kinds in 30 s", requests, "requests")
        report.add("idle: CPU", (cpu(runtime.pid) - used) / 30 * 100, "% of a core")
        await informer.close()


def main() -> None:
    report = Report("runtime")
    with tempfile.TemporaryDirectory() as folder, control_plane(Path(folder)) as plane:
        plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        plane.start_controller_manager()
        port = free_ports(1)[0]
        argv = [sys.executable, "-m", "oamkit.runtime", f"--metrics-addr=127.0.0.1:{port}"]
        log = (Path(folder) / "runtime.log").open("wb")
        runtime = subprocess.Popen(
            [*argv, f"--kubeconfig={plane.kubeconfig}"], stdout=log, stderr=log, cwd=ROOT
        )
        try:
            time.sleep(3)
            asyncio.run(measure(report, plane, runtime))
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
