import asyncio
import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.sandbox.agent import spdy
from oamkit.sandbox.agent.port_forward import PortForwarder
from oamkit.sandbox.agent.spdy import DATA, SYN_REPLY, SYN_STREAM, SpdyCodec, SpdyError
from oamkit.sandbox.agent.spdy_front import read_upgrade
from oamkit.sandbox.agent.spdy_session import SpdySession

TEXT = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20)


def test_the_dictionary_is_the_drafts():
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2


@given(
    st.lists(st.dictionaries(TEXT.map(str.lower), TEXT, max_size=4), max_size=5),
    st.integers(1, 64),
)
def test_frames_survive_any_cutting(headers, size):
    client, server = SpdyCodec(), SpdyCodec()
    sent = b""
    for number, fields in enumerate(headers):
        sent += client.syn_stream(2 * number + 1, fields)
        sent += client.data(2 * number + 1, b"payload", fin=True)
    frames = []
    for start in range(0, len(sent), size):
        frames += server.feed(sent[start : start + size])
    assert [f.headers for f in frames if f.kind == SYN_STREAM] == headers
    data = [(f.payload, f.fin) for f in frames if f.kind == DATA]
    assert data == [(b"payload", True)] * len(headers)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">HHI", 0x8002, 1, 0),
        struct.pack(">II", 1, 0xFFFFFF) + b"x",
        struct.pack(">HHI", 0x8003, 1, 12) + bytes(10) + b"\xff\xff",
        struct.pack(">HHI", 0x8003, 1, 2) + b"xx",
    ],
)
def test_what_is_not_spdy_is_refused(data):
    codec = SpdyCodec()
    if data[4:8] == b"\x00\xff\xff\xff":
        assert codec.feed(data) == []
        return
    with pytest.raises(SpdyError):
        codec.feed(data)


@given(st.binary(max_size=200))
def test_noise_never_fails_in_another_way(noise):
    codec = SpdyCodec()
    with contextlib.suppress(SpdyError):
        codec.feed(noise)


def test_only_an_upgrade_to_spdy_is_one():
    head = b"GET /exec/a/b/c?command=x&command=y+z HTTP/1.1\r\nConnection: Upgrade\r\n"
    assert read_upgrade(head + b"Upgrade: websocket") is None
    assert read_upgrade(b"nonsense") is None
    upgrade = read_upgrade(
        head + b"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io"
    )
    assert upgrade.query == {"command": ["x", "y z"]}
    assert upgrade.protocols == ("v4.channel.k8s.io",)


def test_a_connection_is_forwarded_and_both_streams_end():
    async def serve(reader, writer):
        writer.write(b"got " + await reader.read())
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client, answers, news = SpdyCodec(), [], asyncio.Event()

        async def send(data):
            answers.extend(client.feed(data))
            news.set()

        forwarder = PortForwarder(lambda number: asyncio.open_connection("127.0.0.1", number))
        session = SpdySession(send, forwarder.opened)
        common = {"requestid": "0", "port": str(port)}
        await session.feed(client.syn_stream(1, {**common, "streamtype": "error"}))
        await session.feed(client.syn_stream(3, {**common, "streamtype": "data"}))
        await session.feed(client.data(3, b"word") + client.data(3, b"", fin=True))
        async with asyncio.timeout(10):
            while {f.stream for f in answers if f.fin} != {1, 3}:
                news.clear()
                await news.wait()
        await forwarder.close()
        server.close()
        return answers

    answers = asyncio.run(run())
    assert [f.stream for f in answers if f.kind == SYN_REPLY] == [1, 3]
    assert b"".join(f.payload for f in answers if f.stream == 3 and f.kind == DATA) == b"got word"


def test_a_port_where_nobody_listens_is_told_on_the_error_stream():
    async def refuse(_):
        raise ConnectionRefusedError(111, "no")

    async def run():
        client, answers, news = SpdyCodec(), [], asyncio.Event()

        async def send(data):
            answers.extend(client.feed(data))
            news.set()

        forwarder = PortForwarder(refuse)
        session = SpdySession(send, forwarder.opened)
        for number, kind in ((1, "error"), (3, "data")):
            headers = {"requestid": "0", "port": "81", "streamtype": kind}
            await session.feed(client.syn_stream(number, headers))
        async with asyncio.timeout(10):
            while not any(f.fin and f.stream == 1 for f in answers):
                news.clear()
                await news.wait()
        await forwarder.close()
        return answers

    errors = b"".join(f.payload for f in asyncio.run(run()) if f.stream == 1)
    assert b"port 81 of the Pod can't be reached: connection refused" in errors
