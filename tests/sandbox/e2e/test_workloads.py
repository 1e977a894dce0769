"""Controllers that the course uses, with Pods that really run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.cluster import (
    Namespace,
    eventually,
    pod,
    python,
    service,
    sleeper,
    template,
    web,
    workload,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]


def test_a_deployment_is_rolled_out_scaled_restarted_and_undone(ns: Namespace) -> None:
    def image() -> str:
        containers = ns.get("deployment", "web")["spec"]["template"]["spec"]["containers"]
        return str(containers[0]["env"][0]["value"])

    def version(value: str) -> dict[str, Any]:
        container = sleeper(env=[{"name": "VERSION", "value": value}])
        return workload("Deployment", "web", container, replicas=2)

    def rolled_out() -> None:
        ns.kubectl("rollout", "status", "deployment/web", "--timeout=40s")

    ns.apply(version("1"))
    rolled_out()
    before = set(ns.says("get", "pods", "-o", "name").split())
    assert len(before) == 2
    ns.kubectl("rollout", "restart", "deployment/web")
    rolled_out()
    ns.apply(version("2"))
    rolled_out()
    assert len(ns.says("rollout", "history", "deployment/web").strip().splitlines()) == 5
    ns.kubectl("rollout", "undo", "deployment/web")
    rolled_out()
    assert image() == "1"
    ns.kubectl("scale", "deployment/web", "--replicas=3")
    rolled_out()
    ns.kubectl("scale", "deployment/web", "--replicas=0")
    eventually(lambda: ns.kubectl("get", "pods", "-o", "name").stdout == "")


def test_a_job_completes_and_keeps_its_log(ns: Namespace) -> None:
    ns.kubectl(
        "create", "job", "sum", "--image=flask-sample:v1", "--", "python", "-c", "print(6 * 7)"
    )
    ns.wait("job/sum", "condition=Complete")
    assert ns.logs("job/sum") == "42\n"


def test_a_cron_job_can_be_run_by_hand(ns: Namespace) -> None:
    ns.kubectl(
        "create", "cronjob", "nightly", "--image=flask-sample:v1", "--schedule=0 3 * * *",
        "--", "python", "-c", "print('by night')",
    )  # fmt: skip
    ns.kubectl("create", "job", "now", "--from=cronjob/nightly")
    ns.wait("job/now", "condition=Complete")
    assert ns.logs("job/now") == "by night\n"


def test_the_pods_of_a_stateful_set_have_names_in_the_dns(ns: Namespace) -> None:
    ns.apply(
        service("peers", app="db", clusterIP="None", publishNotReadyAddresses=True),
        workload("StatefulSet", "db", web(), serviceName="peers", replicas=2),
    )
    ns.kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
    code = f"""
import socket, urllib.request
name = "db-1.peers.{ns.name}.svc.cluster.local"
print(socket.gethostname(), socket.gethostbyname(name), socket.gethostbyname("db-1.peers"))
print(len(socket.getaddrinfo("peers", 80, type=socket.SOCK_STREAM)))
print(urllib.request.urlopen("http://" + name, timeout=5).read().decode())
"""
    address = ns.get("pod", "db-1")["status"]["podIP"]
    answers = eventually(
        lambda: (out := ns.python("db-0", code)).splitlines()[1] == "2" and out, within=10
    )
    assert answers.splitlines() == [
        f"db-0 {address} {address}",
        "2",
        "Hello World from Flask",
    ]


def test_a_daemon_set_runs_on_the_node(ns: Namespace) -> None:
    ns.apply(workload("DaemonSet", "everywhere", sleeper()))
    ns.kubectl("rollout", "status", "daemonset/everywhere", "--timeout=30s")
    assert ns.get("daemonset", "everywhere")["status"]["numberReady"] == 1


def test_init_containers_prepare_what_the_others_find(ns: Namespace) -> None:
    mounts = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    steps = [
        python(f"open('/work/steps', 'a').write('{step} ')", name=step, **mounts)
        for step in ("one", "two")
    ]
    code = "print(open('/work/steps').read())"
    ns.apply(
        pod(
            "prepared",
            python(code, **mounts),
            initContainers=steps,
            volumes=[{"name": "work", "emptyDir": {}}],
            restartPolicy="Never",
        )
    )
    ns.wait("pod/prepared", "jsonpath={.status.phase}=Succeeded")
    assert ns.logs("prepared").strip() == "one two"


def test_deleting_a_pod_gives_it_its_time(ns: Namespace) -> None:
    code = """
import signal, time
def bye(*_):
    print("asked to end", flush=True)
    time.sleep(1)
    print("done", flush=True)
    exit(0)
signal.signal(signal.SIGTERM, bye)
print("ready", flush=True)
while True:
    signal.pause()
"""
    ns.apply(pod("polite", python(code)))
    ns.ready("polite")
    with ns.started("logs", "-f", "polite") as follower:
        ns.kubectl("delete", "pod", "polite", "--timeout=20s")
        assert follower.stdout is not None
        assert follower.stdout.read().splitlines() == ["ready", "asked to end", "done"]
    assert "not found" in ns.refused("get", "pod", "polite")


def test_a_template_that_cannot_be_understood_is_refused_with_its_field(ns: Namespace) -> None:
    wrong = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "wrong"},
        "spec": {"template": template("wrong", sleeper())},
    }
    words = ns.refused("apply", "-f", "-", input=json.dumps(wrong))
    assert "spec.template.spec.restartPolicy" in words
