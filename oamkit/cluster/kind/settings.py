"""What a person can set of the kind cluster, by environment variables; see :mod:`oamkit.cluster.kind`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oamkit.engine import MIRROR_VARIABLE
from oamkit.errors import InputError

__all__ = ["KindSettings"]


@dataclass(frozen=True)
class KindSettings:
    """The settings.

    Attributes:
        cluster: The cluster's name among those of kind.
        mirror: A mirror of Docker Hub; ``""`` for Docker Hub itself.
        archives: Files of ``docker save``.
        node_image: The node image; ``""`` for the one that the script pins.
        traefik_image: The ingress controller's image; ``""`` for the one that its manifest pins.
    """

    cluster: str = "oamkit"
    mirror: str = ""
    archives: tuple[Path, ...] = ()
    node_image: str = ""
    traefik_image: str = ""

    @property
    def node(self) -> str:
        """The container of the control plane, as kind names it."""
        return f"{self.cluster}-control-plane"

    @property
    def cluster_folder(self) -> str:
        """The folder, below the kit's data, of what belongs to this cluster."""
        return "kind" if self.cluster == KindSettings.cluster else f"kind-{self.cluster}"

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> KindSettings:
        """Read them from environment variables; this process's by default.

        Raises:
            InputError: ``OAMKIT_ARCHIVES`` names what isn't there.

        Example:
            >>> KindSettings.read({"OAMKIT_CLUSTER": "second"}).node
            'second-control-plane'
        """
        environ = os.environ if environ is None else environ
        return cls(
            cluster=environ.get("OAMKIT_CLUSTER", "") or "oamkit",
            mirror=environ.get(MIRROR_VARIABLE, "").strip("/ "),
            archives=_archives(environ.get("OAMKIT_ARCHIVES", "")),
            node_image=environ.get("OAMKIT_NODE_IMAGE", ""),
            traefik_image=environ.get("OAMKIT_TRAEFIK_IMAGE", ""),
        )


def _archives(named: str) -> tuple[Path, ...]:
    if not named:
        return ()
    place = Path(named).expanduser()
    if place.is_file():
        return (place,)
    if not place.is_dir():
        raise InputError(
            f"there is no file or folder {place}",
            field="OAMKIT_ARCHIVES",
            hint="Name an archive that 'docker save' wrote, or a folder of such archives.",
        )
    return tuple(sorted(file for file in place.iterdir() if ".tar" in file.suffixes))
