"""Building an image for the cluster in use, by whatever builds images there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oamkit import show
from oamkit.errors import InputError
from oamkit.process import Runner, SubprocessRunner
from oamkit.provider import ProviderName, choose

__all__ = ["BuiltImage", "build"]


@dataclass(frozen=True)
class BuiltImage(show.Line):
    """An image that can be loaded into the cluster.

    Attributes:
        tag: Its name, e.g. ``"flask-sample:v1"``.
        digest: What identifies its content, e.g. ``"sha256:…"``.
        size: Bytes.
        seconds: How long it took.
        detail: More, e.g. how many layers were made anew; ``""`` if not known.
    """

    tag: str
    digest: str
    size: int
    seconds: float
    detail: str = ""

    def line(self) -> str:
        """Say it."""
        took, size = show.seconds(self.seconds), f"{self.size / 1e6:.1f} MB"
        if self.detail:
            return f"image {self.tag}: built in {took} ({self.detail}), {size}, {self.digest[:19]}…"
        return f"image {self.tag}: built in {took}, {size}, {self.digest[:19]}…"


def build(
    context: str | Path,
    tag: str,
    *,
    dockerfile: str | Path | None = None,
    build_args: Mapping[str, str] | None = None,
    runner: Runner | None = None,
) -> BuiltImage:
    """Build an image from a Dockerfile: by the kit's own builder for the sandbox, by Docker for any other cluster.

    Args:
        context: The folder whose files ``COPY`` may read.
        tag: The image's name, e.g. ``"flask-sample:v1"``.
        dockerfile: The file; ``Dockerfile`` in the context by default.
        build_args: Values for ``ARG``.
        runner: Runs docker; really by default.

    Returns:
        The image. Building it again without a change gives the same digest, from the cache.

    Raises:
        InputError: There is no such folder or file, or the Dockerfile asks for what can't be done.
        ImageError: A step failed; its line is named.
        ClusterError: Docker is to build it, and doesn't answer.
        CommandError: ``docker build`` failed; the error holds its last lines.

    Example::

        images.build("flask-demo", "flask-sample:v1")
    """
    folder = Path(context)
    file = Path(dockerfile) if dockerfile else folder / "Dockerfile"
    if not file.is_file():
        raise InputError(
            "there is no such Dockerfile",
            file=file,
            hint=f"Paths start from the working folder, which is {Path.cwd()}.",
        )
    arguments = ["build", "--tag", tag]
    if dockerfile:
        arguments += ["--file", str(file)]
    for name, value in (build_args or {}).items():
        arguments += ["--build-arg", f"{name}={value}"]
    if choose(runner=runner).name is ProviderName.SANDBOX:
        show.command(["oamkit", *arguments, str(context)])
        return _build_here(folder, tag, file, build_args or {})
    from oamkit.images.docker import build_by_engine

    done = build_by_engine(folder, tag, file, build_args or {}, runner or SubprocessRunner())
    return BuiltImage(tag, done.digest, done.size, done.seconds, done.detail)


def _build_here(
    context: Path, tag: str, dockerfile: Path, build_args: Mapping[str, str]
) -> BuiltImage:
    from oamkit.images.builder import build as build_without_docker

    done = build_without_docker(
        context,
        dockerfile,
        tag=tag,
        build_args=build_args,
        progress=lambda line: show.say(f"  {line}", "dim"),
    )
    detail = f"{done.made} layers made, {done.cached} from the cache"
    return BuiltImage(tag, done.image.digest, done.image.size, done.seconds, detail)
