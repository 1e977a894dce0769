"""Hostile events while Pods run: kills, builds beside them, and what deletion leaves."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from support.cluster import (
    ROOT,
    Cluster,
    Namespace,
    eventually,
    ingress,
    pod,
    python,
    service,
    sleeper,
    web,
    workload,
)

from oamkit.sandbox import control, procfs
from oamkit.sandbox.lifecycle import Sandbox
from oamkit.sandbox.state import Phase

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]

COUNT = "import time\nfor n in range(10**6): print(n); time.sleep(0.1)"


def ready() -> bool:
    state = Sandbox().status()
    return state is not None and state.phase is Phase.READY


def test_a_deleted_namespace_leaves_no_process_no_folder_no_address(
    cluster: Cluster, ns: Namespace
) -> None:
    mark = f"mark-of-{ns.name}"
    ns.apply(pod("a", python(f"'{mark}'\nimport time\nwhile True: time.sleep(1)")))
    ns.apply(workload("Deployment", "web", sleeper(), replicas=2), service("web"))
    ns.ready("a")
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=40s")
    address = ns.get("service", "web")["spec"]["clusterIP"]
    uids = ns.says("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}").split()
    folders = [cluster.folder / "pods" / uid for uid in uids]
    assert len(folders) == 3
    assert all(folder.is_dir() for folder in folders)
    assert running(mark)
    assert address in listeners(cluster)
    cluster.run("kubectl", "delete", "namespace", ns.name, "--timeout=60s")
    assert not running(mark)
    eventually(lambda: not any(folder.exists() for folder in folders))
    eventually(lambda: address not in listeners(cluster))
    cluster.run("kubectl", "create", "namespace", ns.name)


def running(mark: str) -> bool:
    """Whether a process with these words among its arguments runs."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def listeners(cluster: Cluster) -> set[str]:
    """The addresses at which anyone listens in the node's network."""
    pid = cluster.component("node-agent")
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            number = bytes.fromhex(fields[1].split(":")[0])
            found.add(".".join(str(byte) for byte in reversed(number)))
    return found


def test_a_killed_agent_leaves_pods_running_and_their_logs_go_on(
    cluster: Cluster, ns: Namespace
) -> None:
    ns.apply(pod("counter", python(COUNT)))
    ns.ready("counter")
    before = ns.get("pod", "counter")["status"]
    count = ns.python("counter", "import os; print(os.stat('/proc/1').st_ctime_ns)")
    last = int(ns.logs("counter", "--tail=1"))
    os.kill(cluster.component("node-agent"), signal.SIGKILL)
    eventually(lambda: not ready(), within=5)
    eventually(ready)
    after = eventually(lambda: int(ns.says("logs", "counter", "--tail=1", check=False) or 0) > last)
    assert after
    assert count == ns.python("counter", "import os; print(os.stat('/proc/1').st_ctime_ns)")
    now = ns.get("pod", "counter")["status"]
    assert now["podIP"] == before["podIP"]
    assert now["containerStatuses"][0]["restartCount"] == 0
    numbers = [int(line) for line in ns.logs("counter").split()]
    assert numbers == list(range(len(numbers)))


def test_an_image_is_built_while_pods_of_it_run(cluster: Cluster, ns: Namespace) -> None:
    folder = cluster.home / "changed"
    shutil.copytree(ROOT / "flask-demo", folder)
    main = folder / "app" / "main.py"
    main.write_text(main.read_text().replace("from Flask", "from another Flask"))
    host = "changing.example"
    ns.apply(
        workload("Deployment", "web", web(), replicas=1),
        service("web"),
        ingress("web", host, ("/", "Prefix", "web")),
    )
    with cluster.start("oamkit", "build", str(folder), "-t", "flask-sample:v2") as build:
        ns.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        eventually(lambda: cluster.fetch(host) == (200, "Hello World from Flask"))
        words, _ = build.communicate(timeout=90)
        assert build.returncode == 0, words
    ns.kubectl("set", "image", "deployment/web", "web=flask-sample:v2")
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    eventually(lambda: cluster.fetch(host) == (200, "Hello World from another Flask"))


def test_after_a_sigkill_of_everything_the_pods_run_again_and_the_ingress_answers(
    cluster: Cluster, ns: Namespace
) -> None:
    ns.apply(
        workload("Deployment", "web", web(), replicas=2),
        service("web"),
        ingress("web", "killed.example", ("/", "Prefix", "web")),
    )
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    eventually(lambda: cluster.fetch("killed.example")[0] == 200)
    from oamkit import paths

    daemon = control.daemon_pid(paths.runtime())
    assert daemon is not None
    pids = [daemon, *procfs.descendants(daemon)]
    processes = [(pid, procfs.start_time(pid)) for pid in pids]
    for pid, _ in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it went with one of the others
    eventually(lambda: not any(procfs.alive(*each) for each in processes))
    cluster.up()
    eventually(
        lambda: cluster.fetch("killed.example") == (200, "Hello World from Flask"), within=40
    )
    ns.kubectl("rollout", "status", "deployment/web", "--timeout=40s")
    restarts = ns.says(
        "get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[0].restartCount}"
    )
    assert restarts.split() == ["1", "1"]
