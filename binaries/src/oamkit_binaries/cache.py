"""Where oamkit keeps what can be made again.

The same folder as :func:`oamkit.paths.cache`, found with the standard library alone: this package has no dependencies, and
its builder runs before there are any.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache"]


def cache() -> Path:
    """Return the folder; it need not exist yet.

    ``OAMKIT_CACHE`` names it; otherwise it is ``oamkit`` in the user's cache folder: ``$XDG_CACHE_HOME`` or ``~/.cache`` (XDG
    Base Directory Specification), on macOS ``~/Library/Caches``.
    """
    own = os.environ.get("OAMKIT_CACHE")
    if own:
        return Path(own).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "oamkit"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.strip() else Path.home() / ".cache") / "oamkit"
