"""The client and the informer against a server that behaves oddly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from support.apiserver import free_ports

from oamkit.errors import ApiError, ClusterError
from oamkit.kube import Client, Connection, Discovery, Informer, Resource

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def pod(name: str, version: int, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "a", "uid": name, "resourceVersion": str(version)}
    return {"metadata": metadata | more}


def pods(version: int, *items: dict[str, Any], token: str = "") -> web.Response:
    return web.json_response(
        {"metadata": {"resourceVersion": str(version), "continue": token}, "items": list(items)}
    )


def status(code: int, reason: str, message: str = "no", **headers: str) -> web.Response:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code, headers=headers)


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


async def stream(request: web.Request, *parts: bytes, hold: bool = False) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    if hold:
        await asyncio.sleep(60)
    return response


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_ports(1)[0]
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with Client(Connection(f"http://127.0.0.1:{port}")) as client:
            yield client
    finally:
        await runner.cleanup()


@asynccontextmanager
async def following(client: Client) -> AsyncIterator[tuple[Informer, list[str]]]:
    informer = Informer(client, PODS)
    seen: list[str] = []
    informer.subscribe(
        lambda kind, old, new: seen.append(f"{kind} {(new or old or {})['metadata']['name']}")
    )
    informer.start()
    try:
        yield informer, seen
    finally:
        await informer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is on the other side of a socket
            await asyncio.sleep(0.01)


def test_too_many_requests_are_sent_again_after_the_time_that_the_server_asks_for() -> None:
    calls = 0

    async def handler(_: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls < 3:
            return status(429, "TooManyRequests", **{"Retry-After": "0"})
        return web.json_response({"ok": True})

    async def main() -> None:
        async with server(handler) as client:
            assert await client.request("POST", "/x", body={}) == {"ok": True}

    asyncio.run(main())
    assert calls == 3


def test_an_error_of_the_server_is_not_sent_again() -> None:
    calls = 0

    async def handler(_: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return web.Response(status=500, text="out of order")

    async def main() -> None:
        async with server(handler) as client:
            with pytest.raises(ApiError, match="HTTP 500 out of order"):
                await client.request("POST", "/x", body={})

    asyncio.run(main())
    assert calls == 1


def test_a_server_that_is_not_there_is_a_cluster_error_with_a_hint() -> None:
    async def main() -> None:
        async with Client(Connection(f"http://127.0.0.1:{free_ports(1)[0]}")) as client:
            with pytest.raises(ClusterError, match="can't be reached") as error:
                await client.request("POST", "/x", body={})
            assert error.value.hint

    asyncio.run(main())


def test_a_server_that_does_not_answer_is_a_cluster_error() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async def main() -> None:
        async with server(handler) as client:
            with pytest.raises(ClusterError, match="didn't answer in time"):
                await client.request("GET", "/x", timeout=0.05)

    asyncio.run(main())


def test_a_list_whose_pages_expire_is_read_again_in_one_piece() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "continue" in request.query:
            return status(410, "Expired")
        if "limit" in request.query:
            return pods(5, pod("a", 1), token="next")
        return pods(6, pod("a", 1), pod("b", 2))

    async def main() -> None:
        async with server(handler) as client:
            listed = await client.list(PODS)
            assert [obj["metadata"]["name"] for obj in listed["items"]] == ["a", "b"]

    asyncio.run(main())


def test_a_dropped_watch_goes_on_from_the_last_version_and_half_a_line_is_dropped() -> None:
    versions: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return pods(1, pod("a", 1))
        versions.append(request.query["resourceVersion"])
        if len(versions) == 1:
            half = event("ADDED", pod("c", 3))[:20]
            response = await stream(request, event("ADDED", pod("b", 2)), half)
            assert request.transport
            request.transport.abort()
            return response
        return await stream(request, event("ADDED", pod("c", 3)), hold=True)

    async def main() -> None:
        async with server(handler) as client, following(client) as (informer, seen):
            await until(lambda: len(informer.items) == 3)
            assert seen == ["ADDED a", "ADDED b", "ADDED c"]

    asyncio.run(main())
    assert versions == ["1", "2"]


def test_lines_of_any_length_in_any_pieces_are_understood() -> None:
    long = event("ADDED", pod("b", 2, annotations={"x": "y" * 300_000}))

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return pods(1)
        pieces = [long[:7], long[7:100_000], long[100_000:] + event("ADDED", pod("c", 3))]
        return await stream(request, *pieces, hold=True)

    async def main() -> None:
        async with server(handler) as client, following(client) as (informer, _):
            await until(lambda: len(informer.items) == 2)

    asyncio.run(main())


@pytest.mark.parametrize("how", ["status", "event"])
def test_a_version_that_is_too_old_leads_to_a_new_list_that_misses_no_deletion(how: str) -> None:
    lists = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal lists
        if "watch" not in request.query:
            lists += 1
            return pods(1, pod("a", 1), pod("b", 1)) if lists == 1 else pods(9, pod("b", 8))
        if request.query["resourceVersion"] == "1":
            if how == "status":
                return status(410, "Expired")
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            return await stream(request, event("ERROR", gone))
        return await stream(request, hold=True)

    async def main() -> None:
        async with server(handler) as client, following(client) as (informer, seen):
            await until(lambda: lists == 2 and len(seen) == 4)
            assert seen == ["ADDED a", "ADDED b", "DELETED a", "MODIFIED b"]
            assert list(informer.items) == [("a", "b")]

    asyncio.run(main())


def test_an_object_made_anew_while_nobody_watched_is_a_deletion_and_a_creation() -> None:
    lists = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal lists
        if "watch" not in request.query:
            lists += 1
            return pods(1, pod("a", 1)) if lists == 1 else pods(9, pod("a", 8, uid="other"))
        if lists == 1:
            return status(410, "Expired")
        return await stream(request, hold=True)

    async def main() -> None:
        async with server(handler) as client, following(client) as (_, seen):
            await until(lambda: len(seen) == 3)
            assert seen == ["ADDED a", "DELETED a", "ADDED a"]

    asyncio.run(main())


def test_bookmarks_move_the_version_on_without_news() -> None:
    versions: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return pods(1, pod("a", 1))
        versions.append(request.query["resourceVersion"])
        if len(versions) == 1:
            return await stream(request, event("BOOKMARK", {"metadata": {"resourceVersion": "50"}}))
        return await stream(request, hold=True)

    async def main() -> None:
        async with server(handler) as client, following(client) as (_, seen):
            await until(lambda: len(versions) == 2)
            assert seen == ["ADDED a"]

    asyncio.run(main())
    assert versions == ["1", "50"]


def test_a_server_that_ends_each_watch_at_once_is_not_asked_in_a_busy_loop() -> None:
    watches = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal watches
        if "watch" not in request.query:
            return pods(1)
        watches += 1
        return await stream(request)

    async def main() -> None:
        async with server(handler) as client, following(client):
            await asyncio.sleep(1)

    asyncio.run(main())
    assert 1 <= watches <= 7


def test_a_kind_that_may_not_be_listed_is_told_and_tried_again() -> None:
    lists = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal lists
        if "watch" in request.query:
            return await stream(request, hold=True)
        lists += 1
        return status(403, "Forbidden", "pods is forbidden") if lists == 1 else pods(1)

    async def main() -> None:
        async with server(handler) as client, following(client) as (informer, _):
            await asyncio.wait_for(informer.tried.wait(), 5)
            assert informer.error
            assert informer.error.message == "pods is forbidden"
            await asyncio.wait_for(informer.synced.wait(), 5)
            assert informer.error is None

    asyncio.run(main())


def test_a_subscriber_that_fails_does_not_stop_the_others() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await stream(request, hold=True)
        return pods(1, pod("a", 1))

    async def main() -> None:
        async with server(handler) as client:
            informer = Informer(client, PODS)
            informer.subscribe(lambda *_: 1 / 0)  # type: ignore[arg-type,return-value]
            seen: list[str] = []
            informer.subscribe(lambda kind, *_: seen.append(kind))
            informer.start()
            await until(lambda: seen == ["ADDED"])
            await informer.close()

    asyncio.run(main())


def test_resync_brings_every_object_again() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await stream(request, hold=True)
        return pods(1, pod("a", 1))

    async def main() -> None:
        async with server(handler) as client:
            informer = Informer(client, PODS, resync=0.02)
            seen: list[str] = []
            informer.subscribe(lambda kind, *_: seen.append(kind))
            informer.start()
            await until(lambda: seen.count("RESYNC") >= 2)
            await informer.close()

    asyncio.run(main())


def test_discovery_understands_servers_without_aggregated_documents() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        documents: dict[str, Any] = {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {
                "kind": "APIGroupList",
                "groups": [
                    {
                        "name": "apps",
                        "preferredVersion": {"version": "v1"},
                        "versions": [
                            {"version": "v1beta1", "groupVersion": "apps/v1beta1"},
                            {"version": "v1", "groupVersion": "apps/v1"},
                        ],
                    },
                    {
                        "name": "away.dev",
                        "versions": [{"version": "v1", "groupVersion": "away.dev/v1"}],
                    },
                ],
            },
            "/api/v1": {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]},
        }
        for version in ("v1", "v1beta1"):
            documents[f"/apis/apps/{version}"] = {
                "resources": [
                    {"name": "deployments", "kind": "Deployment", "namespaced": True},
                    {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
                ]
            }
        found = documents.get(request.path)
        return web.json_response(found) if found else status(503, "ServiceUnavailable")

    async def main() -> None:
        async with server(handler) as client:
            discovery = Discovery(client)
            assert await discovery.resource_for("v1", "Pod") == PODS
            found = await discovery.by_plural("deployments", "apps")
            assert found
            assert found.version == "v1"
            assert await discovery.resource_for("apps/v1", "Scale") is None

    asyncio.run(main())
