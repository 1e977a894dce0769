"""Building images by Docker, or by Podman where that is the engine."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oamkit import show
from oamkit.engine import has_stopped, mirrored, remedy, require_engine, stopped
from oamkit.errors import CommandError
from oamkit.process import Runner

__all__ = ["Built", "build_by_engine"]

TIMEOUT = 900.0
"""Seconds that a build may take: it may have to fetch a base image."""

LAST_LINES = 20

# A step begins: of Docker's older builder and Podman ("Step 2/9 : RUN …", "STEP 2/9: RUN …"), and of BuildKit ("#6 [2/5] RUN …").
_STEP = re.compile(r"(?:step (\d+/\d+) ?: |#\d+ \[(?:\S+ )?(\d+/\d+)\] )(.+)", re.IGNORECASE)
_CACHED = re.compile(r"\s*-+> using cache|#\d+ CACHED", re.IGNORECASE)
_BASE = re.compile(r"^ARG BASE=(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Built:
    """What the engine has built.

    Attributes:
        digest: The image's ID.
        size: Bytes.
        seconds: How long it took.
        detail: How many steps came from the cache.
    """

    digest: str
    size: int
    seconds: float
    detail: str


@dataclass
class _Progress:
    """Shows each step as it begins, and keeps the last lines for the case that one fails."""

    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    steps: set[str] = field(default_factory=set)
    cached: int = 0

    def __call__(self, line: str) -> None:
        self.last.append(line)
        if _CACHED.match(line):
            self.cached += 1
        elif step := _STEP.match(line):
            number, text = step[1] or step[2], step[3]
            if number not in self.steps:  # BuildKit names a step again when it goes on with it
                self.steps.add(number)
                show.say(f"  [{number}] {text}", "dim")

    @property
    def detail(self) -> str:
        return f"{len(self.steps)} steps, {self.cached} from the cache" if self.steps else ""


def build_by_engine(
    context: Path, tag: str, dockerfile: Path, build_args: Mapping[str, str], runner: Runner
) -> Built:
    """Build an image with a line for each step.

    ``ARG BASE`` of a Dockerfile is fetched from the mirror that ``OAMKIT_MIRROR`` names, unless it is given.

    Args:
        context: The folder whose files ``COPY`` may read.
        tag: The image's name.
        dockerfile: The Dockerfile.
        build_args: Values for ``ARG``.
        runner: Runs the engine's client.

    Raises:
        ClusterError: No engine answers, or it has stopped.
        CommandError: A step failed; the error holds the last lines.
    """
    engine = require_engine(runner)
    arguments = ["build", "--tag", engine.name_of(tag)]
    if dockerfile != context / "Dockerfile":
        arguments += ["--file", str(dockerfile)]
    base = _BASE.search(dockerfile.read_text(encoding="utf-8"))
    if base and "BASE" not in build_args and mirrored(base[1]) != base[1]:
        build_args = {**build_args, "BASE": mirrored(base[1])}
    for name, value in build_args.items():
        arguments += ["--build-arg", f"{name}={value}"]
    argv = [engine.program, *arguments, str(context)]
    show.command(argv)
    start = time.monotonic()
    progress = _Progress()
    try:
        runner.run(argv, timeout=TIMEOUT, progress=progress)
    except CommandError as error:
        said = "\n".join(progress.last) or error.stderr
        if has_stopped(said):
            raise stopped(engine.program) from error
        hint = "The lines above name the step that failed. Without Docker: OAMKIT_PROVIDER=sandbox."
        raise error.told(stderr=said, hint=remedy(said, hint)) from error
    took = time.monotonic() - start
    inspect = ["image", "inspect", "--format", "{{.Id}} {{.Size}}", engine.name_of(tag)]
    digest, size = runner.run([engine.program, *inspect], timeout=30).stdout.split()
    return Built(digest, int(size), took, progress.detail)
