"""As much of SPDY/3.1 as ``port-forward`` and older clients need: frames in, frames out, no I/O.

Go's ``moby/spdystream`` is the other side, which has no flow control, so there's none here. Source: SPDY Protocol, Draft 3.1.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

__all__ = [
    "DATA",
    "FIN",
    "GOAWAY",
    "PING",
    "RESET",
    "SYN_REPLY",
    "SYN_STREAM",
    "Frame",
    "SpdyCodec",
    "SpdyError",
]

SYN_STREAM, SYN_REPLY, RESET, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = (
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
)
DATA = 0
FIN = 0x01
VERSION = 3
MAX_FRAME = 1 << 24

_NAMES = (
    "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,accept-ranges,age,allow,"
    "authorization,cache-control,connection,content-base,content-encoding,content-language,content-length,"
    "content-location,content-md5,content-range,content-type,date,etag,expect,expires,from,host,if-match,"
    "if-modified-since,if-none-match,if-range,if-unmodified-since,last-modified,location,max-forwards,pragma,"
    "proxy-authenticate,proxy-authorization,range,referer,retry-after,server,te,trailer,transfer-encoding,upgrade,"
    "user-agent,vary,via,warning,www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,public,set-cookie,"
    "keep-alive,origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information"
    "204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error"
    "501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, "
    "Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack(">I", len(w)) + w.encode() for w in _NAMES.split(",")) + _TAIL.encode()
)
"""What both sides' compression begins with (section 2.6.10.1): its Adler-32 is 0xe3c6a7c2."""


class SpdyError(Exception):
    """The other side doesn't speak SPDY/3.1."""


@dataclass
class Frame:
    """One frame.

    Attributes:
        kind: :data:`DATA`, or the type of a control frame.
        stream: The stream that it is about; 0 for none.
        fin: Whether it is the sender's last one on that stream.
        headers: Of a :data:`SYN_STREAM` or :data:`SYN_REPLY`, names in lower case.
        payload: Of a :data:`DATA` frame; of a :data:`PING` its number.
    """

    kind: int
    stream: int = 0
    fin: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""


class SpdyCodec:
    """Reads and writes the frames of one connection; each direction has its own compression, which lives as long as it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Frame]:
        """Take what has arrived and return the frames that are complete.

        Raises:
            SpdyError: It isn't SPDY/3.1.
        """
        self._buffer += data
        frames = []
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            length = second & 0xFFFFFF
            if length > MAX_FRAME:
                raise SpdyError("a frame is too long")
            if len(self._buffer) < 8 + length:
                break
            body = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            frames.append(self._frame(first, second >> 24, body))
        return frames

    def _frame(self, first: int, flags: int, body: bytes) -> Frame:
        fin = bool(flags & FIN)
        if not first & 0x80000000:
            return Frame(DATA, first, fin, payload=body)
        if (first >> 16) & 0x7FFF != VERSION:
            raise SpdyError(f"SPDY version {(first >> 16) & 0x7FFF} isn't spoken here")
        kind = first & 0xFFFF
        try:
            if kind == SYN_STREAM:
                (stream,) = struct.unpack_from(">I", body)
                return Frame(kind, stream & 0x7FFFFFFF, fin, self._headers(body[10:]))
            if kind in (SYN_REPLY, HEADERS):
                (stream,) = struct.unpack_from(">I", body)
                return Frame(kind, stream & 0x7FFFFFFF, fin, self._headers(body[4:]))
            if kind == RESET:
                return Frame(kind, struct.unpack_from(">I", body)[0] & 0x7FFFFFFF)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"a frame can't be read: {error}") from error
        return Frame(kind, payload=body)

    def _headers(self, block: bytes) -> dict[str, str]:
        raw = self._inflate.decompress(block)
        (count,), at = struct.unpack_from(">I", raw), 4
        headers = {}
        for _ in range(count):
            pair = []
            for _ in range(2):
                (length,) = struct.unpack_from(">I", raw, at)
                pair.append(raw[at + 4 : at + 4 + length].decode())
                at += 4 + length
            headers[pair[0].lower()] = pair[1]
        return headers

    def syn_stream(self, stream: int, headers: dict[str, str]) -> bytes:
        """Return a frame that opens a stream."""
        return self._control(
            SYN_STREAM, 0, struct.pack(">IIH", stream, 0, 0) + self._block(headers)
        )

    def syn_reply(self, stream: int) -> bytes:
        """Return a frame that accepts a stream."""
        return self._control(SYN_REPLY, 0, struct.pack(">I", stream) + self._block({}))

    def _block(self, headers: dict[str, str]) -> bytes:
        raw = struct.pack(">I", len(headers))
        for pair in headers.items():
            for text in pair:
                raw += struct.pack(">I", len(text.encode())) + text.encode()
        return self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    @staticmethod
    def _control(kind: int, flags: int, body: bytes) -> bytes:
        return struct.pack(">HHI", 0x8000 | VERSION, kind, flags << 24 | len(body)) + body

    def data(self, stream: int, payload: bytes, *, fin: bool = False) -> bytes:
        """Return a frame with data."""
        return struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(payload)) + payload

    def reset(self, stream: int, status: int = 5) -> bytes:
        """Return a frame that ends a stream at once; status 5 is CANCEL."""
        return self._control(RESET, 0, struct.pack(">II", stream, status))

    def ping(self, payload: bytes) -> bytes:
        """Return the answer to a ping."""
        return self._control(PING, 0, payload)
