"""Passes on questions about names outside the cluster to the machine's own name servers."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from oamkit.errors import InputError

__all__ = ["Upstream"]

PORT = 53
SECONDS = 2.0
"""How long each server is waited for."""

MAX_SERVERS = 3
"""As in ``resolv.conf(5)``."""


class Upstream:
    """Other name servers, asked one after another.

    Args:
        servers: Their addresses and ports.
    """

    def __init__(self, servers: Sequence[tuple[str, int]]) -> None:
        self.servers = tuple(servers)[:MAX_SERVERS]

    @classmethod
    def of_resolv_conf(cls, path: Path, *, but: str = "") -> Upstream | None:
        """Read the ``nameserver`` lines of a ``resolv.conf(5)``.

        Args:
            path: The file.
            but: An address to leave out: the own one, or else questions would go round in circles.

        Returns:
            The servers; ``None`` if there is none.

        Raises:
            InputError: The file can't be read.
        """
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError as error:
            raise InputError(
                f"the name servers can't be read: {error.strerror}",
                file=path,
                hint="Name another resolv.conf, or none.",
            ) from error
        words = [line.split() for line in lines]
        found = [w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and w[1] != but]
        return cls([(address, PORT) for address in found]) if found else None

    async def ask(self, message: bytes, *, tcp: bool) -> bytes | None:
        """Pass a question on.

        Args:
            message: A DNS message with a question; it goes out with another, random id (RFC 5452).
            tcp: Whether by TCP.

        Returns:
            The answer with the question's own id; ``None`` if no server gave one.
        """
        for host, port in self.servers:
            sent = secrets.token_bytes(2) + message[2:]
            try:
                async with asyncio.timeout(SECONDS):
                    ask = _ask_tcp if tcp else _ask_udp
                    answer = await ask(host, port, sent)
            except (OSError, asyncio.IncompleteReadError):
                continue
            if answer[:2] == sent[:2]:
                return message[:2] + answer[2:]
        return None


async def _ask_tcp(host: str, port: int, message: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(struct.pack("!H", len(message)) + message)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()


async def _ask_udp(host: str, port: int, message: bytes) -> bytes:
    # A socket for each question: its random port is what a forger would have to guess, and being connected it takes
    # datagrams of this server only.
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Question(message[:2]), remote_addr=(host, port)
    )
    try:
        transport.sendto(message)
        return await protocol.answer
    finally:
        transport.close()


class _Question(asyncio.DatagramProtocol):
    """Waits for the answer with the right id."""

    def __init__(self, message_id: bytes) -> None:
        self._id = message_id
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        if data[:2] == self._id and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(cast("OSError", exc))
