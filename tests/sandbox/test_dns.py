"""The cluster's name server, asked over the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from dnslib import EDNS0, OPCODE, QTYPE, RCODE, RR, A, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cluster_objects import Cache, endpoint, endpoint_slice, port, service

from oamkit.errors import InputError
from oamkit.sandbox import dns as dns_module
from oamkit.sandbox import dns_upstream
from oamkit.sandbox.dns import ClusterDns
from oamkit.sandbox.dns_upstream import Upstream

WEB = "web.default.svc.cluster.local"
DB = "db.default.svc.cluster.local"


def cluster() -> tuple[Cache, Cache]:
    services = Cache(
        service("kubernetes", "10.96.0.1", port(443, "https")),
        service("web", "10.96.0.7", port(80, "http"), port(53, "dns", "UDP"), port(81)),
        service("db", "None", port(5432, "sql")),
        service("empty", "None", port(80, "http")),
        service("away", "", type="ExternalName", externalName="example.com"),
        service("alias", "", type="ExternalName", externalName=DB),
        service("lost", "", type="ExternalName", externalName="gone.default.svc.cluster.local"),
        service("loop", "", type="ExternalName", externalName="loop.default.svc.cluster.local"),
        service("web", "10.96.0.8", port(80), namespace="shop"),
    )
    slices = Cache(
        endpoint_slice("web", [port(8080, "http")], endpoint("10.244.0.5")),
        endpoint_slice(
            "db",
            [port(5433, "sql")],
            endpoint("10.244.0.2", hostname="db-0"),
            endpoint("10.244.0.3"),
            endpoint("10.244.0.4", ready=False),
        ),
    )
    return services, slices


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await test()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    asyncio.run(limited())


@contextlib.asynccontextmanager
async def server(
    objects: tuple[Cache, Cache] | None = None, **further: Any
) -> AsyncIterator[ClusterDns]:
    dns = ClusterDns(*(objects or cluster()), address=("127.0.0.1", 0), **further)
    await dns.start()
    try:
        yield dns
    finally:
        await dns.close()
        await asyncio.sleep(0.01)


async def exchange(dns: ClusterDns, message: bytes) -> bytes:
    """Send a datagram and return the answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        await loop.sock_connect(client, dns.address)
        await loop.sock_sendall(client, message)
        return await loop.sock_recv(client, 65535)


async def exchange_tcp(dns: ClusterDns, *messages: bytes) -> list[bytes]:
    """Send messages by one connection and return the answers."""
    reader, writer = await asyncio.open_connection(*dns.address)
    answers = []
    for message in messages:
        writer.write(struct.pack("!H", len(message)) + message)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answers.append(await reader.readexactly(length))
    writer.close()
    await writer.wait_closed()
    return answers


def lines(records: list[RR]) -> list[str]:
    return sorted(f"{rr.rname} {QTYPE.get(rr.rtype)} {rr.rdata}" for rr in records)


def ask(name: str, qtype: str = "A", **further: Any) -> DNSRecord:
    """Ask a fresh server by UDP."""
    answers = []

    async def test() -> None:
        async with server(**further) as dns:
            answers.append(await exchange(dns, DNSRecord.question(name, qtype).pack()))

    run(test)
    return DNSRecord.parse(answers[0])


@pytest.mark.parametrize(
    ("name", "qtype", "expected"),
    [
        (WEB, "A", [f"{WEB}. A 10.96.0.7"]),
        ("web.shop.svc.cluster.local", "A", ["web.shop.svc.cluster.local. A 10.96.0.8"]),
        (f"_http._tcp.{WEB}", "SRV", [f"_http._tcp.{WEB}. SRV 0 100 80 {WEB}."]),
        (f"_dns._udp.{WEB}", "SRV", [f"_dns._udp.{WEB}. SRV 0 100 53 {WEB}."]),
        (DB, "A", [f"{DB}. A 10.244.0.2", f"{DB}. A 10.244.0.3"]),
        (f"db-0.{DB}", "A", [f"db-0.{DB}. A 10.244.0.2"]),
        (f"10-244-0-3.{DB}", "A", [f"10-244-0-3.{DB}. A 10.244.0.3"]),
        (
            f"_sql._tcp.{DB}",
            "SRV",
            [
                f"_sql._tcp.{DB}. SRV 0 100 5433 10-244-0-3.{DB}.",
                f"_sql._tcp.{DB}. SRV 0 100 5433 db-0.{DB}.",
            ],
        ),
        ("7.0.96.10.in-addr.arpa", "PTR", [f"7.0.96.10.in-addr.arpa. PTR {WEB}."]),
        ("2.0.244.10.in-addr.arpa", "PTR", [f"2.0.244.10.in-addr.arpa. PTR db-0.{DB}."]),
        (
            "10-1-2-3.default.pod.cluster.local",
            "A",
            ["10-1-2-3.default.pod.cluster.local. A 10.1.2.3"],
        ),
        (
            "away.default.svc.cluster.local",
            "A",
            ["away.default.svc.cluster.local. CNAME example.com."],
        ),
        (
            "alias.default.svc.cluster.local",
            "A",
            [
                f"alias.default.svc.cluster.local. CNAME {DB}.",
                f"{DB}. A 10.244.0.2",
                f"{DB}. A 10.244.0.3",
            ],
        ),
        ("dns-version.cluster.local", "TXT", ['dns-version.cluster.local. TXT "1.1.0"']),
    ],
)
def test_the_records_of_the_specification_are_there(
    name: str, qtype: str, expected: list[str]
) -> None:
    answer = ask(name, qtype)
    assert answer.header.rcode == RCODE.NOERROR
    assert answer.header.aa == 1
    assert lines(answer.rr) == sorted(expected)


def test_an_srv_answer_brings_the_addresses_along() -> None:
    answer = ask(f"_sql._tcp.{DB}", "SRV")
    assert lines(answer.ar) == [f"10-244-0-3.{DB}. A 10.244.0.3", f"db-0.{DB}. A 10.244.0.2"]


def test_names_are_compared_without_regard_to_case_and_the_question_comes_back_as_it_was() -> None:
    answer = ask("WeB.Default.SVC.cluster.LOCAL")
    assert str(answer.q.qname) == "WeB.Default.SVC.cluster.LOCAL."
    assert str(answer.rr[0].rdata) == "10.96.0.7"


@pytest.mark.parametrize(
    ("name", "qtype"),
    [
        (WEB, "AAAA"),  # the Service has another address
        (DB, "AAAA"),
        (WEB, "SRV"),
        ("cluster.local", "A"),
        ("svc.cluster.local", "A"),
        ("default.svc.cluster.local", "A"),
        (f"_tcp.{WEB}", "SRV"),  # only has names below it
    ],
)
def test_a_name_without_such_a_record_exists_nevertheless(name: str, qtype: str) -> None:
    answer = ask(name, qtype)
    assert answer.header.rcode == RCODE.NOERROR
    assert answer.rr == []
    assert [QTYPE.get(rr.rtype) for rr in answer.auth] == ["SOA"]


@pytest.mark.parametrize(
    ("name", "qtype"),
    [
        ("nothing.default.svc.cluster.local", "A"),
        ("web.nowhere.svc.cluster.local", "A"),
        ("nowhere.svc.cluster.local", "A"),
        (f"x.{WEB}", "A"),  # a Service with an address has nothing below it but ports
        (f"_nothing._tcp.{WEB}", "SRV"),
        (f"_http._udp.{WEB}", "SRV"),
        (f"_sctp.{WEB}", "SRV"),
        (f"_._tcp.{WEB}", "SRV"),  # unnamed ports have no records
        ("empty.default.svc.cluster.local", "A"),  # no ready endpoint
        (f"10-244-0-4.{DB}", "A"),  # not ready
        ("no-address.default.pod.cluster.local", "A"),
        ("1-2-3-4-5.default.pod.cluster.local", "A"),
        ("example.com.default.svc.cluster.local", "A"),  # what a search list makes of other names
        ("x.away.default.svc.cluster.local", "A"),
        ("elsewhere.cluster.local", "A"),
    ],
)
def test_a_name_that_is_not_there_does_not_exist(name: str, qtype: str) -> None:
    answer = ask(name, qtype)
    assert answer.header.rcode == RCODE.NXDOMAIN
    assert answer.rr == []
    assert [QTYPE.get(rr.rtype) for rr in answer.auth] == ["SOA"]


@pytest.mark.parametrize(
    "name", ["example.com", "local", ".", "1.0.244.10.in-addr.arpa", "x.in-addr.arpa"]
)
def test_without_an_upstream_nothing_exists_outside_the_cluster(name: str) -> None:
    answer = ask(name)
    assert answer.header.rcode == RCODE.NXDOMAIN
    assert answer.header.aa == 0


def test_aliases_end() -> None:
    assert ask("lost.default.svc.cluster.local").header.rcode == RCODE.NXDOMAIN
    assert 1 <= len(ask("loop.default.svc.cluster.local").rr) <= dns_module.MAX_ALIASES


def test_changes_are_answered_at_once() -> None:
    async def test() -> None:
        services, slices = cluster()
        question = DNSRecord.question(DB).pack()
        async with server((services, slices)) as dns:
            slices.put(endpoint_slice("db", [port(5433, "sql")], endpoint("10.244.0.9")))
            answer = DNSRecord.parse(await exchange(dns, question))
            assert [str(rr.rdata) for rr in answer.rr] == ["10.244.0.9"]
            services.remove("db")
            answer = DNSRecord.parse(await exchange(dns, question))
            assert answer.header.rcode == RCODE.NXDOMAIN

    run(test)


def test_answers_by_tcp_one_after_another() -> None:
    async def test() -> None:
        async with server() as dns:
            questions = [DNSRecord.question(name) for name in (WEB, DB)]
            answers = await exchange_tcp(dns, *(q.pack() for q in questions))
            assert [len(DNSRecord.parse(answer).rr) for answer in answers] == [1, 2]
            assert [DNSRecord.parse(a).header.id for a in answers] == [
                q.header.id for q in questions
            ]

    run(test)


def test_a_long_answer_is_cut_by_udp_and_whole_by_tcp() -> None:
    async def test() -> None:
        services, _ = cluster()
        many = [endpoint(f"10.244.{n // 250}.{n % 250 + 1}") for n in range(200)]
        slices = Cache(endpoint_slice("db", [port(5433, "sql")], *many))
        question = DNSRecord.question(DB)
        async with server((services, slices)) as dns:
            plain = await exchange(dns, question.pack())
            assert len(plain) <= 512
            assert DNSRecord.parse(plain).header.tc == 1
            question.add_ar(EDNS0(udp_len=4096))
            extended = DNSRecord.parse(await exchange(dns, question.pack()))
            assert extended.header.tc == 1
            assert [rr.rtype for rr in extended.ar] == [QTYPE.OPT]
            (whole,) = await exchange_tcp(dns, question.pack())
            assert len(DNSRecord.parse(whole).rr) == 200
            slices.put(endpoint_slice("db", [port(5433, "sql")], *many[:40]))
            longer = DNSRecord.parse(await exchange(dns, question.pack()))
            assert (longer.header.tc, len(longer.rr)) == (0, 40)

    run(test)


def refused_requests() -> list[tuple[DNSRecord, int]]:
    update = DNSRecord.question(WEB)
    update.header.opcode = OPCODE.UPDATE
    two = DNSRecord.question(WEB)
    two.add_question(DNSQuestion(DB))
    chaos = DNSRecord(DNSHeader(), q=DNSQuestion("version.bind", QTYPE.TXT, 3))
    return [
        (update, RCODE.NOTIMP),
        (two, RCODE.FORMERR),
        (DNSRecord(DNSHeader()), RCODE.FORMERR),
        (chaos, RCODE.REFUSED),
        (DNSRecord.question("cluster.local", "AXFR"), RCODE.REFUSED),
    ]


@pytest.mark.parametrize(("request_", "code"), refused_requests())
def test_what_is_no_plain_question_is_refused(request_: DNSRecord, code: int) -> None:
    async def test() -> None:
        async with server() as dns:
            answer = DNSRecord.parse(await exchange(dns, request_.pack()))
            assert answer.header.rcode == code
            assert answer.header.id == request_.header.id

    run(test)


def test_malformed_datagrams_are_survived() -> None:
    async def test() -> None:
        generator = random.Random(7)
        good = DNSRecord.question(WEB).pack()
        async with server() as dns:
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.setblocking(False)
                await loop.sock_connect(client, dns.address)
                for size in range(60):
                    broken = bytearray(good)
                    broken[generator.randrange(len(good))] = generator.randrange(256)
                    await loop.sock_sendall(client, bytes(broken))
                    await loop.sock_sendall(client, generator.randbytes(size))
            answer = DNSRecord.parse(await exchange(dns, good))
            assert str(answer.rr[0].rdata) == "10.96.0.7"

    run(test)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_a_message_or_not_at_all(message: bytes) -> None:
    answer = asyncio.run(ClusterDns(*cluster(), address=("127.0.0.1", 0)).respond(message))
    assert answer is None or (answer[:2] == message[:2] and answer[2] & 0x80)


def test_answers_are_not_answered() -> None:
    answer = DNSRecord.question(WEB).reply().pack()
    assert asyncio.run(ClusterDns(*cluster(), address=("127.0.0.1", 0)).respond(answer)) is None


@pytest.mark.parametrize("sent", [b"\x00", b"\x00\x05ab", b"\xff\xff" + b"x" * 100, b"\x00\x00"])
def test_broken_tcp_conversations_are_survived(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def test() -> None:
        async with server() as dns:
            reader, writer = await asyncio.open_connection(*dns.address)
            writer.write(sent)
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
            await exchange_tcp(dns, DNSRecord.question(WEB).pack())

    run(test)
    assert caplog.records == []


def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_module, "IDLE_SECONDS", 0.02)

    async def test() -> None:
        async with server() as dns:
            reader, writer = await asyncio.open_connection(*dns.address)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    run(test)


def test_too_much_at_once_is_dropped_and_later_questions_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dns_module, "MAX_WORK", 1)

    async def test() -> None:
        async with server() as dns:
            _, holding = await asyncio.open_connection(*dns.address)
            await asyncio.sleep(0)
            reader, turned_away = await asyncio.open_connection(*dns.address)
            assert await reader.read() == b""
            for writer in (holding, turned_away):
                writer.close()
                await writer.wait_closed()
            await asyncio.sleep(0.02)
            await exchange(dns, DNSRecord.question(WEB).pack())

    run(test)


@contextlib.asynccontextmanager
async def outside(
    monkeypatch: pytest.MonkeyPatch, seen: list[bytes]
) -> AsyncIterator[tuple[str, int]]:
    """A name server of the world outside, on the loopback interface, and nothing behind it."""
    monkeypatch.setattr(dns_upstream, "SECONDS", 0.2)

    class Outside(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            seen.append(data)
            request = DNSRecord.parse(data)
            answer = request.reply()
            answer.add_answer(RR(request.q.qname, QTYPE.A, rdata=A("192.0.2.53")))
            self.transport.sendto(b"\0\0 a forged answer with another id", addr)
            self.transport.sendto(answer.pack(), addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Outside, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")
    finally:
        transport.close()
        await asyncio.sleep(0.01)


def test_other_names_go_to_the_upstream_and_the_clusters_never_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        seen: list[bytes] = []
        async with (
            outside(monkeypatch, seen) as address,
            server(upstream=Upstream([("127.0.0.1", 9), address])) as dns,
        ):
            question = DNSRecord.question("example.com")
            answer = DNSRecord.parse(await exchange(dns, question.pack()))
            assert lines(answer.rr) == ["example.com. A 192.0.2.53"]
            assert answer.header.id == question.header.id
            assert len(seen) == 1
            answer = DNSRecord.parse(
                await exchange(dns, DNSRecord.question("nothing.default.svc.cluster.local").pack())
            )
            assert answer.header.rcode == RCODE.NXDOMAIN
            assert len(seen) == 1

    run(test)


def test_an_external_name_is_followed_to_the_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with (
            outside(monkeypatch, []) as address,
            server(upstream=Upstream([address])) as dns,
        ):
            question = DNSRecord.question("away.default.svc.cluster.local")
            answer = DNSRecord.parse(await exchange(dns, question.pack()))
            assert lines(answer.rr) == [
                "away.default.svc.cluster.local. CNAME example.com.",
                "example.com. A 192.0.2.53",
            ]

    run(test)


def test_an_upstream_that_does_not_answer_is_a_server_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dns_upstream, "SECONDS", 0.05)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    with silent:
        upstream = Upstream([silent.getsockname()])
        assert ask("example.com", upstream=upstream).header.rcode == RCODE.SERVFAIL


def test_name_servers_are_read_from_resolv_conf(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# mine\nsearch x\nnameserver 192.0.2.1\nnameserver 10.96.0.10\nnameserver\n")
    upstream = Upstream.of_resolv_conf(file, but="10.96.0.10")
    assert upstream is not None
    assert upstream.servers == (("192.0.2.1", 53),)
    file.write_text("search x\n")
    assert Upstream.of_resolv_conf(file) is None


def test_an_unreadable_resolv_conf_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: the name servers can't be read"):
        ClusterDns(*cluster(), address=("127.0.0.1", 0), upstream=tmp_path / "nowhere")


def test_a_taken_address_is_an_error_and_nothing_stays_open() -> None:
    async def test() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
            taker.bind(("127.0.0.1", 0))
            dns = ClusterDns(*cluster(), address=taker.getsockname())
            with pytest.raises(OSError, match="in use"):
                await dns.start()

    run(test)
