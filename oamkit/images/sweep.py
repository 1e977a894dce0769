"""Clearing away what no image needs any more."""

from __future__ import annotations

import json
from pathlib import Path

from oamkit.images.layers import chain_id
from oamkit.images.layout import BlobError, OciLayout
from oamkit.images.rootpath import remove_tree

__all__ = ["sweep"]


def sweep(layout: OciLayout, rootfs: Path, build_cache: Path, *, keep_cache: bool) -> int:
    """Remove unreachable blobs and root file systems, and temporary files of killed processes.

    The caller holds the layout's ``use.lock`` alone, so nothing that is being made is mistaken for garbage.

    Args:
        layout: The layout whose index says what is reachable.
        rootfs: Root file systems, named by their ChainID, and their locks.
        build_cache: The builder's notes, each of which keeps one layer.
        keep_cache: Whether those notes stay.

    Returns:
        How many bytes became free.
    """
    blobs, chains = _reachable(layout)
    for note in build_cache.iterdir():
        digest = _noted(note) if keep_cache else None
        if digest is None:
            note.unlink()
        else:
            blobs.add(digest)
    keep = {digest.removeprefix("sha256:") for digest in blobs}
    unneeded = [path for path in layout.blobs.iterdir() if path.name not in keep]
    unneeded += [path for path in rootfs.iterdir() if path.name.removesuffix(".lock") not in chains]
    unneeded += layout.temporary.iterdir()
    return sum(_remove(path) for path in unneeded)


def _reachable(layout: OciLayout) -> tuple[set[str], set[str]]:
    """Return the digests of the blobs that names lead to, and the ChainIDs of their layers, without ``sha256:``."""
    blobs: set[str] = set()
    chains: set[str] = set()
    for descriptor in layout.manifests():
        blobs.add(descriptor["digest"])
        try:
            manifest = layout.read_json(descriptor["digest"])
            blobs.add(manifest["config"]["digest"])
            blobs.update(item["digest"] for item in manifest["layers"])
            configuration = layout.read_json(manifest["config"]["digest"])
            chains.add(chain_id(configuration["rootfs"]["diff_ids"]).removeprefix("sha256:"))
        except (BlobError, KeyError):
            continue  # a damaged image keeps what it still reaches; its next use says what to do
    return blobs, chains


def _noted(note: Path) -> str | None:
    try:
        return str(json.loads(note.read_bytes())["digest"])
    except (ValueError, KeyError, TypeError):
        return None


def _remove(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        size = path.lstat().st_size
        path.unlink()
        return size
    size = sum(item.lstat().st_size for item in path.rglob("*") if not item.is_dir())
    remove_tree(path)
    return size
