"""Paths inside an image's root file system, which must never lead out of it.

An image's links are read as the container will see them: an absolute link starts at the image's root, and ``..`` at the root stays
there. So a link to ``/etc/passwd`` in an image can't make a build or an unpacking touch this machine's file.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from oamkit.errors import ImageError

__all__ = ["remove_tree", "resolve_in_root"]

MAX_LINKS = 40  # as Linux has it (path_resolution(7))


def resolve_in_root(root: Path, path: str, *, follow_last: bool = True) -> Path:
    """Return where a path of an image lies on this machine, its links followed within the image.

    Args:
        root: The image's root file system.
        path: A path in it; taken from its root whether it starts with a slash or not. It needn't exist.
        follow_last: Whether the last part is followed if it is a link.

    Raises:
        ImageError: The links go in circles.

    Example:
        >>> resolve_in_root(Path("/srv/rootfs"), "../../etc/passwd").as_posix()
        '/srv/rootfs/etc/passwd'
    """
    done: list[str] = []
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            done = done[:-1]
            continue
        here = root.joinpath(*done, part)
        if not here.is_symlink() or (not todo and not follow_last):
            done.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise ImageError(f"The links of {path} in the image go in circles.", code="image-links")
        target = here.readlink().as_posix()
        if target.startswith("/"):
            done = []
        todo += [step for step in reversed(target.split("/")) if step not in ("", ".")]
    return root.joinpath(*done)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, also folders that were made read-only. What isn't there is fine."""
    if folder.is_symlink() or not folder.exists():
        return
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                path.chmod(0o700)
    shutil.rmtree(folder)
