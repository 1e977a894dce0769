"""The program that makes containers on this machine: Docker, or Podman in its stead.

What differs between the two stands here: everything else takes an :class:`Engine` and needn't know which one it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oamkit.errors import ClusterError, OamKitError
from oamkit.process import Runner, SubprocessRunner

__all__ = [
    "Engine",
    "find_engine",
    "has_stopped",
    "mirrored",
    "remedy",
    "require_engine",
    "stopped",
]

ANSWER_SECONDS = 5.0
"""How long an engine may take to say that it is there, where there is another way without it."""

PATIENT_SECONDS = 30.0
"""The same where nothing goes on without it: an engine with much to do is slow."""

MIRROR_VARIABLE = "OAMKIT_MIRROR"
"""Names a mirror of Docker Hub, e.g. ``mirror.example``: images come from there. For networks that don't reach Docker Hub."""

HUB = "docker.io"

SILENT = (
    "is the docker daemon running",
    "cannot connect to the docker daemon",
    "error during connect",
    "unable to connect to podman",
)
"""What a client says whose engine doesn't answer."""

FULL = "no space left on device"
"""What every program says when the disk is full."""


@dataclass(frozen=True)
class Engine:
    """A container engine that answers.

    Attributes:
        program: ``"docker"`` or ``"podman"``.
        info: What ``docker info`` tells, as the engine spells it.

    Example:
        >>> Engine("podman").environ
        {'KIND_EXPERIMENTAL_PROVIDER': 'podman'}
        >>> Engine("podman").name_of("flask-sample:v1"), Engine("docker").name_of("flask-sample:v1")
        ('docker.io/library/flask-sample:v1', 'flask-sample:v1')
    """

    program: str
    info: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return self.program.capitalize()

    @property
    def environ(self) -> dict[str, str]:
        """What kind must find in its environment to use this engine (kind's documentation, "Rootless" and "Podman")."""
        return {} if self.program == "docker" else {"KIND_EXPERIMENTAL_PROVIDER": self.program}

    def name_of(self, tag: str) -> str:
        """Return what an image must be called here, so that a node knows it by ``tag``.

        A node completes a short name by Docker Hub's; Podman would by ``localhost``.
        """
        first, slash, _ = tag.partition("/")
        hosted = bool(slash) and (first == "localhost" or "." in first or ":" in first)
        if self.program == "docker" or hosted:
            return tag
        return f"{HUB}/{tag}" if slash else f"{HUB}/library/{tag}"


def find_engine(
    runner: Runner | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    seconds: float = ANSWER_SECONDS,
) -> Engine | None:
    """Return the engine of this machine; Docker if both answer, unless ``KIND_EXPERIMENTAL_PROVIDER`` asks for Podman.

    Args:
        runner: Runs ``docker info``; really by default.
        environ: Environment variables; this process's by default.
        seconds: How long each may take to answer.

    Returns:
        The engine, or ``None`` if none answers in time.
    """
    runner = runner or SubprocessRunner()
    asked = (os.environ if environ is None else environ).get("KIND_EXPERIMENTAL_PROVIDER", "")
    for program in [asked] if asked in ("docker", "podman") else ["docker", "podman"]:
        try:
            command = [program, "info", "--format", "{{json .}}"]
            said = runner.run(command, timeout=seconds).stdout
            info = json.loads(said)
        except (OamKitError, ValueError):
            continue
        # docker's client answers without an engine too, with an empty version of the server; Podman always names its host.
        if isinstance(info, dict) and (info.get("ServerVersion") or info.get("host")):
            return Engine(program, info)
    return None


def require_engine(runner: Runner | None = None) -> Engine:
    """Return the engine of this machine.

    Raises:
        ClusterError: None answers.
    """
    engine = find_engine(runner, seconds=PATIENT_SECONDS)
    if engine is None:
        raise ClusterError(
            "No container engine answers: kind needs Docker or Podman.",
            hint="Start Docker, then run this again. Without it: OAMKIT_PROVIDER=sandbox.",
            code="no-engine",
            docs="kind.md#when-something-doesnt-work",
        )
    return engine


def has_stopped(said: str) -> bool:
    """Whether a client says that its engine doesn't answer.

    Args:
        said: What it printed.

    Example:
        >>> has_stopped("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
        True
    """
    return any(words in said.lower() for words in SILENT)


def stopped(program: str) -> ClusterError:
    """Return the error for an engine that answered before and doesn't any more.

    Args:
        program: The command that can't go on.
    """
    return ClusterError(
        f"{program} can't go on: the container engine has stopped.",
        hint="Start Docker again, then run this once more: what is half done is finished.",
        code="engine-stopped",
        docs="kind.md#when-something-doesnt-work",
    )


def remedy(said: str, otherwise: str) -> str:
    """Return what to do about a command of the engine or of kind that has failed.

    Args:
        said: What it printed.
        otherwise: What to do if that names none of the usual reasons.

    Example:
        >>> remedy("write /x: no space left on device", "Look.")
        "The disk is full: make room, e.g. by 'docker system prune', then run this again."
    """
    if FULL in said.lower():
        return "The disk is full: make room, e.g. by 'docker system prune', then run this again."
    return otherwise


def mirrored(image: str, environ: Mapping[str, str] | None = None) -> str:
    """Return where an image of Docker Hub is to be fetched from: ``OAMKIT_MIRROR``, or Docker Hub itself.

    Args:
        image: E.g. ``"traefik:v3.7.15"`` or ``"kindest/node:v1.37.0@sha256:…"``.
        environ: Environment variables; this process's by default.

    Example:
        >>> mirrored("python:3.13-slim", {"OAMKIT_MIRROR": "mirror.example"})
        'mirror.example/library/python:3.13-slim'
        >>> mirrored("python:3.13-slim", {})
        'python:3.13-slim'
    """
    mirror = (os.environ if environ is None else environ).get(MIRROR_VARIABLE, "").strip("/ ")
    if not mirror:
        return image
    return f"{mirror}/{image}" if "/" in image else f"{mirror}/library/{image}"
