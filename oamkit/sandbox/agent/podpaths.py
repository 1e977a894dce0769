"""Where a Pod's files are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["PodPaths"]


@dataclass(frozen=True)
class PodPaths:
    """The folder of one Pod; mode 0700, since it holds the Pod's secrets.

    Attributes:
        root: ``pods_dir / uid``. The runtime's own files are in ``root / "runtime"``.
    """

    root: Path

    @property
    def volumes(self) -> Path:
        """A folder for each volume."""
        return self.root / "volumes"

    def log(self, container: str, attempt: int) -> Path:
        """The log of one start of a container."""
        return self.root / "logs" / container / f"{attempt}.log"

    def termination(self, container: str, attempt: int) -> Path:
        """The file in which one start of a container leaves its termination message."""
        return self.root / "termination" / container / str(attempt)

    def make(self) -> None:
        """Make the folder."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
