"""The cluster's name server: ``<service>.<namespace>.svc.cluster.local`` and its relatives, by UDP and TCP.

Any Pod may send anything, so whatever can't be read is refused or dropped, and never ends the server. Names outside the
cluster go to the machine's own name servers if there are any to go to, and don't exist otherwise: a resolver that heard
``REFUSED`` would take it for a passing trouble and try again (``getaddrinfo(3)``: ``EAI_AGAIN``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path

from dnslib import QTYPE, RCODE, DNSHeader, DNSQuestion, DNSRecord

from oamkit.sandbox.dns_upstream import Upstream
from oamkit.sandbox.dns_wire import format_error, labels, packed, refusal, reply
from oamkit.sandbox.dns_zone import Zone
from oamkit.sandbox.endpoints import EndpointIndex, ObjectCache

__all__ = ["ClusterDns"]

log = logging.getLogger(__name__)

IDLE_SECONDS = 10.0
"""How long a TCP connection may be silent (RFC 7766, section 6.2.3)."""

MAX_WORK = 512
"""So many questions and connections are worked on at once; further ones are dropped, and clients ask again."""

ANY = QTYPE.ANY

MAX_ALIASES = 8
"""So many ExternalName Services may point at one another."""


class ClusterDns:
    """Answers the cluster's DNS questions.

    Args:
        services: All Services.
        endpoint_slices: All EndpointSlices.
        domain: The cluster's domain.
        address: Where to listen, address and port; port 0 takes a free one.
        upstream: A ``resolv.conf`` with servers for all other names; none by default, then they don't exist.

    Attributes:
        address: Where it listens.
    """

    def __init__(
        self,
        services: ObjectCache,
        endpoint_slices: ObjectCache,
        *,
        domain: str = "cluster.local",
        address: tuple[str, int],
        upstream: Path | Upstream | None = None,
    ) -> None:
        self.address = address
        self._endpoints = EndpointIndex(endpoint_slices)
        self._zone = Zone(services, self._endpoints, domain)
        if isinstance(upstream, Path):
            upstream = Upstream.of_resolv_conf(upstream, but=address[0])
        self._upstream = upstream
        self._work: set[asyncio.Task[None]] = set()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self) -> None:
        """Answer questions until :meth:`close`.

        Raises:
            OSError: The address can't be listened on.
        """
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve_tcp, *self.address, backlog=512)
        self.address = self._tcp.sockets[0].getsockname()[:2]
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=self.address
            )
        except OSError:
            self._tcp.close()
            raise
        self._endpoints.start()

    async def close(self) -> None:
        """Stop listening, and drop what is being worked on."""
        self._endpoints.close()
        if self._tcp is not None:
            self._tcp.close()
        if self._udp is not None:
            self._udp.close()
        for task in list(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the loop's next round

    async def respond(self, message: bytes, *, tcp: bool = False) -> bytes | None:
        """Answer one message.

        Args:
            message: What came in.
            tcp: Whether by TCP: such an answer may be of any length.

        Returns:
            The answer; ``None`` for what must not be answered.
        """
        try:
            request = DNSRecord.parse(message)
        except Exception:  # noqa: BLE001 - any error of the parser, on bytes that anyone may send
            return format_error(message)
        if request.header.qr:
            return None  # an answer: to answer it could go on forever
        code = refusal(request)
        if code != RCODE.NOERROR:
            return packed(reply(request, code), request, tcp=tcp)
        answer = self._local(request)
        if answer is not None:
            await self._complete(answer, tcp=tcp)
        elif self._upstream is None:
            answer = reply(request, RCODE.NXDOMAIN)
        else:
            theirs = await self._upstream.ask(message, tcp=tcp)
            if theirs is not None:
                return theirs
            answer = reply(request, RCODE.SERVFAIL)
        return packed(answer, request, tcp=tcp)

    def _local(self, request: DNSRecord) -> DNSRecord | None:
        """Answer from the cluster's own records, or return ``None`` if the name isn't the cluster's."""
        name, wanted = labels(request.q.qname), request.q.qtype
        records = self._zone.records(name)
        if records is None and not self._zone.holds(name):
            return None
        answer = reply(request, RCODE.NXDOMAIN if records is None else RCODE.NOERROR)
        answer.header.aa = 1
        for _ in range(MAX_ALIASES):
            found = [
                rr for rr in records or () if rr.rtype in (wanted, QTYPE.CNAME) or wanted == ANY
            ]
            random.shuffle(found)  # clients take the first: let them spread
            answer.add_answer(*found)
            if not found or found[0].rtype != QTYPE.CNAME or wanted in (QTYPE.CNAME, ANY):
                break
            # What an alias points at belongs into the same answer (RFC 1034, section 4.3.2).
            target = labels(found[0].rdata.label)
            records = self._zone.records(target)
            if records is None and self._zone.holds(target):
                answer.header.rcode = RCODE.NXDOMAIN  # the code is that of the last name (RFC 6604)
        for rr in answer.rr:
            if rr.rtype == QTYPE.SRV:
                answer.add_ar(*(self._zone.records(labels(rr.rdata.target)) or ()))
        if not answer.rr:
            answer.add_auth(self._zone.soa())
        return answer

    async def _complete(self, answer: DNSRecord, *, tcp: bool) -> None:
        """Add what an ExternalName outside the cluster stands for: clients don't ask for it themselves."""
        last = answer.rr[-1] if answer.rr else None
        if self._upstream is None or last is None or last.rtype != QTYPE.CNAME:
            return
        target, wanted = last.rdata.label, answer.q.qtype
        if wanted in (QTYPE.CNAME, ANY) or self._zone.holds(labels(target)):
            return
        question = DNSRecord(DNSHeader(rd=1), q=DNSQuestion(target, wanted))
        theirs = await self._upstream.ask(question.pack(), tcp=tcp)
        with contextlib.suppress(Exception):  # what others send may be anything
            answer.add_answer(*DNSRecord.parse(theirs or b"").rr)

    def _start(self, work: Callable[..., Coroutine[None, None, None]], *args: object) -> bool:
        """Begin a piece of work, unless there is too much already."""
        if len(self._work) >= MAX_WORK:
            return False
        task = asyncio.create_task(self._guard(work, *args))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return True

    async def _guard(self, work: Callable[..., Coroutine[None, None, None]], *args: object) -> None:
        try:
            await work(*args)
        except Exception:  # one client's question must not stop the others'
            log.exception("a DNS question couldn't be answered")

    def take(self, message: bytes, sender: tuple[str, int]) -> None:
        """Take a datagram; called by the transport."""
        self._start(self._answer_datagram, message, sender)

    async def _answer_datagram(self, message: bytes, sender: tuple[str, int]) -> None:
        answer = await self.respond(message)
        if answer is not None and self._udp is not None:
            self._udp.sendto(answer, sender)

    def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._start(self._converse, reader, writer):
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the questions of one connection, one after another; each has its length before it."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    async with asyncio.timeout(IDLE_SECONDS):
                        (length,) = struct.unpack("!H", await reader.readexactly(2))
                        message = await reader.readexactly(length)
                    answer = await self.respond(message, tcp=True)
                    if answer is None:
                        return
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    async with asyncio.timeout(IDLE_SECONDS):
                        await writer.drain()
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """Hands datagrams to the server."""

    def __init__(self, dns: ClusterDns) -> None:
        self._dns = dns

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        self._dns.take(data, sender)
