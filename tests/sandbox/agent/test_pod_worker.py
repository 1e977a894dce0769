"""The agent on a real API server; its containers are in memory."""

import asyncio
import signal

import pytest
from memory_runtime import MemoryRuntime
from node_harness import node, put_image

from oamkit.sandbox.agent.resources import CONFIGMAPS, PODS, SECRETS, SERVICE_ACCOUNTS

pytestmark = pytest.mark.binaries


def ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


def state(pod, index=0):
    return pod["status"]["containerStatuses"][index]["state"]


async def forget(made, *names):
    for name in names or ("web",):
        await made.client.delete(PODS, name, "default", grace=0)
        await made.until(lambda pod: pod is None, name)


def test_a_pod_runs_until_it_is_deleted(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(hostname="shop", dnsPolicy="ClusterFirst")
            pod = await made.until(ready)
            assert pod["status"]["phase"] == "Running"
            assert pod["status"]["podIPs"] == [{"ip": pod["status"]["podIP"]}]
            assert pod["status"]["containerStatuses"][0]["imageID"].startswith(
                "docker.io/library/demo@sha256:"
            )
            config = made.runtime.pod_configs[pod["metadata"]["uid"]]
            assert config.hostname == "shop"
            assert config.nameservers == ("10.96.0.10",)
            folder = made.config.pods_dir / pod["metadata"]["uid"]
            assert folder.stat().st_mode & 0o777 == 0o700
            await made.client.delete(PODS, "web", "default")
            await made.until(lambda pod: pod is None)
            assert made.runtime.signals == [("main", signal.SIGTERM)]
            assert made.runtime.pod_configs == {}
            assert not folder.exists()
            assert {"Pulled", "Created", "Started", "Killing"} <= set(await made.events())

    asyncio.run(run())


def test_a_container_that_ignores_sigterm_is_killed_after_the_grace_period(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(argv=["stubborn"])
            await made.until(ready)
            await made.client.delete(PODS, "web", "default")
            await made.until(lambda pod: pod is None)
            assert made.runtime.signals == [("main", signal.SIGTERM), ("main", signal.SIGKILL)]

    asyncio.run(run())


def test_a_second_delete_shortens_the_grace_period(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(argv=["stubborn"], terminationGracePeriodSeconds=3000)
            await made.until(ready)
            await made.client.delete(PODS, "web", "default")
            await made.until(lambda pod: "deletionTimestamp" in pod["metadata"])
            await made.client.delete(PODS, "web", "default", grace=1)
            await made.until(lambda pod: pod is None)

    asyncio.run(run())


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
def test_a_pod_that_never_restarts_ends(plane, tmp_path, code, phase):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(argv=["exit", str(code)], restartPolicy="Never")
            pod = await made.until(lambda pod: pod["status"]["phase"] == phase)
            assert state(pod)["terminated"]["exitCode"] == code
            assert not ready(pod)
            await forget(made)

    asyncio.run(run())


def test_a_crash_loop_backs_off_and_shows_the_last_words(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(
                containers=[
                    {
                        "name": "main",
                        "command": ["exit", "3"],
                        "terminationMessagePath": "/words",
                    }
                ]
            )
            pod = await made.until(
                lambda pod: state(pod)["waiting"]["reason"] == "CrashLoopBackOff"
            )
            status = pod["status"]["containerStatuses"][0]
            assert status["restartCount"] == 1
            assert status["lastState"]["terminated"]["exitCode"] == 3
            config = made.runtime.by_name("main")[-1]
            assert [m.target for m in config.mounts] == ["/words"]
            assert [c.attempt for c in made.runtime.by_name("main")] == [0, 1]
            await forget(made)

    asyncio.run(run())


def test_an_image_that_is_not_there_is_named_and_used_as_soon_as_it_is(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(containers=[{"name": "main", "image": "late:v1", "command": ["run"]}])
            pod = await made.until(lambda pod: state(pod)["waiting"]["reason"] == "ErrImagePull")
            message = state(pod)["waiting"]["message"]
            assert "no registry" in message
            assert "demo" in message
            await made.until(lambda pod: state(pod)["waiting"]["reason"] == "ImagePullBackOff")
            put_image(made.config.images_dir, "late:v1")
            await made.until(ready)
            await forget(made)

    asyncio.run(run())


def test_a_container_whose_image_is_changed_starts_anew_in_the_same_pod(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            put_image(made.config.images_dir, "second:v1")
            await made.create()
            before = await made.until(ready)
            before["spec"]["containers"][0]["image"] = "second:v1"
            await made.client.update(PODS, before)
            after = await made.until(
                lambda pod: (
                    pod["status"]["containerStatuses"][0]["restartCount"] == 1
                    and ready(pod)
                    and pod
                )
            )
            assert after["metadata"]["uid"] == before["metadata"]["uid"]
            assert after["status"]["podIP"] == before["status"]["podIP"]
            assert "second@sha256:" in after["status"]["containerStatuses"][0]["imageID"]
            killing = (await made.events())["Killing"]
            assert killing["message"] == "Container main definition changed, will be restarted"
            await forget(made)

    asyncio.run(run())


def test_init_containers_and_sidecars_start_in_order_and_stop_in_reverse(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(
                initContainers=[
                    {"name": "first", "command": ["exit", "0"]},
                    {"name": "side", "command": ["run"], "restartPolicy": "Always"},
                ]
            )
            pod = await made.until(ready)
            assert [key[1] for key in made.runtime.starts] == ["first", "side", "main"]
            assert [s["ready"] for s in pod["status"]["initContainerStatuses"]] == [True, True]
            await made.client.delete(PODS, "web", "default")
            await made.until(lambda pod: pod is None)
            assert [name for name, _ in made.runtime.signals] == ["main", "side"]

    asyncio.run(run())


def test_a_missing_configmap_holds_the_container_back_until_it_is_there(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            ref = {"configMapKeyRef": {"name": "late", "key": "colour"}}
            env = [{"name": "COLOUR", "valueFrom": ref}]
            await made.create(containers=[{"name": "main", "command": ["run"], "env": env}])
            pod = await made.until(
                lambda pod: state(pod)["waiting"]["reason"] == "CreateContainerConfigError"
            )
            assert state(pod)["waiting"]["message"] == 'configmap "late" not found'
            late = {"metadata": {"name": "late", "namespace": "default"}, "data": {"colour": "red"}}
            await made.client.create(CONFIGMAPS, late)
            await made.until(ready)
            assert made.runtime.by_name("main")[0].env["COLOUR"] == "red"
            await forget(made)
            await made.client.delete(CONFIGMAPS, "late", "default")

    asyncio.run(run())


def test_a_mounted_secret_follows_its_object_and_goes_with_the_pod(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            secret = {"metadata": {"name": "s", "namespace": "default"}, "stringData": {"a": "1"}}
            await made.client.create(SECRETS, secret)
            pod = await made.create(
                containers=[
                    {
                        "name": "main",
                        "command": ["run"],
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ],
                volumes=[{"name": "v", "secret": {"secretName": "s"}}],
                restartPolicy="Never",
            )
            await made.until(ready)
            mount = made.runtime.by_name("main")[0].mounts[0]
            assert (mount.target, mount.read_only) == ("/v", True)
            assert (mount.source / "a").read_text() == "1"
            await made.client.merge_patch(SECRETS, "s", {"stringData": {"a": "2"}}, "default")
            await made.eventually(lambda: (mount.source / "a").read_text() == "2")
            made.runtime.end("main", 0)
            await made.until(lambda pod: pod["status"]["phase"] == "Succeeded")
            volumes = made.config.pods_dir / pod["metadata"]["uid"] / "volumes"
            await made.eventually(lambda: not volumes.exists())
            await forget(made)
            await made.client.delete(SECRETS, "s", "default")

    asyncio.run(run())


def test_a_projected_token_is_bound_to_the_pod(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            account = {"metadata": {"name": "robot", "namespace": "default"}}
            await made.client.create(SERVICE_ACCOUNTS, account)
            token = {"serviceAccountToken": {"path": "token", "audience": "x"}}
            mounts = [{"name": "v", "mountPath": "/v"}]
            await made.create(
                serviceAccountName="robot",
                containers=[{"name": "main", "command": ["run"], "volumeMounts": mounts}],
                volumes=[{"name": "v", "projected": {"sources": [token]}}],
            )
            await made.until(ready)
            file = made.runtime.by_name("main")[0].mounts[0].source / "token"
            assert file.read_text().count(".") == 2
            assert file.stat().st_mode & 0o777 == 0o600
            await forget(made)
            await made.client.delete(SERVICE_ACCOUNTS, "robot", "default")

    asyncio.run(run())


def test_a_claim_keeps_the_pod_waiting_and_says_why(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            volume = {"name": "d", "persistentVolumeClaim": {"claimName": "c"}}
            await made.create(volumes=[volume])
            pod = await made.until(lambda pod: state(pod)["waiting"].get("message"))
            assert "persistentVolumeClaim" in pod
            await forget(made)
            assert "persistentVolumeClaim" in (await made.events())["FailedMount"]["message"]

    asyncio.run(run())


def test_liveness_restarts_and_readiness_takes_out_of_service(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            failing = {
                "exec": {"command": ["fail", "1"]},
                "periodSeconds": 1,
                "failureThreshold": 1,
            }
            await made.create(
                containers=[
                    {"name": "sick", "command": ["run"], "livenessProbe": failing},
                    {"name": "busy", "command": ["run"], "readinessProbe": failing},
                ]
            )
            pod = await made.until(
                lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] >= 1
            )
            assert pod["status"]["containerStatuses"][1]["ready"] is False
            assert ("sick", signal.SIGTERM) in made.runtime.signals
            await forget(made)
            assert "probe failed" in (await made.events())["Unhealthy"]["message"]

    asyncio.run(run())


def test_a_pod_over_its_deadline_fails_as_a_whole(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path) as made:
            await made.create(activeDeadlineSeconds=1)
            pod = await made.until(lambda pod: pod["status"]["phase"] == "Failed")
            assert pod["status"]["reason"] == "DeadlineExceeded"
            await forget(made)

    asyncio.run(run())


def test_a_new_agent_takes_over_what_runs_and_removes_what_was_deleted(plane, tmp_path):
    async def run():
        runtime = MemoryRuntime()
        async with node(plane, tmp_path, runtime, "again") as made:
            await made.create("stays")
            await made.create("goes", containers=[{"name": "other", "command": ["run"]}])
            before = await made.until(ready, "stays")
            gone = await made.until(ready, "goes")
        assert runtime.signals == []
        async with node(plane, tmp_path, MemoryRuntime(), "elsewhere") as made:
            await made.client.delete(PODS, "goes", "default", grace=0)
        async with node(plane, tmp_path, runtime, "again") as made:
            await made.until(ready, "stays")
            assert len(runtime.by_name("main")) == 1
            left = made.config.pods_dir / gone["metadata"]["uid"]
            await made.eventually(lambda: not left.exists())
            assert gone["metadata"]["uid"] not in runtime.pod_configs
            runtime.end("main", 1)
            pod = await made.until(
                lambda pod: (
                    pod["status"]["containerStatuses"][0]["restartCount"] == 1 and ready(pod)
                ),
                "stays",
            )
            assert pod["status"]["podIP"] == before["status"]["podIP"]
            await forget(made, "stays")

    asyncio.run(run())


def test_after_the_machine_was_restarted_pods_are_set_up_again(plane, tmp_path):
    async def run():
        async with node(plane, tmp_path, MemoryRuntime(), "reborn") as made:
            await made.create()
            await made.create("once", restartPolicy="Never")
            await made.until(ready)
            await made.until(ready, "once")
        async with node(plane, tmp_path, MemoryRuntime(), "reborn") as made:
            pod = await made.until(
                lambda pod: (
                    pod["status"]["containerStatuses"][0]["restartCount"] == 1 and ready(pod)
                )
            )
            last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
            assert last["reason"] == "ContainerStatusUnknown"
            await made.until(lambda pod: pod["status"]["phase"] == "Failed", "once")
            await forget(made, "web", "once")

    asyncio.run(run())
