"""Layers of images, lent from one home of a test run to the next: what the first has built, later ones find in their cache.

Images themselves aren't lent: each home builds its own, by the same steps, out of what the builder finds for their inputs.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from oamkit.images.store import ImageStore


@functools.cache
def _shelf() -> ImageStore:
    """Where they are kept while no home has them; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="oamkit-layers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return ImageStore(folder)


@contextlib.contextmanager
def lent_layers(home: Path) -> Iterator[None]:
    """Put the layers that are known into a home; take what it has built by the end."""
    root = home / "data" / "images"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    _copy(_shelf(), ImageStore(root))
    try:
        yield
    finally:
        if root.is_dir():
            _copy(ImageStore(root), _shelf())


def _copy(source: ImageStore, target: ImageStore) -> None:
    """Copy the blobs, then the notes that lead to them."""
    for here, there in (
        (source.layout.blobs, target.layout.blobs),
        (source.build_cache, target.build_cache),
    ):
        for file in here.iterdir():
            if not (there / file.name).exists():
                part = target.layout.temporary / file.name
                shutil.copy2(file, part)
                part.rename(there / file.name)
