from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from oamkit.images.layers import Entry, write_layer
from oamkit.images.layout import MEDIA_LAYER, Descriptor
from oamkit.images.model import Image, ImageConfig
from oamkit.images.store import ImageStore

PLATFORM = {"architecture": "amd64", "os": "linux"}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture
def add_layer(store: ImageStore, tmp_path: Path) -> Callable[[Mapping[str, str]], Descriptor]:
    """Adds a layer of small text files to the store."""

    def add(files: Mapping[str, str]) -> Descriptor:
        entries = []
        for number, (name, text) in enumerate(files.items()):
            source = tmp_path / f"content-{number}"
            source.write_text(text)
            entries.append(Entry(name, source, 0o644))
        layer = store.layout.temporary / "layer"
        return store.layout.add_file(layer, MEDIA_LAYER, write_layer(layer, entries))

    return add


@pytest.fixture
def put(
    store: ImageStore, add_layer: Callable[[Mapping[str, str]], Descriptor]
) -> Callable[..., Image]:
    """Puts an image of layers of small text files into the store."""

    def make(
        reference: str, *layers: Mapping[str, str], config: ImageConfig | None = None
    ) -> Image:
        descriptors = [add_layer(files) for files in layers]
        digests = [item["digest"] for item in descriptors]
        return store.put(
            reference, config or ImageConfig(), descriptors, digests, platform=PLATFORM
        )

    return make
