"""The Service proxy, on addresses of the loopback range."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cluster_objects import Cache, endpoint, endpoint_slice, port, service

from oamkit.sandbox import services as services_module
from oamkit.sandbox.balance import Balancer
from oamkit.sandbox.services import Frontend, ServiceProxy, frontends

HOST = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.1"
"""An address of this test run alone, as ClusterIP."""
OTHER = HOST.removesuffix(".1") + ".2"


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await test()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    asyncio.run(limited(), debug=False)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    """A server that says its name, then echoes; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{name}\n".encode())
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def proxy(
    services: Cache, slices: Cache, real: dict[str, tuple[str, int]], **further: Any
) -> AsyncIterator[ServiceProxy]:
    made = ServiceProxy(
        services, slices, resolve=lambda ip, port: real.get(ip, (ip, port)), **further
    )
    await made.start()
    try:
        yield made
    finally:
        await made.close()
        await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def ask(number: int, host: str = HOST, source: str | None = None) -> str:
    """Return the name that the server behind an address says."""
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(host, number, local_addr=local)
    try:
        return (await reader.readline()).decode().strip()
    finally:
        await end(writer)


async def refused(number: int, host: str = HOST) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, number)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # the listener closed before it accepted
        return False
    await end(writer)
    return False


async def said(number: int) -> str:
    """Return what :func:`ask` does, or nothing while nobody answers."""
    with contextlib.suppress(ConnectionError):
        return await ask(number)
    return ""


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def web(number: int, **spec: Any) -> dict[str, Any]:
    return service("web", HOST, port(number, "http", targetPort="named"), **spec)


def web_slice(*endpoints: dict[str, Any], suffix: str = "x") -> dict[str, Any]:
    return endpoint_slice("web", [port(8080, "http")], *endpoints, suffix=suffix)


def test_a_service_reaches_its_ready_endpoints_in_turn() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one, backend("two") as two:
            slices = Cache(
                web_slice(endpoint("10.244.0.2"), endpoint("10.244.0.4", ready=False)),
                web_slice(endpoint("10.244.0.3", ready=None), suffix="y"),
            )
            real = {"10.244.0.2": ("127.0.0.1", one), "10.244.0.3": ("127.0.0.1", two)}
            async with proxy(Cache(web(number)), slices, real):
                assert [await ask(number) for _ in range(4)] == ["one", "two", "one", "two"]

    run(test)


def test_much_data_passes_both_ways_and_a_half_close_is_passed_on() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            async with proxy(Cache(web(number)), slices, {"10.244.0.2": ("127.0.0.1", one)}):
                reader, writer = await asyncio.open_connection(HOST, number)
                sent = os.urandom(4_000_000)

                async def send() -> None:
                    writer.write(sent)
                    await writer.drain()
                    writer.write_eof()

                _, received = await asyncio.gather(send(), reader.read(-1))
                assert received == b"one\n" + sent
                await end(writer)

    run(test)


def test_a_service_without_ready_endpoints_refuses_at_once_and_works_once_one_is_ready() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2", ready=False)))
            async with proxy(Cache(web(number)), slices, {"10.244.0.2": ("127.0.0.1", one)}):
                assert await refused(number)
                slices.put(web_slice(endpoint("10.244.0.2")))

                async def answers() -> bool:
                    return await said(number) == "one"

                await until(answers)
                slices.remove("web-x")
                await until(lambda: refused(number))

    run(test)


def test_an_edit_of_the_service_moves_its_listener() -> None:
    async def test() -> None:
        before, after = free_port(), free_port()
        async with backend("one") as one:
            services = Cache(web(before))
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            async with proxy(services, slices, {"10.244.0.2": ("127.0.0.1", one)}):
                assert await ask(before) == "one"
                services.put(web(after))
                await until(lambda: refused(before))
                assert await ask(after) == "one"

    run(test)


def test_a_connection_outlives_its_service() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one:
            services = Cache(web(number))
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            async with proxy(services, slices, {"10.244.0.2": ("127.0.0.1", one)}):
                reader, writer = await asyncio.open_connection(HOST, number)
                assert await reader.readline() == b"one\n"
                services.remove("web")
                await until(lambda: refused(number))
                writer.write(b"still here\n")
                assert await reader.readline() == b"still here\n"
                await end(writer)

    run(test)


def test_closing_the_proxy_ends_the_connections_that_stand() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            real = {"10.244.0.2": ("127.0.0.1", one)}
            async with proxy(Cache(web(number)), slices, real) as made:
                reader, writer = await asyncio.open_connection(HOST, number)
                assert await reader.readline() == b"one\n"
                await made.close()
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                await end(writer)

    run(test)


def test_an_address_may_go_from_one_service_to_another() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one, backend("two") as two:
            services = Cache(web(number))
            slices = Cache(
                web_slice(endpoint("10.244.0.2")),
                endpoint_slice("shop", [port(80)], endpoint("10.244.0.3")),
            )
            real = {"10.244.0.2": ("127.0.0.1", one), "10.244.0.3": ("127.0.0.1", two)}
            async with proxy(services, slices, real):
                assert await ask(number) == "one"
                services.remove("web")
                services.put(service("shop", HOST, port(number)))

                async def two_answers() -> bool:
                    return await said(number) == "two"

                await until(two_answers)

    run(test)


def test_an_endpoint_that_just_ended_is_passed_over() -> None:
    async def test() -> None:
        number, dead = free_port(), free_port()
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2"), endpoint("10.244.0.3")))
            real = {"10.244.0.2": (HOST, dead), "10.244.0.3": ("127.0.0.1", one)}
            async with proxy(Cache(web(number)), slices, real):
                assert [await ask(number) for _ in range(3)] == ["one"] * 3

    run(test)


def test_a_client_is_reset_when_no_endpoint_answers() -> None:
    async def test() -> None:
        number, dead = free_port(), free_port()
        slices = Cache(web_slice(endpoint("10.244.0.2")))
        async with proxy(Cache(web(number)), slices, {"10.244.0.2": (HOST, dead)}):
            with pytest.raises(ConnectionResetError):
                await ask(number)

    run(test)


def test_client_ip_affinity_keeps_a_client_at_one_endpoint() -> None:
    async def test() -> None:
        number = free_port()
        async with backend("one") as one, backend("two") as two:
            slices = Cache(web_slice(endpoint("10.244.0.2"), endpoint("10.244.0.3")))
            real = {"10.244.0.2": ("127.0.0.1", one), "10.244.0.3": ("127.0.0.1", two)}
            sticky = web(number, sessionAffinity="ClientIP")
            async with proxy(Cache(sticky), slices, real):
                first = {await ask(number, source=HOST) for _ in range(4)}
                second = {await ask(number, source=OTHER) for _ in range(4)}
                assert [first, second] == [{"one"}, {"two"}]

    run(test)


def test_a_node_port_is_served_at_the_node() -> None:
    async def test() -> None:
        number, node_port = free_port(), free_port()
        exposed = service("web", HOST, port(number, "http", nodePort=node_port), type="NodePort")
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            real = {"10.244.0.2": ("127.0.0.1", one)}
            async with proxy(Cache(exposed), slices, real, node_ip=OTHER):
                assert await ask(node_port, OTHER) == "one"
                assert await ask(number) == "one"

    run(test)


def test_a_taken_address_is_logged_once_and_served_when_it_is_free(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_module, "RETRY_SECONDS", 0.02)
    caplog.set_level(logging.WARNING)

    async def test() -> None:
        number = free_port()
        taker = socket.create_server((HOST, number))
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            async with proxy(Cache(web(number)), slices, {"10.244.0.2": ("127.0.0.1", one)}):
                await asyncio.sleep(0.1)  # time for some attempts: each of them would log
                taker.close()

                async def answers() -> bool:
                    return await said(number) == "one"

                await until(answers)

    run(test)
    assert [record.getMessage().partition(" at ")[0] for record in caplog.records] == [
        "Service default/web can't be served"
    ]


def test_a_service_that_cannot_be_understood_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        number = free_port()
        broken = service("broken", HOST, {"name": "no-number"})
        async with backend("one") as one:
            slices = Cache(web_slice(endpoint("10.244.0.2")))
            services = Cache(broken, web(number))
            async with proxy(services, slices, {"10.244.0.2": ("127.0.0.1", one)}):
                assert await ask(number) == "one"

    run(test)
    assert "Service default/broken can't be served" in caplog.text


def test_datagrams_reach_an_endpoint_and_its_answers_come_back() -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(b"echo " + data, addr)

    async def test() -> None:
        number = free_port()
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        where = server.get_extra_info("sockname")
        services = Cache(service("dns", HOST, port(number, "dns", "UDP")))
        slices = Cache(endpoint_slice("dns", [port(53, "dns", "UDP")], endpoint("10.244.0.2")))
        async with proxy(services, slices, {"10.244.0.2": where}):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.setblocking(False)
                await loop.sock_connect(client, (HOST, number))
                for text in (b"a", b"b"):
                    await loop.sock_sendall(client, text)
                    assert await loop.sock_recv(client, 100) == b"echo " + text
        server.close()

    run(test)


@pytest.mark.parametrize(
    "obj",
    [
        service("headless", "None", port(80)),
        service("external", "", type="ExternalName", externalName="example.com"),
        service("six", "fd00::1", port(80)),
        service("sctp", "10.96.0.7", port(80, protocol="SCTP")),
    ],
)
def test_services_without_an_address_of_ours_have_no_frontend(obj: dict[str, Any]) -> None:
    assert frontends(obj) == {}


def test_node_ports_are_left_out_where_the_node_has_no_address() -> None:
    obj = service("web", "10.96.0.7", port(80, "http", nodePort=30080))
    assert list(frontends(obj)) == [Frontend("10.96.0.7", 80, "TCP")]


def test_affinity_ends_after_its_time() -> None:
    now = 0.0
    backends = [("a", 1), ("b", 1)]
    balancer = Balancer(backends, 10.0, clock=lambda: now)
    balancer.remember("client", ("b", 1))
    now = 9.0
    assert balancer.candidates("client")[0] == ("b", 1)
    now = 11.0
    assert balancer.candidates("client")[0] == ("a", 1)


def test_affinity_to_an_endpoint_that_is_gone_is_dropped() -> None:
    balancer = Balancer([("a", 1)], 10.0)
    balancer.remember("client", ("b", 1))
    assert balancer.candidates("client") == [("a", 1)]


def test_a_bounded_number_of_clients_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oamkit.sandbox.balance.MAX_CLIENTS", 2)
    balancer = Balancer([("a", 1), ("b", 1)], 10.0)
    for client in ("one", "two", "three"):
        balancer.remember(client, ("b", 1))
    assert [balancer.candidates(c)[0][0] for c in ("three", "two", "one")] == ["b", "b", "a"]
