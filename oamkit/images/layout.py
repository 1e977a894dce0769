"""An OCI image layout on disk: blobs by digest, and an index of names.

The files are those of the OCI image specification, ``image-layout.md``: ``oci-layout``, ``index.json`` and
``blobs/sha256/<hex>``; a name is the annotation ``org.opencontainers.image.ref.name`` of a descriptor in the index
(``annotations.md``). Every file appears by a rename, so a reader, or a crash, sees it whole or not at all.

Two locks (``flock(2)``, released by the kernel when their holder dies) order the writers:

=============  ======================================================================================
``lock``       held for the moment in which ``index.json`` is changed
``use.lock``   shared by whoever adds or reads blobs for a while; exclusive for who clears away
=============  ======================================================================================
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oamkit.errors import ImageError
from oamkit.images.rootpath import remove_tree

__all__ = ["BlobError", "OciLayout", "disk_errors", "file_lock", "sha256_of"]

REF_NAME = "org.opencontainers.image.ref.name"
MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER = "application/vnd.oci.image.layer.v1.tar"
CHUNK = 1 << 20

Descriptor = dict[str, Any]


class BlobError(Exception):
    """A blob is missing or isn't what its digest says. The store turns it into an error that names the image."""


@contextmanager
def file_lock(path: Path, *, exclusive: bool = True, wait: bool = True) -> Iterator[bool]:
    """Hold a lock between processes and threads.

    Args:
        path: The lock's file; made if needed, never removed.
        exclusive: Whether nobody else may hold it; otherwise it is shared with those who share.
        wait: Whether to wait for it.

    Yields:
        Whether it was got; always true with ``wait``.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flags = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, flags if wait else flags | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(root: Path) -> Iterator[None]:
    """Turn what a disk refuses into an error that says what to do.

    Raises:
        ImageError: The disk below ``root`` is full, or may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ImageError(
                f"The disk of {root} is full.",
                hint="Make room, e.g. by oamkit.images.ImageStore().prune(build_cache=True), then try again.",
                code="disk-full",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
            raise ImageError(
                f"{error.filename} can't be written: {error.strerror}.",
                hint=f"Check who owns {root}, or name another folder by OAMKIT_HOME.",
                code="image-store-refused",
            ) from error
        raise


def sha256_of(path: Path) -> str:
    """Return the digest of a file, e.g. ``"sha256:9f86…"``."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


class OciLayout:
    """The files of an OCI image layout; see the module.

    Args:
        root: The layout's folder; made if needed, for this user alone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs" / "sha256"
        self.temporary = root / "tmp"
        for folder in (root, self.blobs, self.temporary):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (root / "oci-layout").exists():
            self.write_file(root / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def write_file(self, path: Path, content: bytes) -> None:
        """Replace a file in one step, safe against a crash at any moment."""
        descriptor, name = tempfile.mkstemp(dir=self.temporary)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)

    # -- blobs

    def blob(self, digest: str) -> Path:
        """Return the place of a blob, whether it is there or not."""
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or not value.isalnum():
            raise BlobError(f"{digest!r} isn't a sha256 digest")
        return self.blobs / value

    def add_bytes(self, content: bytes, media_type: str) -> Descriptor:
        """Add a small blob and return its descriptor (``descriptor.md``)."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.write_file(self.blob(digest), content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def add_json(self, value: object, media_type: str) -> Descriptor:
        """Add a JSON document, written in one canonical way so that equal content has an equal digest."""
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return self.add_bytes(text.encode(), media_type)

    def add_file(self, path: Path, media_type: str, digest: str) -> Descriptor:
        """Move a finished file of the same file system in as a blob."""
        size = path.stat().st_size
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.rename(self.blob(digest))
        return {"mediaType": media_type, "digest": digest, "size": size}

    def verified(self, digest: str) -> Path:
        """Return a blob whose content was just compared with its digest.

        A damaged one is removed, so that the next build or import makes it anew.

        Raises:
            BlobError: It is missing or damaged.
        """
        path = self.blob(digest)
        try:
            actual = sha256_of(path)
        except FileNotFoundError as error:
            raise BlobError(f"the blob {digest} is missing") from error
        except OSError as error:
            raise BlobError(f"the blob {digest} can't be read: {error.strerror}") from error
        if actual != digest:
            path.unlink(missing_ok=True)
            raise BlobError(f"the blob {digest} is damaged: its content has the digest {actual}")
        return path

    def read_json(self, digest: str) -> dict[str, Any]:
        """Return a JSON blob, verified.

        Raises:
            BlobError: It is missing, damaged or no JSON object.
        """
        content = self.verified(digest).read_bytes()
        try:
            value = json.loads(content)
        except ValueError as error:
            raise BlobError(f"the blob {digest} is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise BlobError(f"the blob {digest} is no JSON object")
        return value

    # -- the index

    def manifests(self) -> list[Descriptor]:
        """Return the descriptors of ``index.json``; none while there is no such file.

        Raises:
            ImageError: The file is damaged.
        """
        path = self.root / "index.json"
        try:
            manifests = json.loads(path.read_bytes())["manifests"]
            return [dict(item) for item in manifests if item["digest"]]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise ImageError(
                f"{path} is damaged: {error!r}.",
                hint=f"Remove the folder {self.root} and build the images again.",
                code="image-store-damaged",
            ) from error

    def edit_index(self, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
        """Change ``index.json`` while no other process does."""
        with file_lock(self.root / "lock"):
            manifests = change(self.manifests())
            index = {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": manifests}
            self.write_file(self.root / "index.json", json.dumps(index, indent=1).encode())

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep blobs and temporary files from being cleared away meanwhile."""
        with file_lock(self.root / "use.lock", exclusive=False):
            yield

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """A folder on the layout's file system that is removed at the end. Hold :meth:`in_use` around it."""
        folder = Path(tempfile.mkdtemp(dir=self.temporary))
        try:
            yield folder
        finally:
            remove_tree(folder)
