"""One call of ``grpc.health.v1.Health/Check``, by as much of HTTP/2 as that takes.

Request headers are sent as literals, which every HPACK decoder reads (RFC 7541, 6.2.2); of the answer only the DATA frames matter, so
its headers needn't be decoded. Sources: RFC 9113; ``grpc/doc/health-checking.md``, ``PROTOCOL-HTTP2.md``.
"""

from __future__ import annotations

import asyncio
import struct

__all__ = ["check", "request_bytes", "status_of"]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
MAX_FRAME = 1 << 20


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    def text(words: str) -> bytes:
        raw = words.encode()
        if len(raw) > 126:
            raise ValueError(f"too long for a gRPC probe: {words[:40]}…")
        return bytes([len(raw)]) + raw

    return b"\x00" + text(name) + text(value)


def request_bytes(authority: str, service: str) -> bytes:
    """Return the whole request of one check."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
        "user-agent": "kube-probe/1.37",
    }
    name = service.encode()
    message = bytes([0x0A, len(name)]) + name if name else b""
    return (
        PREFACE
        + _frame(SETTINGS, 0, 0)
        + _frame(HEADERS, END_HEADERS, 1, b"".join(_literal(k, v) for k, v in headers.items()))
        + _frame(DATA, END_STREAM, 1, b"\x00" + struct.pack(">I", len(message)) + message)
    )


def status_of(body: bytes) -> str:
    r"""Return the state that a ``HealthCheckResponse`` says, length prefix included.

    Example:
        >>> status_of(b"\0\0\0\0\x02\x08\x01")
        'SERVING'
    """
    if len(body) < 5:
        return "UNIMPLEMENTED"  # headers only: the server has an error, or no health service
    message = body[5:]
    value = message[1] if len(message) >= 2 and message[0] == 0x08 else 0
    return STATES.get(value, "UNKNOWN")


async def check(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, service: str
) -> str:
    """Ask for a service's state over an open connection.

    Raises:
        OSError: The server doesn't speak gRPC.
    """
    writer.write(request_bytes(authority, service))
    body = b""
    while True:
        head = await reader.readexactly(9)
        length = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        if length > MAX_FRAME:
            raise OSError("the server doesn't speak HTTP/2")
        payload = await reader.readexactly(length)
        if kind == SETTINGS and not flags & ACK:
            writer.write(_frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            writer.write(_frame(PING, ACK, 0, payload))
        elif kind in (RESET, GOAWAY):
            raise OSError("the server refused the gRPC call")
        elif stream == 1 and kind == DATA:
            body += payload[1 : len(payload) - payload[0]] if flags & PADDED else payload
        if stream == 1 and kind in (DATA, HEADERS) and flags & END_STREAM:
            return status_of(body)
