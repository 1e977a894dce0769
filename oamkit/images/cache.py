"""The builder's cache: which layer came out of which inputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from oamkit.images.layout import MEDIA_LAYER, BlobError, Descriptor, OciLayout

__all__ = ["LayerCache", "layer_key"]

FORMAT = 1  # raise it when the same inputs give another layer, so that older notes don't count


def layer_key(parent: str, mtime: int, inputs: object) -> str:
    """Return the key of a layer.

    Args:
        parent: The ChainID of the layers below.
        mtime: The time that its entries get.
        inputs: All else that it hangs on, as JSON.
    """
    text = json.dumps([FORMAT, parent, mtime, inputs], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class LayerCache:
    """A note for each layer, written after the layer itself: a build that is killed leaves none that leads nowhere.

    Args:
        layout: Where the layers are.
        folder: Where the notes are.
    """

    def __init__(self, layout: OciLayout, folder: Path) -> None:
        self.layout = layout
        self.folder = folder

    def get(self, key: str) -> Descriptor | None:
        """Return the layer of a key, its content compared with its digest; ``None`` if it isn't there or is damaged."""
        try:
            note = json.loads((self.folder / key).read_bytes())
            size = self.layout.verified(note["digest"]).stat().st_size
        except (OSError, ValueError, KeyError, TypeError, BlobError):
            return None  # it is made again
        return {"mediaType": MEDIA_LAYER, "digest": note["digest"], "size": size}

    def put(self, key: str, layer: Descriptor) -> None:
        """Note the layer of a key."""
        self.layout.write_file(self.folder / key, json.dumps({"digest": layer["digest"]}).encode())
