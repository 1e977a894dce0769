"""Applying layers to a root file system, without trusting them."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from oamkit.errors import ImageError
from oamkit.images.layers import OPAQUE, WHITEOUT
from oamkit.images.rootpath import remove_tree, resolve_in_root

__all__ = ["apply_layers"]

KEPT_MODE = 0o1777  # no set-user-id and set-group-id: unpacked files belong to the learner
GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield file


def apply_layers(layers: Iterable[Path], root: Path) -> list[str]:
    """Apply layers, packed or not, to a root file system, as ``layer.md`` says.

    Nothing is written outside ``root``: names and hard links that lead out of it are refused, symbolic links are kept as they are and
    never followed out of it, and device nodes and pipes are refused. Owners aren't set, nor set-user-id bits: the files are the learner's.

    Args:
        layers: The archives, lowest first.
        root: An empty folder, or one that holds the layers below.

    Returns:
        The layers' ``diff_id``: the digests of the archives as they are unpacked.

    Raises:
        ImageError: One holds something that is refused, or is no readable archive.
    """
    folders: dict[Path, tarfile.TarInfo] = {}
    diff_ids = []
    for layer in layers:
        digest = hashlib.sha256()
        fresh: set[Path] = set()  # what this very layer brought: its opaque marks don't hide that
        try:
            with _opened(layer) as file:
                reader = _HashingReader(file, digest)
                with tarfile.open(fileobj=reader, mode="r|") as tar:
                    for member in tar:
                        _extract(tar, member, root, folders, fresh)
                while reader.read(1 << 20):
                    pass
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ImageError(f"The layer {layer.name} is no archive: {error}.") from error
        diff_ids.append("sha256:" + digest.hexdigest())
    for path, member in reversed(folders.items()):  # last, since a folder may be read-only
        if path.is_dir() and not path.is_symlink():
            path.chmod(member.mode & KEPT_MODE)
            os.utime(path, (member.mtime, member.mtime))
    return diff_ids


class _HashingReader(io.RawIOBase):
    """Passes bytes on from a file and hashes them."""

    def __init__(self, file: IO[bytes], digest: hashlib._Hash) -> None:
        self.file = file
        self.digest = digest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        return data


def _inside(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise ImageError(
            f"The layer holds the path {name!r}, which leads out of the image.",
            hint="Don't use this image: it may be meant to overwrite files of this machine.",
            code="image-path",
        )
    return "/".join(parts)


def _extract(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    root: Path,
    folders: dict[Path, tarfile.TarInfo],
    fresh: set[Path],
) -> None:
    name = _inside(member.name)
    if not name:
        return
    path = resolve_in_root(root, name, follow_last=False)
    parent = resolve_in_root(root, name.rpartition("/")[0])
    _make_folders(parent, root)
    if path.name == OPAQUE:
        for child in parent.iterdir():
            if child not in fresh:
                _remove(child)
        return
    if path.name.startswith(WHITEOUT):
        hidden = path.name.removeprefix(WHITEOUT)
        if hidden in ("", ".", ".."):
            raise ImageError(f"The layer holds the whiteout {name!r}, which hides no file.")
        _remove(parent / hidden)
        return
    if not (member.isdir() and path.is_dir() and not path.is_symlink()):
        _remove(path)
    fresh.update((path, *path.parents))
    if member.isdir():
        path.mkdir(exist_ok=True)
        path.chmod(0o700)
        folders.pop(path, None)
        folders[path] = member
    elif member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        _link(member, path, root)
    elif member.isfile():
        _write(tar, member, path)
    else:
        raise ImageError(
            f"The layer holds {name!r}, a device node or pipe, which can't be unpacked safely.",
            hint="Use an image without it, or the kind provider.",
            code="image-device",
        )


def _make_folders(folder: Path, root: Path) -> None:
    """Make the folders that the layer doesn't list itself."""
    if folder.is_dir():
        return
    for path in reversed([folder, *folder.parents]):
        if path.is_relative_to(root) and not path.is_dir():
            if os.path.lexists(path):
                path.unlink()
            path.mkdir(mode=0o755)


def _link(member: tarfile.TarInfo, path: Path, root: Path) -> None:
    target = resolve_in_root(root, _inside(member.linkname), follow_last=False)
    if target.is_dir() or not os.path.lexists(target):
        raise ImageError(f"The layer holds the hard link {member.name!r} to nothing.")
    os.link(target, path, follow_symlinks=False)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None  # noqa: S101 - only None for members that hold no bytes
    with content, path.open("xb") as file:
        while chunk := content.read(1 << 20):
            file.write(chunk)
    path.chmod(member.mode & KEPT_MODE)
    os.utime(path, (member.mtime, member.mtime))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
