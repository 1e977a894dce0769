"""CONTRACT ONLY (the image helper replaces this file): what other parts may rely on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImageConfig:
    """The part of an OCI image configuration that running it needs (OCI image spec, config.md)."""

    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    labels: dict[str, str] | None = None


@dataclass(frozen=True)
class Image:
    """An image in the store."""

    reference: str  # normalised, e.g. "docker.io/library/flask-sample:v1"
    digest: str  # "sha256:…" of its manifest
    config: ImageConfig
    size: int  # bytes
    host_paths: tuple[Path, ...] = ()  # what of this machine the image borrows: /usr, /lib, the interpreter's prefix, CA certificates, …


class ImageStore:
    """An OCI layout on disk."""

    def __init__(self, root: Path) -> None:
        raise NotImplementedError

    def find(self, reference: str) -> Image | None:
        """The image of that name (``flask-sample:v1`` and ``docker.io/library/flask-sample:v1`` are one), or None."""
        raise NotImplementedError

    def images(self) -> list[Image]:
        raise NotImplementedError

    def unpack(self, image: Image) -> Path:
        """The image's root file system, unpacked once, read-only by convention; safe for concurrent callers."""
        raise NotImplementedError

    def remove(self, reference: str) -> bool:
        raise NotImplementedError
