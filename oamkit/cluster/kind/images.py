"""Bringing images to the nodes of a kind cluster."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from oamkit import show
from oamkit.cluster.kind.containers import Containers
from oamkit.cluster.kind.settings import KindSettings
from oamkit.engine import mirrored, remedy
from oamkit.errors import CommandError, ImageError

__all__ = ["NodeImages"]

_AS_LOCAL = re.compile(r"Loaded image: localhost/(\S+)")

PULL_SECONDS = 600.0
LOAD_SECONDS = 300.0

PRESENT = "already present on all nodes"
"""What ``kind load`` says of an image that it needn't copy."""


class NodeImages:
    """Images on their way from the engine to the nodes.

    Args:
        containers: The engine's commands.
        settings: The cluster's name, and where images come from.
    """

    def __init__(self, containers: Containers, settings: KindSettings) -> None:
        self._containers = containers
        self._settings = settings

    def load(self, tag: str, *, shown: bool = True) -> bool:
        """Copy an image to the nodes; return whether they lacked it.

        Raises:
            ImageError: The engine has no such image, or the nodes can't take it.
        """
        engine = self._containers.engine
        if not self._containers.has_image(tag):
            raise ImageError(
                f"{engine.title} has no image {tag}.",
                hint=f"Build it: images.build(…, {tag!r}).",
                code="no-image",
            )
        cluster = ["--name", self._settings.cluster]
        typed = ["kind", "load", "docker-image", tag, *cluster]
        if engine.program == "docker":
            return self._load(typed, typed if shown else ())
        # kind asks a program named docker for images; of Podman it takes archives.
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "image.tar"
            save: list[str | Path] = [
                "save",
                "--format",
                "docker-archive",
                "--output",
                archive,
                engine.name_of(tag),
            ]
            self._containers.docker(*save, timeout=LOAD_SECONDS)
            argv: list[str | Path] = ["kind", "load", "image-archive", archive, *cluster]
            return self._load(argv, argv if shown else ())

    def fetch(self, image: str) -> bool:
        """Make sure that the engine has an image of Docker Hub; return whether it has it now.

        The engine keeps it for the next cluster, and knows this machine's mirrors and proxies, which the nodes don't.
        """
        if self._containers.has_image(image):
            return True
        engine = self._containers.engine
        program, name = engine.program, engine.name_of(image)
        source = name
        if self._settings.mirror:
            source = mirrored(image, {"OAMKIT_MIRROR": self._settings.mirror})
        try:
            self._containers.run(
                [program, "pull", source],
                timeout=PULL_SECONDS,
                progress=lambda line: show.say(f"  {line}", "dim"),
                shown=[program, "pull", source],
            )
            if source != name:
                self._containers.docker("tag", source, name)
        except CommandError:
            return False  # the nodes try it themselves, and their events say why it can't be had
        return True

    def unpack_archives(self) -> None:
        """Load the archives that the person has named into the engine.

        Raises:
            ImageError: One isn't an archive of images.
        """
        for archive in self._settings.archives:
            engine = self._containers.engine
            argv: list[str | Path] = [engine.program, "load", "--input", archive]
            try:
                loaded = self._containers.run(argv, timeout=LOAD_SECONDS, shown=argv).stdout
                # Podman puts "localhost/" before short names; elsewhere, and for kind, they are Docker Hub's.
                for name in _AS_LOCAL.findall(loaded) if engine.program == "podman" else ():
                    self._containers.docker("tag", f"localhost/{name}", engine.name_of(name))
            except CommandError as error:
                raise ImageError(
                    f"{archive} can't be loaded: {error.stderr.strip()}",
                    hint=remedy(error.stderr, "It must be an archive of 'docker save'."),
                    code="bad-archive",
                ) from error

    def _load(self, argv: Sequence[str | Path], shown: Sequence[str | Path]) -> bool:
        try:
            done = self._containers.run(argv, timeout=LOAD_SECONDS, shown=shown)
        except CommandError as error:
            raise ImageError(
                f"The image can't be loaded into the nodes: {error.stderr.strip()}",
                hint=remedy(
                    error.stderr,
                    "Are all nodes running? cluster.status() says so; cluster.ensure() starts them.",
                ),
                code="image-load",
            ) from error
        return PRESENT not in done.stdout + done.stderr
