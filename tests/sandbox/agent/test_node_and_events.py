import asyncio

import pytest
from node_harness import node_config

from oamkit.kube import Client, Connection
from oamkit.sandbox.agent.events import BURST, Recorder
from oamkit.sandbox.agent.node import NodeReporter, node_object
from oamkit.sandbox.agent.resources import EVENTS, LEASES, NODES


def test_the_node_says_what_it_is_and_what_it_is_not(tmp_path, node_facts):
    config = node_config(tmp_path, "node")
    first = node_object(config, node_facts, 1 << 40, None, now=100)
    conditions = {c["type"]: c for c in first["status"]["conditions"]}
    assert conditions["Ready"]["status"] == "True"
    assert "not isolated like containers" in conditions["ContainerIsolation"]["message"]
    assert first["status"]["declaredFeatures"] == ["ExtendWebSocketsToKubelet"]
    full = node_object(config, node_facts, 0, first, now=500)
    later = {c["type"]: c for c in full["status"]["conditions"]}
    assert later["DiskPressure"]["status"] == "True"
    assert later["DiskPressure"]["lastTransitionTime"] == "1970-01-01T00:08:20Z"
    assert later["Ready"]["lastTransitionTime"] == conditions["Ready"]["lastTransitionTime"]


@pytest.mark.binaries
def test_a_node_registers_with_a_lease_and_again_after_a_restart(plane, tmp_path, node_facts):
    async def run():
        config = node_config(tmp_path, "registered")
        config.pods_dir.mkdir()
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            await NodeReporter(client, config, node_facts).register()
            first = await client.get(NODES, "registered")
            await NodeReporter(client, config, node_facts).register()
            again = await client.get(NODES, "registered")
            assert again["metadata"]["uid"] == first["metadata"]["uid"]
            assert again["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("process://")
            lease = await client.get(LEASES, "registered", "kube-node-lease")
            assert lease["spec"]["holderIdentity"] == "registered"
            assert lease["metadata"]["ownerReferences"][0]["uid"] == first["metadata"]["uid"]
            await client.delete(NODES, "registered")
            await client.delete(LEASES, "registered", "kube-node-lease")

    asyncio.run(run())


@pytest.mark.binaries
def test_what_happens_again_raises_a_count_and_a_flood_is_dammed(plane, make_pod):
    async def run():
        pod = make_pod("flood")
        pod["metadata"]["namespace"] = "default"
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            recorder = Recorder(client, "node")
            writing = asyncio.create_task(recorder.run())
            for number in range(200):
                text = "again" if number < 3 else f"another {number}"
                recorder.emit(pod, "Warning", "BackOff", text, container="spec.containers{main}")

            async def written():
                selector = "involvedObject.name=flood"
                listed = await client.list(EVENTS, "default", field_selector=selector)
                return {event["message"]: event["count"] for event in listed["items"]}

            async with asyncio.timeout(20):
                while sum((events := await written()).values()) < BURST:  # noqa: ASYNC110 - a small wait between two lists
                    await asyncio.sleep(0.02)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            assert events["again"] == 3
            assert sum(events.values()) == BURST

    asyncio.run(run())
