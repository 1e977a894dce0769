"""The kubelet's API over TLS, asked as the API server asks; Pods and their processes are in memory."""

import asyncio
import contextlib
import json
import socket
import ssl
from types import SimpleNamespace

import aiohttp
import pytest
from memory_runtime import MemoryRuntime

from oamkit.sandbox.agent.assembly import kubelet_server
from oamkit.sandbox.agent.podpaths import PodPaths
from oamkit.sandbox.agent.spdy import DATA, SpdyCodec
from oamkit.sandbox.config import Layout, NodeConfig
from oamkit.sandbox.pki import KUBELET_CLIENT, Pki, leaves

LINES = "".join(f"2030-01-01T00:00:0{n}.000000000Z stdout F line {n}\n" for n in range(3))


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    made = Pki(tmp_path_factory.mktemp("pki"))
    made.ensure(leaves(Layout.LOOPBACK))
    return made


@pytest.fixture
def worker(tmp_path, make_pod, make_record):
    pod = make_pod(containers=[{"name": "main"}, {"name": "waiting"}])
    records = {
        "main": make_record(started=True),
        "waiting": make_record("waiting", begun=False, waiting=("ImagePullBackOff", "no")),
    }
    paths = PodPaths(tmp_path / "pod")
    log = paths.log("main", 0)
    log.parent.mkdir(parents=True)
    log.write_text(LINES)
    containers = SimpleNamespace(records=records)
    return SimpleNamespace(pod=pod, uid="uid-web", containers=containers, log=paths.log)


class Kubelet:
    def __init__(self, port, pki, runtime):
        self.port = port
        self.pki = pki
        self.runtime = runtime
        self.url = f"https://127.0.0.1:{port}"

    def context(self, identity="apiserver-kubelet"):
        context = ssl.create_default_context(cafile=str(self.pki.ca))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = False
        if identity:
            context.load_cert_chain(self.pki.cert(identity), self.pki.key(identity))
        return context

    @contextlib.asynccontextmanager
    async def session(self, identity="apiserver-kubelet"):
        connector = aiohttp.TCPConnector(ssl=self.context(identity))
        async with aiohttp.ClientSession(self.url, connector=connector) as session:
            yield session


@pytest.fixture
def on_kubelet(pki, worker, tmp_path):
    """Runs a coroutine function with a kubelet."""

    def find(namespace, name, uid=""):
        meta = worker.pod["metadata"]
        return worker if (namespace, name) == (meta["namespace"], meta["name"]) else None

    def run(test):
        async def main():
            runtime = MemoryRuntime()
            with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
                port = free.getsockname()[1]
            config = NodeConfig(
                Layout.LOOPBACK, "node", "10.244.0.1", port, tmp_path, pki.cert("kubelet"),
                pki.key("kubelet"), pki.ca, KUBELET_CLIENT, tmp_path, tmp_path, api_address="",
            )  # fmt: skip
            agent = SimpleNamespace(find=find, workers=[worker])
            async with kubelet_server(agent, runtime, config), asyncio.timeout(20):
                await test(Kubelet(port, pki, runtime))

        asyncio.run(main())

    return run


def test_nobody_gets_in_without_a_certificate(on_kubelet):
    async def test(kubelet):
        async with kubelet.session("") as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get("/healthz")

    on_kubelet(test)


def test_only_the_api_server_may_ask(on_kubelet):
    async def test(kubelet):
        async with kubelet.session("admin") as session:
            answer = await session.get("/healthz")
            assert answer.status == 403
            assert "may not use the kubelet's API" in await answer.text()
        async with kubelet.session() as session:
            assert (await session.get("/healthz")).status == 200

    on_kubelet(test)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("main", 200, "line 0\nline 1\nline 2\n"),
        ("main?tailLines=1", 200, "line 2\n"),
        ("main?tailLines=x", 422, "invalid literal"),
        ("main?previous=true", 400, 'previous terminated container "main" in pod "web" not found'),
        ("waiting", 400, 'container "waiting" in pod "web" is waiting to start: ImagePullBackOff'),
        ("nosuch", 404, 'container "nosuch" not found'),
    ],
)
def test_logs_or_why_there_are_none(on_kubelet, path, status, text):
    async def test(kubelet):
        async with kubelet.session() as session:
            answer = await session.get(f"/containerLogs/shop/web/{path}")
            assert answer.status == status
            assert text in await answer.text()
            assert (await session.get("/containerLogs/shop/no/main")).status == 404

    on_kubelet(test)


def test_a_client_that_hangs_up_while_following_breaks_nothing(on_kubelet):
    async def test(kubelet):
        async with kubelet.session() as session:
            answer = await session.get("/containerLogs/shop/web/main?follow=true")
            assert await answer.content.readline() == b"line 0\n"
            answer.close()
        before = len(asyncio.all_tasks())
        async with kubelet.session() as session:
            assert (await session.get("/healthz")).status == 200
        assert len(asyncio.all_tasks()) <= before

    on_kubelet(test)


async def frames(ws):
    """Everything that the server sends, by channel."""
    channels = {}
    async for message in ws:
        channels[message.data[0]] = channels.get(message.data[0], b"") + message.data[1:]
        if message.data[0] == 3:
            break
    return channels


def test_exec_sends_output_and_exit_code_by_channels(on_kubelet):
    async def test(kubelet):
        async with kubelet.session() as session:
            path = "/exec/shop/web/main?command=fail&command=3&output=1&error=1"
            async with session.ws_connect(path, protocols=["v5.channel.k8s.io"]) as ws:
                assert ws.protocol == "v5.channel.k8s.io"
                channels = await frames(ws)
        assert channels[1] == b"fail 3"
        status = json.loads(channels[3])
        assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
        assert kubelet.runtime.sessions[0].closed

    on_kubelet(test)


def test_exec_takes_input_sizes_and_the_end_of_input(on_kubelet):
    async def test(kubelet):
        async with kubelet.session() as session:
            path = "/exec/shop/web/main?command=cat&input=1&output=1&tty=1"
            async with session.ws_connect(path, protocols=["v5.channel.k8s.io"]) as ws:
                await ws.send_bytes(b"\x04" + json.dumps({"Width": 80, "Height": 24}).encode())
                await ws.send_bytes(b"\x04nonsense")
                await ws.send_bytes(b"\x00hello")
                await ws.send_bytes(b"\xff\x00")
                channels = await frames(ws)
        assert channels[1] == b"hello"
        assert json.loads(channels[3])["status"] == "Success"
        assert kubelet.runtime.sessions[0].sizes == [(80, 24)]

    on_kubelet(test)


def test_exec_of_a_missing_program_says_so(on_kubelet):
    async def test(kubelet):
        async with kubelet.session() as session:
            path = "/exec/shop/web/main?command=nosuch&output=1"
            async with session.ws_connect(path, protocols=["v4.channel.k8s.io"]) as ws:
                status = json.loads((await frames(ws))[3])
        assert status["reason"] == "InternalError"
        assert "nosuch" in status["message"]

    on_kubelet(test)


def test_a_client_that_hangs_up_ends_its_program(on_kubelet):
    async def test(kubelet):
        async with kubelet.session() as session:
            path = "/exec/shop/web/main?command=hang&output=1"
            async with session.ws_connect(path, protocols=["v5.channel.k8s.io"]) as ws:
                await ws.receive()
        while not kubelet.runtime.sessions[0].closed:  # noqa: ASYNC110 - a flag of a double
            await asyncio.sleep(0.01)

    on_kubelet(test)


def test_clients_that_speak_spdy_are_served_too(on_kubelet):
    async def test(kubelet):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", kubelet.port, ssl=kubelet.context()
        )
        writer.write(
            b"POST /exec/shop/web/main?command=cat&input=1&output=1&error=1 HTTP/1.1\r\nHost: x\r\n"
            b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        client = SpdyCodec()
        for number, kind in ((1, "error"), (3, "stdin"), (5, "stdout"), (7, "stderr")):
            writer.write(client.syn_stream(number, {"streamtype": kind}))
        writer.write(client.data(3, b"word") + client.data(3, b"", fin=True))
        answers = []
        while data := await reader.read(65536):
            answers += client.feed(data)
        writer.close()
        await writer.wait_closed()

        def received(stream):
            return b"".join(f.payload for f in answers if (f.kind, f.stream) == (DATA, stream))

        assert received(5) == b"word"
        assert json.loads(received(1))["status"] == "Success"

    on_kubelet(test)


def test_spdy_is_for_the_api_server_only_as_well(on_kubelet):
    async def test(kubelet):
        context = kubelet.context("admin")
        reader, writer = await asyncio.open_connection("127.0.0.1", kubelet.port, ssl=context)
        writer.write(b"POST /exec/shop/web/main?command=cat HTTP/1.1\r\nUpgrade: SPDY/3.1\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
        writer.close()
        await writer.wait_closed()

    on_kubelet(test)


def test_the_older_port_forward_names_its_ports_first(on_kubelet):
    async def serve(reader, writer):
        writer.write(b"got " + await reader.readexactly(4))
        writer.close()

    async def test(kubelet):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        kubelet.runtime.ports[80] = server.sockets[0].getsockname()[1]
        async with (
            kubelet.session() as session,
            session.ws_connect(
                "/portForward/shop/web?port=80", protocols=["v4.channel.k8s.io"]
            ) as ws,
        ):
            assert (await ws.receive()).data == b"\x00P\x00"
            assert (await ws.receive()).data == b"\x01P\x00"
            await ws.send_bytes(b"\x00word")
            assert (await ws.receive()).data == b"\x00got word"
        server.close()

    on_kubelet(test)


def test_pods_run_and_the_machines_figures(on_kubelet):
    async def test(kubelet):
        async with kubelet.session() as session:
            pods = await (await session.get("/pods")).json()
            assert [pod["metadata"]["name"] for pod in pods["items"]] == ["web"]
            assert await (await session.post("/run/shop/web/main?cmd=say+hi")).text() == "say hi"
            summary = await (await session.get("/stats/summary")).json()
            assert summary["node"]["memory"]["workingSetBytes"] > 0
            metrics = await (await session.get("/metrics/resource")).text()
            assert "node_memory_working_set_bytes" in metrics

    on_kubelet(test)
