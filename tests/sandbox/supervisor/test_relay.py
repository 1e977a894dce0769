"""The way from the host into the sandbox's network."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from oamkit.sandbox.relay import Accepted, Pipe, relay

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def relayed(handler: Handler) -> AsyncIterator[int]:
    """A server behind a relay; yields the relay's port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    front = await relay(listener, *server.sockets[0].getsockname())
    try:
        yield port
    finally:
        front.close()
        server.close()
        await asyncio.sleep(0)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def settled(count: Callable[[], int], wanted: int) -> None:
    async with asyncio.timeout(10):
        while count() > wanted:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_what_is_sent_after_a_half_close_still_arrives() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        everything = await reader.read()
        writer.write(b"got %d" % len(everything))
        writer.close()

    async def run() -> bytes:
        async with relayed(answer_at_the_end) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x" * 1_000_000)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(run()) == b"got 1000000"


def test_a_slow_reader_makes_the_writer_wait() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent.append(65536)

    sent: list[int] = []

    async def run() -> None:
        async with relayed(flood) as port:
            with socket.create_connection(("127.0.0.1", port)):
                before = -1
                while sum(sent) != before:  # until it stands still
                    before = sum(sent)
                    await asyncio.sleep(0.2)
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert sum(sent) < 64 * 2**20


def test_thousands_of_short_connections_leave_nothing_behind() -> None:
    async def one(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        async with relayed(echo) as port:
            before = descriptors()
            for _ in range(40):
                await asyncio.gather(*(one(port) for _ in range(50)))
            await settled(descriptors, before)

    asyncio.run(run())


def test_clients_that_break_off_leave_nothing_behind() -> None:
    async def run() -> None:
        async with relayed(echo) as port:
            before = descriptors()
            for _ in range(50):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"x" * 200_000)
                writer.transport.abort()
            await settled(descriptors, before)

    asyncio.run(run())


def test_a_target_where_nobody_listens_closes_the_connection() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            target = nobody.getsockname()
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = await relay(listener, *target)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        server.close()

    asyncio.run(run())


class Wire(asyncio.Transport):
    """An end that a test looks at."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.close()  # setting an option of it fails with OSError, as on a connection that is gone
        theirs.close()
        super().__init__({"socket": ours})
        self.written = b""
        self.ended = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def test_what_is_read_before_the_other_end_is_there_is_kept() -> None:
    """As on early releases of Python 3.11, which read on after a pause in ``connection_made``."""
    front, back = Accepted(), Pipe()
    front.connection_made(client := Wire())
    back.connection_made(wire := Wire())
    front.data_received(b"client ")
    front.data_received(b"hello")
    assert not client.reading
    front.join(back)
    assert client.reading
    assert wire.written == b"client hello"
    front.data_received(b"!")
    assert (wire.written, wire.ended) == (b"client hello!", False)


def test_an_end_before_the_other_end_is_there_is_passed_on() -> None:
    front, back = Accepted(), Pipe()
    front.connection_made(Wire())
    back.connection_made(wire := Wire())
    front.data_received(b"all")
    assert front.eof_received()
    front.join(back)
    assert (wire.written, wire.ended) == (b"all", True)
