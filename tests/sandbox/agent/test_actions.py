import asyncio
import struct

import pytest
from memory_runtime import MemoryRuntime

from oamkit.sandbox.agent.actions import Target, perform
from oamkit.sandbox.agent.grpc_health import request_bytes

CONTAINER = {"name": "main", "ports": [{"name": "http", "containerPort": 8080}]}


def outcome(action, serve=None, seconds=5.0):
    async def run():
        runtime = MemoryRuntime()
        server = None
        if serve is not None:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            runtime.ports[8080] = server.sockets[0].getsockname()[1]
        else:
            runtime.ports[8080] = 1
        try:
            return await perform(Target(runtime, "uid", CONTAINER, "10.244.0.9"), action, seconds)
        finally:
            if server is not None:
                server.close()
                await server.wait_closed()

    return asyncio.run(run())


def answering(*answers):
    """A server that gives one answer after the other, and keeps the requests."""
    rest, requests = list(answers), []

    async def serve(reader, writer):
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(rest.pop(0))
        writer.close()
        await writer.wait_closed()

    return serve, requests


@pytest.mark.parametrize(
    ("head", "ok"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/", True),
        (b"HTTP/1.1 404 Not Found", False),
        (b"HTTP/1.1 500 Oops", False),
    ],
)
def test_an_http_probe_goes_by_the_status_code(head, ok):
    serve, requests = answering(head + b"\r\n\r\n")
    headers = [{"name": "Host", "value": "shop.example"}, {"name": "X-Probe", "value": "1"}]
    action = {"httpGet": {"path": "/healthz?x=1", "port": "http", "httpHeaders": headers}}
    result = outcome(action, serve)
    assert result.ok is ok
    assert ok or result.message == f"HTTP probe failed with statuscode: {head.split()[1].decode()}"
    assert requests[0].startswith(b"GET /healthz?x=1 HTTP/1.1\r\nhost: shop.example\r\n")
    assert b"x-probe: 1" in requests[0]


def test_an_http_probe_follows_its_own_server():
    moved = b"HTTP/1.1 301 Moved\r\nLocation: /new\r\n\r\n"
    serve, requests = answering(moved, b"HTTP/1.1 503 Busy\r\n\r\n")
    assert not outcome({"httpGet": {"port": 8080}}, serve).ok
    assert requests[1].startswith(b"GET /new ")


def test_a_refused_connection_is_told_as_the_kubelet_does():
    result = outcome({"httpGet": {"port": "http", "path": "/"}})
    assert result.message.endswith("dial tcp 10.244.0.9:8080: connect: connection refused")
    assert not outcome({"tcpSocket": {"port": 8080}}).ok


def test_what_is_no_http_is_a_failure():
    serve, _ = answering(b"SSH-2.0\r\n\r\n")
    assert "malformed HTTP response" in outcome({"httpGet": {"port": 8080}}, serve).message


def test_a_server_that_says_nothing_times_out():
    async def serve(reader, writer):
        await reader.read()
        writer.close()

    assert "deadline" in outcome({"httpGet": {"port": 8080}}, serve, seconds=0.1).message


def test_an_open_port_is_enough_for_a_tcp_probe():
    async def serve(_, writer):
        writer.close()

    assert outcome({"tcpSocket": {"port": "http"}}, serve).ok


def test_an_exec_probe_goes_by_the_exit_code():
    assert outcome({"exec": {"command": ["true"]}}).ok
    failed = outcome({"exec": {"command": ["fail", "2"]}})
    assert (failed.ok, failed.message) == (False, "fail 2")
    assert "timed out" in outcome({"exec": {"command": ["hang"]}}, seconds=0.05).message


@pytest.mark.parametrize(("state", "ok"), [(1, True), (2, False), (None, False)])
def test_a_grpc_probe_reads_the_health_service(state, ok):
    async def serve(reader, writer):
        await reader.readexactly(len(request_bytes("10.244.0.9:8080", "shop")))
        message = b"" if state is None else bytes([0, 0, 0, 0, 2, 8, state])
        for kind, flags, stream, payload in (
            (4, 0, 0, b""),
            (1, 4, 1, b"\x88"),
            (0, 0, 1, message),
            (1, 5, 1, b""),
        ):
            head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
            writer.write(head + payload)
        await reader.read()
        writer.close()

    assert outcome({"grpc": {"port": 8080, "service": "shop"}}, serve).ok is ok


def test_an_unknown_port_name_is_named():
    assert outcome({"tcpSocket": {"port": "metrics"}}).message == "couldn't find port: 'metrics'"
