"""DNS messages: which are refused, and how answers are packed."""

from __future__ import annotations

from dnslib import CLASS, EDNS0, OPCODE, QTYPE, RCODE, DNSHeader, DNSLabel, DNSRecord

__all__ = ["Labels", "format_error", "labels", "packed", "refusal", "reply"]

Labels = tuple[str, ...]

UDP_PLAIN = 512
"""The longest answer by UDP to a client that doesn't say that it takes longer ones (RFC 1035, section 4.2.1)."""

UDP_LONGEST = 1232
"""The longest answer by UDP to any client: it fits into the packets of all networks (DNS flag day 2020)."""

HEADER_BYTES = 12
TRANSFERS = (QTYPE.AXFR, QTYPE.IXFR)


def labels(name: DNSLabel) -> Labels:
    """Return a name's labels in lower case: names are compared without regard to it (RFC 4343)."""
    return tuple(label.decode("latin-1").lower() for label in name.label)


def refusal(request: DNSRecord) -> int:
    """Return the code with which a request is refused, or ``RCODE.NOERROR`` for a question that can be answered."""
    if request.header.opcode != OPCODE.QUERY:
        return int(RCODE.NOTIMP)
    if len(request.questions) != 1:
        return int(RCODE.FORMERR)
    if request.q.qclass != CLASS.IN or request.q.qtype in TRANSFERS:
        return int(RCODE.REFUSED)
    return int(RCODE.NOERROR)


def reply(request: DNSRecord, code: int) -> DNSRecord:
    """Return an answer without records."""
    header = DNSHeader(id=request.header.id, qr=1, ra=1, rd=request.header.rd)
    header.opcode = request.header.opcode
    header.rcode = code
    return DNSRecord(header, questions=request.questions[:1])


def packed(answer: DNSRecord, request: DNSRecord, *, tcp: bool) -> bytes:
    """Return an answer's bytes; one that is too long for UDP is cut, and the client asks again by TCP (RFC 7766)."""
    options = next((rr for rr in request.ar if rr.rtype == QTYPE.OPT), None)
    if options is not None:
        answer.add_ar(EDNS0(udp_len=UDP_LONGEST))
    data = bytes(answer.pack())
    limit = UDP_PLAIN if options is None else min(max(options.rclass, UDP_PLAIN), UDP_LONGEST)
    if tcp or len(data) <= limit:
        return data
    cut = reply(request, answer.header.rcode)
    cut.header.tc = 1
    cut.header.aa = answer.header.aa
    if options is not None:
        cut.add_ar(EDNS0(udp_len=UDP_LONGEST))
    return bytes(cut.pack())


def format_error(message: bytes) -> bytes | None:
    """Return the answer to bytes that are no DNS message, or ``None`` if they don't even have a question's header."""
    if len(message) < HEADER_BYTES or message[2] & 0x80:
        return None
    header = DNSHeader(id=int.from_bytes(message[:2], "big"), qr=1, ra=1)
    header.rcode = RCODE.FORMERR
    return bytes(DNSRecord(header).pack())
