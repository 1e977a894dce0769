"""``COPY`` (and ``ADD`` of local files): which files of the context go where in the image.

The rules are those of the Dockerfile reference, "COPY": a folder's content is copied, not the folder; a destination that ends in a slash, or is a folder,
takes files in; modes are kept, owners are root unless ``--chown`` says otherwise. A source that is a link is followed within the context; links inside a
folder are copied as links.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from oamkit.errors import ImageError
from oamkit.images.ignore import IgnoreRules, glob_regex
from oamkit.images.layers import Entry
from oamkit.images.layout import sha256_of
from oamkit.images.rootpath import resolve_in_root

__all__ = ["Context", "CopyStep", "Source", "copy_entries", "folder_entries"]

NEW_FOLDER_MODE = 0o755


@dataclass(frozen=True)
class Source:
    """A file, folder or link that is copied.

    Attributes:
        relative: Its path below what the instruction names; ``""`` for that itself.
        path: Where it is.
    """

    relative: str
    path: Path


@dataclass(frozen=True)
class Context:
    """The files that a build may read.

    Attributes:
        root: The folder.
        ignore: What of it doesn't exist for the build.
    """

    root: Path
    ignore: IgnoreRules

    def matches(self, pattern: str) -> list[str]:
        """Return the paths that a source of ``COPY`` names, relative to the context, sorted.

        Raises:
            re.error: The pattern is wrong.
        """
        clean = posixpath.normpath(pattern.lstrip("/") or ".")
        if not any(char in clean for char in "*?["):
            there = os.path.lexists(self.resolve(clean)) and not self._ignored(clean)
            return [clean] if there else []
        regex = glob_regex(clean)
        depth = None if "**" in clean else clean.count("/") + 1
        return sorted(name for name in self._names(self.root, "", depth) if regex.fullmatch(name))

    def resolve(self, name: str) -> Path:
        """Return where a path of the context lies, links followed within the context."""
        return resolve_in_root(self.root, name)

    def sources(self, name: str) -> Iterator[Source]:
        """Return a file, or a folder and all in it that isn't ignored, folders before what is in them.

        Raises:
            ImageError: One is no file, folder or link.
        """
        start = self.resolve(name)
        yield self._checked(Source("", start))
        if start.is_dir():
            base = start.relative_to(self.root).as_posix()
            prefix = "" if base == "." else base + "/"
            for inner in sorted(self._names(start, prefix, None)):
                yield self._checked(Source(inner.removeprefix(prefix), self.root / inner))

    def _names(self, folder: Path, prefix: str, depth: int | None) -> Iterator[str]:
        """Walk; an ignored folder is walked too, since a later rule may take back what is in it."""
        for path in folder.iterdir():
            name = prefix + path.name
            inside = path.is_dir() and not path.is_symlink()
            ignored = self._ignored(name)
            below = (
                self._names(path, name + "/", depth and depth - 1)
                if inside and depth != 1
                else iter(())
            )
            if not ignored:
                yield name
                yield from below
            elif kept := list(below):
                yield name
                yield from kept

    def _ignored(self, name: str) -> bool:
        return name != "." and self.ignore.ignores(name)

    def _checked(self, source: Source) -> Source:
        mode = source.path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            name = source.path.relative_to(self.root)
            raise ImageError(
                f"{name} in the build context is a socket, pipe or device, which can't be copied.",
                hint=f"Remove it, or name it in {self.root / '.dockerignore'}.",
            )
        return source


@dataclass(frozen=True)
class CopyStep:
    """One ``COPY``.

    Attributes:
        names: The sources, relative to the context.
        target: The absolute destination in the image, with a slash at the end if it must be a folder.
        uid: Owner's number.
        gid: Group's number.
        mode: The mode that ``--chmod`` gives; ``None`` to keep each one's own.
    """

    names: tuple[str, ...]
    target: str
    uid: int = 0
    gid: int = 0
    mode: int | None = None

    def inputs(self, context: Context) -> list[object]:
        """Return all that its layer hangs on, besides what is below it: names, modes and contents, but no times."""
        return [
            [self.names, self.target, self.uid, self.gid, self.mode],
            [
                [name, source.relative, *_state(source.path)]
                for name in self.names
                for source in context.sources(name)
            ],
        ]


def _state(path: Path) -> Sequence[object]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return ["link", os.readlink(path)]  # noqa: PTH115 - Path would tidy it up
    return [mode, sha256_of(path) if stat.S_ISREG(mode) else "folder"]


def copy_entries(step: CopyStep, context: Context, root: Path) -> list[Entry]:
    """Return the layer of a ``COPY``.

    Args:
        step: What to copy.
        context: Where from.
        root: The image's root file system so far.

    Raises:
        ImageError: A folder would replace a file, or the other way round.
    """
    entries: list[Entry] = []
    target = resolve_in_root(root, step.target)
    for name in step.names:
        source = context.resolve(name)
        if source.is_dir():
            entries += folder_entries(target, root, step.uid, step.gid)
            inner = [item for item in context.sources(name) if item.relative]
            entries += [_entry(item, target / item.relative, step, root) for item in inner]
            continue
        goal = target
        if step.target.endswith("/") or target.is_dir():
            inside = f"{target.relative_to(root)}/{posixpath.basename(name)}"
            goal = resolve_in_root(root, inside)
        entries += folder_entries(goal.parent, root)
        entries += [_entry(item, goal, step, root) for item in context.sources(name)]
    return entries


def _entry(item: Source, goal: Path, step: CopyStep, root: Path) -> Entry:
    name = goal.relative_to(root).as_posix()
    is_folder = _is_folder(item.path)
    if os.path.lexists(goal) and is_folder != _is_folder(goal):
        there = "a file" if is_folder else "a folder"
        raise ImageError(f"/{name} can't be copied: the image has {there} of that name.")
    mode = stat.S_IMODE(item.path.lstat().st_mode)
    if step.mode is not None and not item.path.is_symlink():
        mode = step.mode
    return Entry(name, None if is_folder else item.path, mode, step.uid, step.gid)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def folder_entries(folder: Path, root: Path, uid: int = 0, gid: int = 0) -> list[Entry]:
    """Return entries for those of a folder and its parents that the image doesn't have.

    Raises:
        ImageError: One of them is a file.
    """
    entries = []
    for path in (folder, *folder.parents):
        if not path.is_relative_to(root) or path.is_dir():
            break
        name = path.relative_to(root).as_posix()
        if os.path.lexists(path):
            raise ImageError(f"/{name} in the image is a file, and is needed as a folder.")
        entries.append(Entry(name, None, NEW_FOLDER_MODE, uid, gid))
    return entries
