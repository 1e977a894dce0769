"""The client against a real kube-apiserver."""

from __future__ import annotations

import asyncio
import gc
import uuid
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.client_proto import ResponseHandler
from support.apiserver import ControlPlane

from oamkit.errors import ApiError
from oamkit.kube import Client, Connection, Discovery, Informer, Resource

pytestmark = pytest.mark.binaries

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


@asynccontextmanager
async def fresh_namespace(plane: ControlPlane) -> AsyncIterator[tuple[Client, str]]:
    name = f"t-{uuid.uuid4().hex[:8]}"
    async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
        await client.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
        yield client, name


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it is in the cluster
            await asyncio.sleep(0.01)


def run(plane: ControlPlane, test: Callable[[Client, str], Awaitable[None]]) -> None:
    async def main() -> None:
        async with fresh_namespace(plane) as (client, namespace):
            await test(client, namespace)

    asyncio.run(main())


def test_objects_are_created_read_changed_and_deleted(plane: ControlPlane) -> None:
    async def test(client: Client, ns: str) -> None:
        made = await client.create(CONFIG_MAPS, config_map(ns, "a", x="1"))
        assert (await client.get(CONFIG_MAPS, "a", ns))["data"] == {"x": "1"}
        made["data"] = {"x": "2"}
        changed = await client.update(CONFIG_MAPS, made)
        with pytest.raises(ApiError) as conflict:
            await client.update(CONFIG_MAPS, made)
        assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")
        patched = await client.merge_patch(CONFIG_MAPS, "a", {"data": {"x": None, "y": "3"}}, ns)
        assert patched["data"] == {"y": "3"}
        operations = [{"op": "replace", "path": "/data/y", "value": "4"}]
        assert (await client.json_patch(CONFIG_MAPS, "a", operations, ns))["data"] == {"y": "4"}
        with pytest.raises(ApiError) as other_uid:
            await client.delete(CONFIG_MAPS, "a", ns, uid="11111111-0000-0000-0000-000000000000")
        assert other_uid.value.status == 409
        await client.delete(CONFIG_MAPS, "a", ns, uid=changed["metadata"]["uid"])
        with pytest.raises(ApiError) as gone:
            await client.get(CONFIG_MAPS, "a", ns)
        assert (gone.value.status, gone.value.reason) == (404, "NotFound")
        assert gone.value.details == {"name": "a", "kind": "configmaps"}

    run(plane, test)


def test_server_side_apply_keeps_fields_apart_and_takes_them_over_by_force(
    plane: ControlPlane,
) -> None:
    async def test(client: Client, ns: str) -> None:
        await client.apply(CONFIG_MAPS, config_map(ns, "a", x="1"), field_manager="one")
        both = await client.apply(CONFIG_MAPS, config_map(ns, "a", y="2"), field_manager="two")
        assert both["data"] == {"x": "1", "y": "2"}
        with pytest.raises(ApiError) as conflict:
            await client.apply(CONFIG_MAPS, config_map(ns, "a", x="9"), field_manager="two")
        assert conflict.value.status == 409
        taken = await client.apply(
            CONFIG_MAPS, config_map(ns, "a", x="9"), field_manager="two", force=True
        )
        assert taken["data"] == {"x": "9"}

    run(plane, test)


def test_a_list_of_several_pages_is_complete(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oamkit.kube.client.PAGE", 3)

    async def test(client: Client, ns: str) -> None:
        for number in range(8):
            await client.create(CONFIG_MAPS, config_map(ns, f"m{number}"))
        listed = await client.list(CONFIG_MAPS, ns)
        assert sorted(obj["metadata"]["name"] for obj in listed["items"]) == [
            f"m{number}" for number in range(8)
        ]
        assert {obj["kind"] for obj in listed["items"]} == {"ConfigMap"}

    run(plane, test)


def test_11_3_a6_discovery_finds_kinds_by_name_and_plural(plane: ControlPlane) -> None:
    async def test(client: Client, ns: str) -> None:
        discovery = Discovery(client)
        assert await discovery.resource_for("apps/v1", "Deployment") == Resource(
            "apps", "v1", "deployments", "Deployment", namespaced=True
        )
        assert await discovery.resource_for("v1", "ConfigMap") == CONFIG_MAPS
        assert await discovery.by_plural("namespaces", "") == NAMESPACES
        assert await discovery.serves("networking.k8s.io/v1", "Ingress")
        assert not await discovery.serves("extensions/v1beta1", "Ingress")

    run(plane, test)


def test_11_3_a6_discovery_finds_a_kind_that_was_added_later(plane: ControlPlane) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "cars.test.oamkit.dev"},
        "spec": {
            "group": "test.oamkit.dev",
            "scope": "Namespaced",
            "names": {"plural": "cars", "kind": "Car"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    crds = Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "X", namespaced=False
    )

    async def test(client: Client, ns: str) -> None:
        discovery = Discovery(client, refresh_seconds=0.05)
        assert not await discovery.serves("test.oamkit.dev/v1", "Car")
        await client.create(crds, crd)
        async with asyncio.timeout(20):
            while not await discovery.serves("test.oamkit.dev/v1", "Car"):  # noqa: ASYNC110 - it is in the cluster
                await asyncio.sleep(0.02)

    run(plane, test)


def test_11_4_76_a_plural_means_the_preferred_version_or_the_one_that_is_named(
    plane: ControlPlane,
) -> None:
    async def test(client: Client, ns: str) -> None:
        discovery = Discovery(client)
        for version, wanted in (("", "v2"), ("v2", "v2"), ("v1", "v1")):
            found = await discovery.by_plural("horizontalpodautoscalers", "autoscaling", version)
            assert found is not None
            assert (found.kind, found.api_version) == (
                "HorizontalPodAutoscaler",
                f"autoscaling/{wanted}",
            )
        assert await discovery.by_plural("horizontalpodautoscalers", "autoscaling", "v9") is None

    run(plane, test)


def test_an_informer_follows_every_change(plane: ControlPlane) -> None:
    async def test(client: Client, ns: str) -> None:
        await client.create(CONFIG_MAPS, config_map(ns, "before"))
        informer = Informer(client, CONFIG_MAPS, namespace=ns)
        seen: list[tuple[str, str]] = []
        informer.subscribe(
            lambda kind, old, new: seen.append((kind, (new or old or {})["metadata"]["name"]))
        )
        informer.start()
        try:
            await asyncio.wait_for(informer.synced.wait(), 10)
            assert seen == [("ADDED", "before")]
            await client.create(CONFIG_MAPS, config_map(ns, "a"))
            await client.merge_patch(CONFIG_MAPS, "a", {"data": {"x": "1"}}, ns)
            await client.delete(CONFIG_MAPS, "a", ns)
            await until(lambda: ("DELETED", "a") in seen)
            assert seen[1:] == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
            assert list(informer.items) == [(ns, "before")]
        finally:
            await informer.close()

    run(plane, test)


def test_closing_an_idle_informer_takes_no_time(plane: ControlPlane) -> None:
    async def test(client: Client, ns: str) -> None:
        informer = Informer(client, CONFIG_MAPS, namespace=ns)
        informer.start()
        await asyncio.wait_for(informer.synced.wait(), 10)
        async with asyncio.timeout(1):
            await informer.close()

    run(plane, test)


def test_an_informer_outlives_a_crash_of_the_server(plane: ControlPlane) -> None:
    async def test(client: Client, ns: str) -> None:
        informer = Informer(client, CONFIG_MAPS, namespace=ns)
        informer.start()
        try:
            await asyncio.wait_for(informer.synced.wait(), 10)
            await asyncio.to_thread(plane.stop_api_server)
            await asyncio.to_thread(plane.start_api_server)
            await client.create(CONFIG_MAPS, config_map(ns, "after"))
            await until(lambda: (ns, "after") in informer.items)
        finally:
            await informer.close()

    run(plane, test)


def test_a_wrong_token_is_an_api_error(plane: ControlPlane) -> None:
    config = plane.kubeconfig.read_text().replace("admin-token", "wrong-token")
    path = plane.folder / "wrong.kubeconfig"
    path.write_text(config)

    async def main() -> Coroutine[Any, Any, None] | None:
        async with Client(Connection.from_kubeconfig(path)) as client:
            with pytest.raises(ApiError) as refused:
                await client.list(NAMESPACES)
            assert refused.value.status == 401
        return None

    asyncio.run(main())


def test_a_request_that_is_cancelled_just_when_it_is_connected_leaves_no_connection(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = ResponseHandler.connection_made

    async def main() -> None:
        async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
            request = asyncio.create_task(client.request("GET", "/version"))

            def made(self: ResponseHandler, transport: asyncio.BaseTransport) -> None:
                connected(self, transport)
                request.cancel()

            monkeypatch.setattr(ResponseHandler, "connection_made", made)
            # As if the server didn't answer a goodbye.
            monkeypatch.setattr("asyncio.sslproto.SSLProtocol._do_shutdown", lambda self: None)
            with pytest.raises(asyncio.CancelledError):
                await request
            monkeypatch.undo()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(3):
            asyncio.run(main())
            gc.collect()
    assert [str(each.message) for each in told] == []
