"""Writing layers, so that equal content gives equal bytes.

A layer is a tar archive of what changed, as the OCI image specification's ``layer.md`` has it: a file that vanished is an empty
file ``.wh.<name>`` (a whiteout), a folder whose older content is hidden holds ``.wh..wh..opq``. Ours aren't compressed: nothing is sent
over a network, and so the digest doesn't hang on the version of a compression library.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["OPAQUE", "WHITEOUT", "Entry", "chain_id", "write_layer"]

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True)
class Entry:
    """A file, folder or link that goes into a layer.

    Attributes:
        name: Its path in the image, without a leading slash.
        source: Where its content is; ``None`` for a whiteout, whose ``name`` is that of the file that vanished, or for a folder
            that has no counterpart on this machine.
        mode: Its permission bits.
        uid: Its owner's number in the image.
        gid: Its group's number in the image.
        whiteout: Whether it marks a file that vanished.
    """

    name: str
    source: Path | None
    mode: int
    uid: int = 0
    gid: int = 0
    whiteout: bool = False


class _HashingWriter(io.RawIOBase):
    """Passes bytes on to a file and hashes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.hash.update(data)
        return self.file.write(data)


def write_layer(path: Path, entries: Iterable[Entry], *, mtime: int = 0) -> str:
    """Write a layer whose bytes hang on nothing but the entries: sorted, with one time, without names of owners.

    Args:
        path: The file to write.
        entries: What goes into it, in any order; of two with one name the later counts.
        mtime: The time that every entry gets, in seconds since the epoch (``SOURCE_DATE_EPOCH``).

    Returns:
        Its digest, which is its ``diff_id`` too.
    """
    unique = {entry.name: entry for entry in entries}
    with path.open("wb") as file:
        writer = _HashingWriter(file)
        with tarfile.open(
            fileobj=writer, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 18
        ) as tar:
            for name in sorted(unique):
                _add(tar, unique[name], mtime)
        return "sha256:" + writer.hash.hexdigest()


def _add(tar: tarfile.TarFile, entry: Entry, mtime: int) -> None:
    info = tarfile.TarInfo(entry.name)
    info.mtime, info.mode, info.uid, info.gid = mtime, entry.mode, entry.uid, entry.gid
    if entry.whiteout:
        folder, _, last = entry.name.rpartition("/")
        info.name = f"{folder}/{WHITEOUT}{last}" if folder else WHITEOUT + last
        tar.addfile(info)
        return
    if entry.source is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
        return
    status = entry.source.lstat()
    if stat.S_ISLNK(status.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(entry.source)  # noqa: PTH115 - Path would tidy it up
        tar.addfile(info)
    elif stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    else:
        info.size = status.st_size
        with entry.source.open("rb") as content:
            tar.addfile(info, content)


def chain_id(diff_ids: Iterable[str]) -> str:
    """Return the identity of a stack of layers (OCI image specification, ``config.md``, "Layer ChainID").

    Example:
        >>> chain_id(["sha256:" + "0" * 64])
        'sha256:0000000000000000000000000000000000000000000000000000000000000000'
    """
    chain = ""
    for diff_id in diff_ids:
        if chain:
            chain = "sha256:" + hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
        else:
            chain = diff_id
    return chain or "sha256:" + hashlib.sha256(b"").hexdigest()
