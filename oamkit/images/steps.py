"""What a build does, decided from its Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass

from oamkit.images.copying import CopyStep
from oamkit.images.dockerfile import Instruction
from oamkit.images.model import Image, ImageConfig
from oamkit.images.pip_command import PipInstall

__all__ = ["FolderStep", "Plan", "PlannedStep", "RunStep"]


@dataclass(frozen=True)
class RunStep:
    """Commands of one ``RUN``.

    Attributes:
        commands: What is installed, in order.
        working_dir: The image's working folder.
        env: Variables of the Dockerfile.
    """

    commands: tuple[PipInstall, ...]
    working_dir: str
    env: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FolderStep:
    """The folder of a ``WORKDIR``."""

    path: str


@dataclass(frozen=True)
class PlannedStep:
    """An instruction and what it does to the files; ``None`` if it only concerns the configuration."""

    instruction: Instruction
    action: CopyStep | RunStep | FolderStep | None


@dataclass(frozen=True)
class Plan:
    """All that a build does.

    Attributes:
        base: The image that it starts from; ``None`` for ``python:…``.
        base_name: The name after ``FROM``, completed.
        steps: Its steps, that of ``FROM`` first.
        config: The image's configuration.
        notes: What a person should know, though it is no problem.
    """

    base: Image | None
    base_name: str
    steps: tuple[PlannedStep, ...]
    config: ImageConfig
    notes: tuple[str, ...]
