"""Keeps the logs of containers bounded.

The processes that write them append, so a log can be copied and cut while they write; what they write in between is lost. A real node
renames instead (``containerLogMaxSize``: 10 MiB as well).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["MAX_BYTES", "older", "rotate"]

MAX_BYTES = 10 << 20


def older(log: Path) -> Path:
    """Return where the older part of a log is."""
    return log.with_name(log.name + ".1")


def rotate(pod: Path, limit: int = MAX_BYTES) -> None:
    """Cut the logs of a Pod that are longer than the limit; the older part is kept beside it, and the part before that removed.

    Args:
        pod: The Pod's folder.
        limit: Bytes.
    """
    for log in (pod / "logs").glob("*/*.log"):
        try:
            if log.stat().st_size > limit:
                shutil.copyfile(log, older(log))
                os.truncate(log, 0)
        except FileNotFoundError:
            continue
