"""Measure the sandbox: how soon it is there, what it takes while nothing happens, how fast Pods and images come.

It uses a home of its own below the system's temporary folder, so that it meets no other sandbox.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes as _kubernetes

from benchmarks._report import Report
from oamkit import paths
from oamkit.sandbox import control, procfs
from oamkit.sandbox.lifecycle import Sandbox
from oamkit.sandbox.state import Phase, State

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "flask-sample:v1"
kubernetes: Any = _kubernetes  # only parts of it have types
IDLE_SECONDS = 60
PODS = 10


class Cluster:
    """The sandbox that is measured."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()

    def up(self) -> dict[str, float]:
        """Start it; return after how many seconds each component was ready, and ``all`` of them."""
        begun = time.monotonic()
        seconds: dict[str, float] = {}

        def note(state: State) -> None:
            for each in state.components:
                if each.phase is Phase.READY:
                    seconds.setdefault(each.name, time.monotonic() - begun)

        self.sandbox.up(progress=note)
        return {**seconds, "all": time.monotonic() - begun}

    def down(self) -> float:
        """Stop it; return the seconds that it took."""
        begun = time.monotonic()
        self.sandbox.down()
        return time.monotonic() - begun

    def run_pod(self, name: str) -> float:
        """Create a Pod, and return the seconds until it runs."""
        manifest = {
            "metadata": {"name": name},
            "spec": {
                "containers": [{"name": "web", "image": IMAGE}],
                "terminationGracePeriodSeconds": 1,
            },
        }
        with self._api() as api:
            watch = kubernetes.watch.Watch()
            begun = time.monotonic()
            made = api.create_namespaced_pod("default", manifest)
            events: Iterator[dict[str, Any]] = watch.stream(
                api.list_namespaced_pod,
                "default",
                field_selector=f"metadata.name={name}",
                resource_version=made.metadata.resource_version,
                timeout_seconds=60,
            )
            for event in events:
                if event["object"].status.phase == "Running":
                    watch.stop()
                    return time.monotonic() - begun
        raise TimeoutError(f"Pod {name} doesn't run")

    def delete_pods(self) -> None:
        """Delete all Pods, and wait until they are gone."""
        with self._api() as api:
            api.delete_collection_namespaced_pod("default")
            while api.list_namespaced_pod("default").items:
                time.sleep(0.2)

    def processes(self) -> dict[str, list[int]]:
        """The processes of each component, and those of the daemon that aren't a component's."""
        state = self.sandbox.status()
        daemon = control.daemon_pid(paths.runtime())
        assert state is not None
        assert daemon is not None
        found = {
            each.name: [each.pid, *procfs.descendants(each.pid)]
            for each in state.components
            if each.pid is not None
        }
        others = {daemon, *procfs.descendants(daemon)}
        return {**found, "supervisor": sorted(others.difference(*found.values()))}

    @contextlib.contextmanager
    def _api(self) -> Iterator[Any]:
        config = str(self.sandbox.kubeconfig)
        with kubernetes.config.new_client_from_config(config) as client:
            yield kubernetes.client.CoreV1Api(client)


def memory(cluster: Cluster, report: Report, when: str, *, target: float | None = None) -> None:
    """PSS by component and in total, and the part of it that the kernel can't drop and read again from a file."""
    total = anonymous = 0.0
    for name, pids in cluster.processes().items():
        megabytes = sum(procfs.memory(pid) or 0 for pid in pids) / 1e6
        total += megabytes
        anonymous += sum(map(anonymous_memory, pids)) / 1e6
        report.add(f"PSS {when}: {name}", megabytes, "MB")
    report.add(f"PSS {when}: total", total, "MB", target=target)
    report.add(f"PSS {when}: of it anonymous", anonymous, "MB")


def anonymous_memory(pid: int) -> int:
    """Bytes of a process's memory that stand in no file (``Pss_Anon``, proc_pid_smaps(5))."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))


def idle(cluster: Cluster, report: Report) -> None:
    """Processor time while nothing happens."""
    pids = cluster.processes()

    def used() -> dict[str, float]:
        return {name: sum(map(procfs.cpu_seconds, each)) for name, each in pids.items()}

    before, begun = used(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    after, seconds = used(), time.monotonic() - begun
    shares = {name: (after[name] - before[name]) / seconds * 100 for name in pids}
    for name, share in shares.items():
        report.add(f"idle: {name}", share, "% of a core")
    report.add("idle: total", sum(shares.values()), "% of a core", target=5)


def build() -> float:
    """Build flask-demo, and return the seconds that it took."""
    argv = [sys.executable, "-m", "oamkit.cli", "build", "flask-demo", "-t", IMAGE]
    begun = time.monotonic()
    subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def measure(report: Report) -> None:
    cluster = Cluster()
    try:
        report.add("first up: all ready", cluster.up()["all"], "s")
        report.add("image build, nothing cached", build(), "s")
        report.add("image build, all cached", build(), "s")
        report.add("first Pod of a new image Running", cluster.run_pod("new"), "s")
        cluster.delete_pods()
        report.add("down", cluster.down(), "s")
        begun = time.monotonic()
        ready = cluster.up()
        cluster.run_pod("first")
        first_pod = time.monotonic() - begun
        report.add("warm up: API ready", ready["kube-apiserver"], "s")
        report.add("warm up: all ready", ready["all"], "s", target=10)
        report.add("warm up: first Pod Running", first_pod, "s")
        cluster.delete_pods()
        report.add("restart (down and up)", cluster.down() + cluster.up()["all"], "s")
        memory(cluster, report, "at rest", target=450)
        idle(cluster, report)
        seconds = [cluster.run_pod(f"web-{number}") for number in range(PODS)]
        report.add(f"Pod created → Running, median of {PODS}", statistics.median(seconds), "s")
        report.add(f"Pod created → Running, slowest of {PODS}", max(seconds), "s")
        cluster.delete_pods()
        memory(cluster, report, f"after {PODS} Pods")
        report.add("down after that", cluster.down(), "s")
    finally:
        cluster.sandbox.reset()


def main() -> None:
    home = tempfile.mkdtemp(prefix="oamkit-bench-")
    os.environ["OAMKIT_HOME"] = home
    report = Report("sandbox")
    try:
        measure(report)
    finally:
        shutil.rmtree(paths.runtime(), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    report.finish()


if __name__ == "__main__":
    main()
