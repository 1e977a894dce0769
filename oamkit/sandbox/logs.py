"""The components' logs: one file each, of a bounded size."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["append", "explain", "follow", "last_words", "mark_start", "path", "rotate", "tail"]

LARGEST = 10 * 2**20
"""Bytes after which a log is put aside as ``<name>.log.1``."""

START = b"--- started"

_CAUSES = {
    "no space left on device": "The disk is full: make room (the sandbox needs about 200 MB), then run 'oamkit sandbox up' again.",
    "read-only file system": "The sandbox's folder can't be written to; OAMKIT_HOME names another one.",
    "permission denied": "A file of the sandbox belongs to somebody else, or can't be read; OAMKIT_HOME names another folder.",
    "address already in use": "Another program took the port in this moment: run 'oamkit sandbox up' again.",
    "cannot allocate memory": "The machine is out of memory: the sandbox needs about 500 MB.",
    "no module named": "The installation isn't complete: run 'pip install oamkit[sandbox]'.",
}


def path(folder: Path, name: str) -> Path:
    """Return the log of a component."""
    return folder / f"{name}.log"


def append(folder: Path, name: str) -> IO[bytes]:
    """Open the log of a component, to append to it; a new one gets mode 0600."""
    return open(path(folder, name), "ab", opener=lambda file, flags: os.open(file, flags, 0o600))


def rotate(folder: Path, name: str, largest: int = LARGEST) -> None:
    """Put a log aside if it has grown large.

    It is copied and emptied rather than renamed: its writer appends (``O_APPEND``), and goes on in the same file.
    """
    log = path(folder, name)
    if log.exists() and log.stat().st_size > largest:
        with log.open("rb") as source, log.with_suffix(".log.1").open("wb") as target:
            source.seek(-largest, os.SEEK_END)
            target.write(source.read())
        os.truncate(log, 0)


def tail(folder: Path, name: str, count: int) -> str:
    """Return the last lines of a log; ``""`` if there is none."""
    log = path(folder, name)
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(line[:400] for line in lines[-count:])


def mark_start(output: IO[bytes]) -> None:
    """Write the line that parts one run of a program from the one before.

    Raises:
        OSError: It can't be written, e.g. because the disk is full.
    """
    output.write(START + time.strftime(" %Y-%m-%d %H:%M:%S\n").encode())
    output.flush()


def last_words(folder: Path, name: str, count: int = 8) -> str:
    """Return the last lines of the newest run that say why it ended, without the stacks of Go programs."""
    lines = tail(folder, name, 1000).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(START.decode())]
    lines = lines[starts[-1] + 1 :] if starts else lines
    panics = [number for number, line in enumerate(lines) if line.startswith(("panic:", "fatal "))]
    lines = lines[: panics[-1] + 1] if panics else lines
    # A frame of a stack is two lines: the function, and with a tab before it the place.
    below = [*lines[1:], ""]
    plain = [
        line
        for line, next_line in zip(lines, below, strict=False)  # nothing is below nothing
        if line and not line.startswith("\t") and not next_line.startswith("\t")
    ]
    return "\n".join(plain[-count:])


def explain(folder: Path, name: str, also: str = "") -> str:
    """Return what to do about the end of a component, if its last lines tell; ``""`` otherwise.

    Args:
        folder: The folder of the logs.
        name: The component.
        also: More words to look at.
    """
    text = f"{last_words(folder, name, 20)} {also}".lower()
    return next((advice for sign, advice in _CAUSES.items() if sign in text), "")


def follow(log: Path, *, poll: float = 0.2) -> Iterator[str]:
    """Yield a log's lines without their ends, and go on as it grows, until the iterator is closed."""
    rest, position = b"", 0
    while True:
        if log.exists():
            if log.stat().st_size < position:
                position, rest = 0, b""  # it was put aside
            with log.open("rb") as file:
                file.seek(position)
                chunk = file.read()
            position += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
        time.sleep(poll)
