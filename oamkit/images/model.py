"""What an image is, apart from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["HOST_PATHS_LABEL", "Image", "ImageConfig"]

HOST_PATHS_LABEL = "dev.oamkit.host-paths"
"""The label that keeps :attr:`Image.host_paths`: a JSON list."""


@dataclass(frozen=True)
class ImageConfig:
    """The part of an OCI image configuration that running it needs (OCI image spec, ``config.md``).

    Attributes:
        env: ``NAME=value`` each.
        entrypoint: The program and the arguments that always stand before the command.
        cmd: The default command, or default arguments of the entrypoint.
        working_dir: An absolute path in the image.
        user: ``user``, ``uid``, ``user:group``, ``uid:gid`` …; ``""`` for root.
        exposed_ports: ``port/protocol`` each, e.g. ``"80/tcp"``, sorted.
        volumes: Paths in the image that are meant to be volumes, sorted.
        labels: Any metadata.
        stop_signal: Name or number of the signal that asks it to end; ``""`` for ``SIGTERM``.
        healthcheck: Docker's extension ``Healthcheck``; kept, as Kubernetes ignores it.
    """

    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    healthcheck: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object ``config`` of an image configuration."""
        values: dict[str, Any] = {
            "Env": list(self.env),
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "WorkingDir": self.working_dir,
            "User": self.user,
            "ExposedPorts": {port: {} for port in self.exposed_ports},
            "Volumes": {path: {} for path in self.volumes},
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
            "Healthcheck": dict(self.healthcheck) if self.healthcheck else None,
        }
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ImageConfig:
        """Read what :meth:`to_json` returned, or another tool wrote; fields that we don't know are left out."""
        return cls(
            env=tuple(values.get("Env") or ()),
            entrypoint=tuple(values.get("Entrypoint") or ()),
            cmd=tuple(values.get("Cmd") or ()),
            working_dir=values.get("WorkingDir") or "/",
            user=values.get("User") or "",
            exposed_ports=tuple(sorted(values.get("ExposedPorts") or ())),
            volumes=tuple(sorted(values.get("Volumes") or ())),
            labels=dict(values.get("Labels") or {}),
            stop_signal=values.get("StopSignal") or "",
            healthcheck=values.get("Healthcheck") or None,
        )


@dataclass(frozen=True)
class Image:
    """An image in the store.

    Attributes:
        reference: Its completed name, e.g. ``"docker.io/library/flask-sample:v1"``.
        digest: ``"sha256:…"`` of its manifest.
        config: How to run it.
        size: Bytes of its configuration and layers together.
        host_paths: What of this machine it borrows, read-only: folders with programs and libraries, the interpreter's prefix, CA
            certificates. Where the image has something of its own at such a path, the image's counts.
    """

    reference: str
    digest: str
    config: ImageConfig
    size: int
    host_paths: tuple[Path, ...] = ()
