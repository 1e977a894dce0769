"""Gives a container of the loopback layout a file tree of its own, without mounting anything.

The tree is a copy of the image: real folders, and hard links to its files (copies where the file system has none). Volumes are symbolic
links in it. Scripts get the tree's own interpreter into their first line. So what starts below the tree stays in it, as a Python virtual
environment does; but a program that opens ``/etc/passwd`` opens this machine's, unless it is Python and the hook
(``loopback_hook``) sends it to the tree. A program that rewrites a file of the image in place, rather than replacing it, changes the image.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from oamkit.sandbox.cri import Mount

__all__ = ["build_root", "mapped", "mapped_environment"]

LONGEST_FIRST_LINE = 255  # of a script, from Linux 5.1 on (execve(2))


def build_root(rootfs: Path, root: Path, mounts: Sequence[Mount]) -> None:
    """Make the tree.

    Args:
        rootfs: The unpacked image.
        root: Where the tree is made.
        mounts: Volumes, outermost first.
    """
    root.mkdir(parents=True)
    for name, folders, files in os.walk(rootfs):
        folder = Path(name)
        target = root / folder.relative_to(rootfs)
        for each in folders:
            if (folder / each).is_symlink():
                _copy_link(folder / each, target / each, rootfs, root)
            else:
                (target / each).mkdir()
        for each in files:
            if (folder / each).is_symlink():
                _copy_link(folder / each, target / each, rootfs, root)
            else:
                _copy_file(folder / each, target / each, rootfs, root)
    for mount in mounts:
        _show_volume(mount, root)


def mapped(word: str, root: Path) -> str:
    """Return where an absolute path that the tree has is on this machine; anything else stays.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     Path(name, "app").mkdir()
        ...     mapped("/app", Path(name)) == f"{name}/app", mapped("/usr", Path(name)), mapped("app", Path(name))
        (True, '/usr', 'app')
    """
    inside = word.startswith("/") and word.strip("/") and os.path.lexists(f"{root}{word}")
    return f"{root}{word}" if inside else word


def mapped_environment(env: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return an environment whose paths lead into the tree; in ``PATH`` this machine's folders follow the tree's."""
    result = {
        name: ":".join(mapped(part, root) for part in value.split(":"))
        for name, value in env.items()
    }
    if "PATH" in env:
        folders = env["PATH"].split(":")
        own = [mapped(folder, root) for folder in folders]
        result["PATH"] = ":".join(dict.fromkeys([*own, *folders]))
    return result


def _copy_link(link: Path, target: Path, rootfs: Path, root: Path) -> None:
    leads_to = str(link.readlink())
    if leads_to.startswith("/") and os.path.lexists(f"{rootfs}{leads_to}"):
        leads_to = f"{root}{leads_to}"
    target.symlink_to(leads_to)


def _copy_file(file: Path, target: Path, rootfs: Path, root: Path) -> None:
    mode = file.stat().st_mode
    if mode & 0o111:
        with file.open("rb") as opened:
            start = opened.read(LONGEST_FIRST_LINE)
        first, newline, _ = start.partition(b"\n")
        interpreter = os.fsdecode(first[2:].strip().split(b" ")[0])
        ours = os.fsencode(f"{root}{interpreter}")
        if first.startswith(b"#!") and newline and os.path.lexists(f"{rootfs}{interpreter}"):
            line = first.replace(os.fsencode(interpreter), ours, 1)
            if len(line) <= LONGEST_FIRST_LINE:
                target.write_bytes(line + file.read_bytes()[len(first) :])
                target.chmod(mode)
                return
    try:
        target.hardlink_to(file)
    except OSError:  # another file system, or one that has no hard links
        shutil.copy2(file, target)


def _show_volume(mount: Mount, root: Path) -> None:
    target = Path(f"{root}{mount.target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    target.symlink_to(mount.source.resolve())
