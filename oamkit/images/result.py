"""What a build yields."""

from __future__ import annotations

from dataclasses import dataclass

from oamkit.images.model import Image
from oamkit.images.reference import Reference

__all__ = ["BuildResult", "BuildStep"]


@dataclass(frozen=True)
class BuildStep:
    """One instruction that was carried out.

    Attributes:
        line: Its line in the Dockerfile.
        text: What it says.
        cached: Whether its layer was there already; ``None`` if it makes none.
        size: Bytes of its layer.
        seconds: How long it took.
    """

    line: int
    text: str
    cached: bool | None
    size: int
    seconds: float


@dataclass(frozen=True)
class BuildResult:
    """An image that was built.

    Attributes:
        image: The image, in the store.
        steps: What was done, in order.
        notes: What a person should know, e.g. that the image got another Python than it asks for.
        seconds: How long it took.
    """

    image: Image
    steps: tuple[BuildStep, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def cached(self) -> int:
        """How many layers were there already."""
        return sum(step.cached is True for step in self.steps)

    @property
    def made(self) -> int:
        """How many layers were made."""
        return sum(step.cached is False for step in self.steps)

    def __str__(self) -> str:
        name = Reference.parse(self.image.reference).familiar
        size = self.image.size / 1e6
        lines = [
            f"Built {name} in {self.seconds:.1f} s: {self.made} layers made, {self.cached} cached, {size:.1f} MB.",
            f"Digest {self.image.digest}",
            *(f"Note: {note}." for note in self.notes),
        ]
        return "\n".join(lines)
