"""Pods that don't do what they should, and what the cluster says about them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import (
    Cluster,
    Namespace,
    Object,
    container,
    eventually,
    pod,
    python,
    service,
    sleeper,
    template,
    web,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]

EAT = "block = bytearray(b'x' * (300 << 20)); import time; time.sleep(60)"


@pytest.fixture(scope="module")
def trouble(cluster: Cluster) -> Iterator[Namespace]:
    """All of it at once: troubles take their time."""
    namespace = cluster.namespace()
    failing = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fails"},
        "spec": {
            "backoffLimit": 0,
            "template": template("fails", python("exit(2)"), restartPolicy="Never"),
        },
    }
    alive = {"exec": {"command": ["test", "!", "-e", "/tmp/sick"]}}
    probe = {**alive, "periodSeconds": 1, "failureThreshold": 1}
    namespace.apply(
        pod("nowhere", container(image="example.invalid/nowhere:v1")),
        pod("crashes", python("import time; time.sleep(0.2); exit('no luck')")),
        pod("hungry", python(EAT, resources={"limits": {"memory": "100Mi"}})),
        pod("sick", sleeper(livenessProbe=probe)),
        pod("typo", container("pyhton", "-c", "1")),
        pod("asks", sleeper(envFrom=[{"configMapRef": {"name": "not-there"}}])),
        pod("big", sleeper(resources={"requests": {"cpu": "1000"}})),
        failing,
    )
    yield namespace
    cluster.run("kubectl", "delete", "namespace", namespace.name, "--wait=false")


def status(namespace: Namespace, name: str) -> Object:
    """The status of a Pod's container; empty until it has one."""
    containers = namespace.get("pod", name)["status"].get("containerStatuses")
    found: Object = containers[0] if containers else {"state": {}, "lastState": {}}
    return found


def waits(namespace: Namespace, name: str, reason: str) -> Object:
    """Wait until a container waits for some reason, and return it with its message."""

    def look() -> Object | None:
        waiting: Object = status(namespace, name)["state"].get("waiting", {})
        return waiting if waiting.get("reason") == reason else None

    found: Object = eventually(look, what=f"{name} waits with {reason}")
    return found


def test_a_missing_image_is_an_error_that_names_the_command_to_run(trouble: Namespace) -> None:
    reasons = ("ErrImagePull", "ImagePullBackOff")
    seen = eventually(
        lambda: (
            status(trouble, "nowhere")["state"].get("waiting", {}).get("reason") in reasons
            and status(trouble, "nowhere")["state"]["waiting"]
        )
    )
    waits(trouble, "nowhere", "ImagePullBackOff")
    messages = {event["reason"]: event["message"] for event in trouble.events("nowhere")}
    words = seen["message"] + "".join(messages.values())
    assert "example.invalid/nowhere:v1" in words
    assert "oamkit build" in words
    assert {"Pulling", "Failed", "BackOff"} <= messages.keys()


def test_a_crash_loop_waits_longer_each_time_and_says_how_long(trouble: Namespace) -> None:
    waiting = waits(trouble, "crashes", "CrashLoopBackOff")
    assert "back-off restarting failed container=main: it is started again at" in waiting["message"]
    last = status(trouble, "crashes")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (1, "Error")
    assert trouble.logs("crashes", "--previous") == "no luck\n"
    eventually(lambda: "BackOff" in {event["reason"] for event in trouble.events("crashes")})
    eventually(lambda: status(trouble, "crashes")["restartCount"] >= 2)


def test_who_takes_more_memory_than_allowed_is_killed_for_it(trouble: Namespace) -> None:
    def ended() -> Object | None:
        now = status(trouble, "hungry")
        found: Object | None = now["state"].get("terminated") or now["lastState"].get("terminated")
        return found

    assert eventually(ended)["reason"] == "OOMKilled"


def test_who_fails_its_liveness_probe_is_restarted(trouble: Namespace) -> None:
    trouble.ready("sick")
    trouble.kubectl("exec", "sick", "--", "touch", "/tmp/sick")
    eventually(lambda: status(trouble, "sick")["restartCount"] >= 1)
    reasons = {event["reason"] for event in trouble.events("sick")}
    assert {"Unhealthy", "Killing"} <= reasons


def test_a_program_that_is_not_there_is_named(trouble: Namespace) -> None:
    def words() -> str:
        now = status(trouble, "typo")
        return str(now["state"]) + str(now["lastState"])

    eventually(lambda: "pyhton" in words())


def test_a_config_map_that_is_not_there_is_named(trouble: Namespace) -> None:
    waiting = waits(trouble, "asks", "CreateContainerConfigError")
    assert waiting["message"] == 'configmap "not-there" not found'
    trouble.kubectl("create", "configmap", "not-there", "--from-literal=A=1")
    trouble.ready("asks")
    assert trouble.python("asks", "import os; print(os.environ['A'])") == "1"


def test_what_does_not_fit_the_node_stays_pending_with_the_reason(trouble: Namespace) -> None:
    assert trouble.get("pod", "big")["status"]["phase"] == "Pending"
    assert "Insufficient cpu" in str(trouble.events("big"))


def test_a_job_that_fails_stops_at_its_limit(trouble: Namespace) -> None:
    trouble.wait("job/fails", "condition=Failed")
    conditions = trouble.get("job", "fails")["status"]["conditions"]
    assert "BackoffLimitExceeded" in {each["reason"] for each in conditions}


def test_who_is_not_ready_gets_no_requests(ns: Namespace) -> None:
    gate = {"exec": {"command": ["test", "-e", "/tmp/open"]}, "periodSeconds": 1}
    ns.apply(pod("gated", {**web(), "readinessProbe": gate}, labels={"app": "gated"}))
    ns.apply(service("gated"))
    ns.wait("pod/gated", "jsonpath={.status.phase}=Running")

    def ready() -> list[bool]:
        selector = "--selector=kubernetes.io/service-name=gated"
        template = "{.items[*].endpoints[*].conditions.ready}"
        text = ns.kubectl("get", "endpointslices", selector, "-o", f"jsonpath={template}").stdout
        return [word == "true" for word in text.split()]

    eventually(lambda: ready() == [False])
    ns.kubectl("exec", "gated", "--", "touch", "/tmp/open")
    eventually(lambda: ready() == [True])
    ns.kubectl("exec", "gated", "--", "rm", "/tmp/open")
    eventually(lambda: ready() == [False])
