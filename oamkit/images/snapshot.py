"""What a step changed in a root file system."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from oamkit.errors import ImageError
from oamkit.images.layers import Entry

__all__ = ["Snapshot", "changes", "take_snapshot"]

Snapshot = dict[str, tuple[int, ...]]
"""Of each file and folder, by its path in the image: what changes whenever it does."""


def take_snapshot(root: Path) -> Snapshot:
    """Look at every file and folder below a root, links not followed."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            key = path.relative_to(root).as_posix()
            if stat.S_ISDIR(status.st_mode):
                found[key] = (status.st_mode,)  # its own times change with what is in it
            else:
                found[key] = (status.st_mode, status.st_ino, status.st_size, status.st_ctime_ns)
    return found


def changes(root: Path, before: Snapshot, after: Snapshot) -> list[Entry]:
    """Return the entries of the layer that leads from one snapshot to the other.

    Raises:
        ImageError: A socket, pipe or device was made, which no layer of ours holds.
    """
    entries = []
    for name, state in after.items():
        if before.get(name) == state:
            continue
        mode = state[0]
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise ImageError(f"/{name} in the image is no file, folder or link.")
        entries.append(Entry(name, root / name, stat.S_IMODE(mode)))
    gone = before.keys() - after.keys()
    highest = [name for name in gone if name.rpartition("/")[0] not in gone]
    return entries + [Entry(name, None, 0, whiteout=True) for name in highest]
