"""Writes a Pod's volumes to disk.

Files that come from the API are replaced all at once: they are written into a new folder, then the link ``..data`` is turned to it,
and ``name`` is a link to ``..data/name`` all along. So a reader sees all of the old or all of the new ones, as on a real node
(``pkg/volume/util/atomic_writer.go`` of Kubernetes describes the layout).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from oamkit.sandbox import linux
from oamkit.sandbox.agent.fields import quantity
from oamkit.sandbox.agent.model import Object, SourceMissingError
from oamkit.sandbox.agent.volumes import FileContent, MountPlan

__all__ = ["prepare_mounts", "prepare_volume", "remove_volumes", "write_files"]

DATA = "..data"


def _present(folder: Path) -> dict[str, FileContent]:
    data = folder / DATA
    if not data.exists():
        return {}
    return {
        str(path.relative_to(data)): FileContent(path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in data.rglob("*")
        if path.is_file()
    }


def write_files(folder: Path, files: Mapping[str, FileContent]) -> bool:
    """Make a folder hold these files, and no others.

    Returns:
        Whether anything changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / DATA
    if link.is_symlink() and _present(folder) == dict(files):
        return False
    old = os.readlink(link) if link.is_symlink() else ""  # noqa: PTH115 - a relative link, as it stands
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    new.chmod(0o755)
    for name, content in files.items():
        path = new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content.data)
        path.chmod(content.mode)
    turning = folder / "..data_tmp"
    turning.unlink(missing_ok=True)
    turning.symlink_to(new.name)
    turning.rename(link)
    wanted = {Path(name).parts[0] for name in files}
    for name in wanted:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path(DATA) / name)
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    if old:
        shutil.rmtree(folder / old, ignore_errors=True)
    return True


def prepare_volume(volume: Object, folder: Path) -> Path:
    """Make a volume whose content doesn't come from the API, and return where it is.

    Raises:
        SourceMissingError: It can't be made, e.g. because a ``hostPath`` isn't what its ``type`` says.
    """
    if "hostPath" in volume:
        return _host_path(volume["hostPath"])
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    empty = volume.get("emptyDir") or {}
    if empty.get("medium") == "Memory" and not folder.is_mount():
        size = f",size={int(quantity(empty['sizeLimit']))}" if empty.get("sizeLimit") else ""
        # Without the right to mount (loopback layout) it is a plain folder: slower, but right.
        with contextlib.suppress(OSError):
            linux.mount("tmpfs", str(folder), "tmpfs", linux.MS_NODEV, f"mode=0777{size}")
    return folder


def _host_path(spec: Object) -> Path:
    path = Path(spec["path"])
    kind = spec.get("type") or ""
    try:
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        elif kind == "FileOrCreate":
            path.touch()
    except OSError as error:
        raise SourceMissingError(f"hostPath {path} can't be made: {error.strerror}") from error
    tests = {
        "Directory": path.is_dir,
        "DirectoryOrCreate": path.is_dir,
        "File": path.is_file,
        "FileOrCreate": path.is_file,
        "Socket": path.is_socket,
        "CharDevice": path.is_char_device,
        "BlockDevice": path.is_block_device,
    }
    if kind and not tests.get(kind, path.exists)():
        raise SourceMissingError(f"hostPath type check failed: {path} is not a {kind}")
    if not kind and not path.exists():
        raise SourceMissingError(
            f"hostPath {path} isn't there on this machine; set its type to DirectoryOrCreate to have it made"
        )
    return path


def prepare_mounts(plans: list[MountPlan]) -> None:
    """Make what mounts need, and check that no ``subPath`` leaves its volume.

    Raises:
        SourceMissingError: A source isn't there, or leaves its volume by a symbolic link.
    """
    for plan in plans:
        source = plan.mount.source
        if plan.inside is not None:
            inside = plan.inside.resolve()
            if not source.resolve().is_relative_to(inside):
                raise SourceMissingError(
                    f"subPath {source.relative_to(plan.inside)} leaves its volume"
                )
        if plan.make and not source.exists():
            source.mkdir(parents=True, mode=0o777)
        if not source.exists():
            raise SourceMissingError(f'"{plan.mount.target}": {source.name} isn\'t there')


def remove_volumes(folder: Path) -> None:
    """Remove all volumes of a Pod; what a ``hostPath`` points to stays, since it isn't below the folder."""
    if not folder.is_dir():
        return
    for volume in folder.iterdir():
        if not volume.is_symlink() and volume.is_mount():
            with contextlib.suppress(OSError):
                linux.umount(str(volume))
    shutil.rmtree(folder, ignore_errors=True)
