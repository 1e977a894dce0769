"""The runtime as a program: options, HTTP, leader election, the chart's rights, and its end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scene import (
    APPLICATION_CONFIGURATIONS,
    DEPLOYMENTS,
    SCALERS,
    WORKLOADS,
    Scene,
    application,
    component,
    condition,
    deployment,
    oam,
    play,
    runtime,
)
from support.apiserver import ControlPlane, free_ports, program

from oamkit.errors import ClusterError
from oamkit.kube import Client, Connection
from oamkit.runtime import __main__ as cli
from oamkit.runtime.kinds import LEASES
from oamkit.runtime.leader import LeaderElection

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "oam-kubernetes-runtime"
real = pytest.mark.binaries


@contextmanager
def started(*options: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "oamkit.runtime", *options],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def fetch(url: str, wanted: int = 200) -> str:
    end = time.monotonic() + 15
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        except OSError as error:
            status, text = 0, str(error)
        if status == wanted:
            return text
        if time.monotonic() > end:
            raise AssertionError(f"{url}: {status} {text}")
        time.sleep(0.05)


@real
def test_10_1_it_serves_health_and_figures_and_stops_soon_after_sigterm(
    plane: ControlPlane,
) -> None:
    port = free_ports(1)[0]
    with started(
        f"--kubeconfig={plane.kubeconfig}", f"--metrics-addr=127.0.0.1:{port}", "--log-format=json"
    ) as process:
        base = f"http://127.0.0.1:{port}"
        assert fetch(f"{base}/healthz") == "ok\n"
        assert fetch(f"{base}/readyz") == "ok\n"
        controllers = ("applicationconfiguration", "containerizedworkload", "healthscope", "manualscalertrait")  # fmt: skip
        idle = [f'oam_queue_depth{{controller="{controller}"}} 0' for controller in controllers]
        end = (
            time.monotonic() + 20
        )  # the control plane may hold applications of other tests, which wait for a worker first
        while not all(line in (figures := fetch(f"{base}/metrics")) for line in idle):
            assert time.monotonic() < end, figures
            time.sleep(0.05)
        assert 'oam_leader{lease="oam-kubernetes-runtime"} 1' in figures
        since = time.monotonic()
        process.terminate()
        output, _ = process.communicate(timeout=10)
        assert time.monotonic() - since < 3
        assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert lines[-1]["message"] == "the runtime has stopped"
    assert {"time", "level", "logger", "message"} <= set(lines[-1])
    assert datetime.fromisoformat(lines[-1]["time"]).utcoffset() == timedelta(0)


def test_10_1_without_an_api_server_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x"}}],
                "clusters": [
                    {"name": "x", "cluster": {"server": f"http://127.0.0.1:{free_ports(1)[0]}"}}
                ],
            }
        )
    )
    port = free_ports(1)[0]
    with started(f"--kubeconfig={config}", f"--metrics-addr=127.0.0.1:{port}"):
        assert fetch(f"http://127.0.0.1:{port}/healthz")
        reason = fetch(f"http://127.0.0.1:{port}/readyz", wanted=503)
        assert "waiting for applicationconfigurations" in reason


def test_10_1_a_missing_kubeconfig_file_is_told_without_a_traceback(tmp_path: Path) -> None:
    with started(f"--kubeconfig={tmp_path / 'none'}") as process:
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the kubeconfig file isn't there" in output
    assert "Hint:" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("option", ["--metrics-addr=here", "--long-wait=soon", "--log-format=xml"])
def test_10_1_a_wrong_option_is_named(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([option])
    assert option.partition("=")[0] in capsys.readouterr().err


@real
def test_10_1_a_taken_port_is_told(plane: ControlPlane) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with started(f"--kubeconfig={plane.kubeconfig}", f"--metrics-addr={address}") as process:
            output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"--metrics-addr: can't listen on {address}" in output
    assert "Traceback" not in output


def election(client: Client, name: str, identity: str) -> LeaderElection:
    return LeaderElection(client, namespace="default", name=name, identity=identity)


@real
def test_10_1_of_two_candidates_one_leads_until_it_gives_the_lease_back(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oamkit.runtime.leader.RETRY_SECONDS", 0.05)

    async def main() -> None:
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            one, two = (election(client, "two-candidates", name) for name in ("one", "two"))
            await one.acquire()
            holding = asyncio.create_task(one.hold())
            second = asyncio.create_task(two.acquire())
            await asyncio.sleep(0.5)
            assert not second.done()
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            await one.release()
            async with asyncio.timeout(5):
                await second
            lease = await client.get(LEASES, "two-candidates", "default")
            assert lease["spec"]["holderIdentity"] == "two"
            assert lease["spec"]["leaseTransitions"] == 1

    asyncio.run(main())


@real
def test_10_1_who_loses_the_lease_stops_before_another_may_start(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oamkit.runtime.leader.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("oamkit.runtime.leader.RENEW_DEADLINE", 0.5)

    async def main() -> None:
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            one = election(client, "lost", "one")
            await one.acquire()
            await client.merge_patch(
                LEASES, "lost", {"spec": {"holderIdentity": "thief"}}, "default"
            )
            with pytest.raises(ClusterError, match="was lost"):
                async with asyncio.timeout(3):
                    await one.hold()

    asyncio.run(main())


@real
def test_10_1_a_dead_leader_is_followed_when_its_lease_ends(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oamkit.runtime.leader.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("oamkit.runtime.leader.LEASE_SECONDS", 1)

    async def main() -> None:
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            await election(client, "dead", "one").acquire()
            async with asyncio.timeout(5):
                await election(client, "dead", "two").acquire()

    asyncio.run(main())


def helm(plane: ControlPlane, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    home = {f"HELM_{kind}_HOME": str(plane.folder / "helm") for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [program("helm"), *args, f"--kubeconfig={plane.kubeconfig}"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"HOME": str(plane.folder), **home},
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@real
def test_10_2_the_chart_is_clean_and_refuses_values_that_are_not_there(plane: ControlPlane) -> None:
    assert "0 chart(s) failed" in helm(plane, "lint", "--strict", str(CHART)).stdout
    refused = helm(plane, "template", str(CHART), "--set", "webhookService.port=1", check=False)
    assert "webhookService" in refused.stderr


@real
@pytest.mark.e2e
def test_10_2_the_charts_rights_are_enough_and_not_more(plane: ControlPlane) -> None:
    helm(plane, "install", "oam", str(CHART), "--namespace=oam-system", "--create-namespace")
    role = "oam-oam-kubernetes-runtime"
    plane.kubectl("create", "clusterrolebinding", "test", f"--clusterrole={role}", "--user=runtime")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"ports": [{"port": 80}]},
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    disk = {"name": "data", "mountPath": "/data", "disk": {"required": "1Mi"}}
    little = {"required": "1"}
    container = {
        "name": "main",
        "image": "nginx",
        "ports": [{"name": "http", "containerPort": 80}],
        "config": [{"path": "/etc/x", "value": "y"}],
        "resources": {"cpu": little, "memory": little, "volumes": [disk]},
    }
    core = oam("ContainerizedWorkload", "core", {"containers": [container]})
    trait = {"trait": oam("ManualScalerTrait", "scaler", {"replicaCount": 2})}

    async def test(on: Scene) -> None:
        entry = {"componentName": "web", "traits": [{"trait": service}]}
        await on.create(component(deployment()), application(entry))
        await on.create(component(secret, name="secret"))
        await on.create(application({"componentName": "secret"}, name="forbidden"))
        async with runtime(plane, kubeconfig=plane.kubeconfig_for("runtime-token")):
            await on.synced()
            assert await on.get(DEPLOYMENTS, "web")
            message = await on.failed("secrets", name="forbidden")
            assert 'cannot apply workload "s"' in message
            assert "forbidden" in message
            # The core workload and trait, with all that they can be made into.
            await on.create(component(core, name="core"))
            await on.create(application({"componentName": "core", "traits": [trait]}, name="core"))
            await on.there(DEPLOYMENTS, "core", lambda obj: obj["spec"]["replicas"] == 2)
            await on.there(SCALERS, "scaler", lambda obj: condition(obj)["status"] == "True")
            await on.there(WORKLOADS, "core", lambda obj: condition(obj)["status"] == "True")
            await on.client.delete(APPLICATION_CONFIGURATIONS, "app", on.namespace)
            await on.gone(DEPLOYMENTS, "web")

    try:
        play(plane, test, with_runtime=False)
        definitions = plane.kubectl("get", "workloaddefinitions,traitdefinitions,scopedefinitions")
        assert "healthscopes.core.oam.dev" in definitions
    finally:
        helm(plane, "uninstall", "oam", "--namespace=oam-system")
        plane.kubectl("delete", "clusterrolebinding", "test")
