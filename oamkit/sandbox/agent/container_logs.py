"""Reads containers' logs for ``kubectl logs``: from the CRI's format to what the program wrote.

Source: https://kubernetes.io/docs/concepts/cluster-administration/logging/ and ``PodLogOptions`` of the API reference.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from oamkit.sandbox.agent.log_rotation import older
from oamkit.sandbox.agent.model import from_rfc3339

__all__ = ["LogOptions", "Piece", "existing", "follow", "parse"]

POLL_SECONDS = 0.1
CHUNK = 64 * 1024


class Piece(NamedTuple):
    """One entry of a log.

    Attributes:
        time: When it was written, RFC 3339 with nanoseconds.
        stream: ``b"stdout"`` or ``b"stderr"``.
        whole: Whether it ends a line of the program.
        text: What the program wrote, without a line end.
    """

    time: bytes
    stream: bytes
    whole: bool
    text: bytes


@dataclass(frozen=True)
class LogOptions:
    """What somebody wants to see of a log.

    Attributes:
        follow: Whether to go on with what is written from now on.
        tail: How many of the last lines; ``None`` for all.
        since: Nothing from before this time, in seconds since the epoch.
        timestamps: Whether each line begins with its time.
        previous: Whether it is about the start before the newest one.
        limit: How many bytes at most; ``None`` for all.
        stream: ``b"stdout"`` or ``b"stderr"``; ``b""`` for both.
    """

    follow: bool = False
    tail: int | None = None
    since: float = 0.0
    timestamps: bool = False
    previous: bool = False
    limit: int | None = None
    stream: bytes = b""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> LogOptions:
        """Read the query of a request.

        Raises:
            ValueError: A value isn't what it should be.
        """
        tail = int(query["tailLines"]) if query.get("tailLines") else None
        limit = int(query["limitBytes"]) if query.get("limitBytes") else None
        if (tail is not None and tail < 0) or (limit is not None and limit < 1):
            raise ValueError("tailLines must be at least 0, limitBytes at least 1")
        since = from_rfc3339(query["sinceTime"]) if query.get("sinceTime") else 0.0
        if query.get("sinceSeconds"):
            since = time.time() - int(query["sinceSeconds"])
        stream = query.get("stream", "All")
        return cls(
            follow=_flag(query.get("follow")),
            tail=tail,
            since=since,
            timestamps=_flag(query.get("timestamps")),
            previous=_flag(query.get("previous")),
            limit=limit,
            stream=b"" if stream == "All" else stream.lower().encode(),
        )


def _flag(value: str | None) -> bool:
    return value in ("1", "true", "True", "t")


def parse(line: bytes) -> Piece | None:
    """Read one line of a log; ``None`` for what isn't one, e.g. because the disk was full.

    Example:
        >>> parse(b"2030-01-01T00:00:00.5Z stdout F hello world").text
        b'hello world'
    """
    words = line.split(b" ", 3)
    if len(words) != 4:
        return None
    return Piece(words[0], words[1], words[2] == b"F", words[3])


def _moment(piece: Piece) -> float:
    try:
        return from_rfc3339(piece.time[:26].decode().rstrip("Z") + "+00:00")
    except ValueError:
        return 0.0


class _Writer:
    """Turns pieces into output; a time stands only at the beginning of a line."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._inside = False

    def output(self, piece: Piece) -> bytes:
        stamp = self._options.timestamps and not self._inside
        self._inside = not piece.whole
        return (piece.time + b" " if stamp else b"") + piece.text + (b"\n" if piece.whole else b"")


def _wanted(pieces: Iterable[Piece | None], options: LogOptions) -> Iterator[Piece]:
    for piece in pieces:
        if piece is None or (options.stream and piece.stream != options.stream):
            continue
        if options.since and _moment(piece) < options.since:
            continue
        yield piece


def _last_lines(pieces: Iterable[Piece], count: int) -> list[Piece]:
    lines: deque[list[Piece]] = deque(maxlen=count)
    line: list[Piece] = []
    for piece in pieces:
        line.append(piece)
        if piece.whole:
            lines.append(line)
            line = []
    if line:
        lines.append(line)
    return [piece for line in lines for piece in line]


class LogTail:
    """Reads a log piece by piece, and goes on where it stopped, also after the log was cut.

    Args:
        path: The log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> Iterator[Piece | None]:
        """Yield what is new since the last call."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                while chunk := file.read(CHUNK):
                    self._offset += len(chunk)
                    *lines, self._rest = (self._rest + chunk).split(b"\n")
                    yield from map(parse, lines)
        except FileNotFoundError:
            return


def existing(tail: LogTail, path: Path, options: LogOptions) -> Iterator[bytes]:
    """Yield what a log holds, as output."""

    def everything() -> Iterator[Piece | None]:
        yield from LogTail(older(path)).read()
        yield from tail.read()

    pieces: Iterable[Piece] = _wanted(everything(), options)
    if options.tail is not None:
        pieces = _last_lines(pieces, options.tail)
    writer = _Writer(options)
    yield from map(writer.output, pieces)


async def follow(
    path: Path, options: LogOptions, running: Callable[[], bool], listening: Callable[[], bool]
) -> AsyncGenerator[bytes]:
    """Yield a log as output, in chunks; with ``follow`` until the container has ended or nobody listens.

    Args:
        path: The log.
        options: What of it.
        running: Whether the container still runs.
        listening: Whether the client is still there.
    """
    with _kept(path) as log:
        tail = LogTail(log)
        left = options.limit
        source = existing(tail, path, options)
        while True:
            chunk = await asyncio.to_thread(_take, source)
            if chunk:
                if left is not None:
                    chunk = chunk[:left]
                    left -= len(chunk)
                yield chunk
                if left == 0:
                    return
                continue
            if not options.follow or not listening():
                return
            last_round = not running()
            writer = _Writer(options)
            source = map(writer.output, _wanted(tail.read(), LogOptions(stream=options.stream)))
            if last_round:
                # It has ended: what it wrote at the end is read, then nothing more comes.
                yield b"".join(source)[: left if left is not None else None]
                return
            await asyncio.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[Path]:
    """Keep a log open: it can be read to its end by the path that this yields, also when its Pod is deleted meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield path
        return
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _take(source: Iterator[bytes]) -> bytes:
    parts, size = [], 0
    for part in source:
        parts.append(part)
        size += len(part)
        if size >= CHUNK:
            break
    return b"".join(parts)
