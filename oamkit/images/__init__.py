"""Images: reading Dockerfiles, building from them without Docker, and keeping what was built.

The public face is :func:`build`, :class:`ImageStore` and the values that they return.
"""

from __future__ import annotations

from oamkit.images.model import HOST_PATHS_LABEL, Image, ImageConfig
from oamkit.images.reference import Reference
from oamkit.images.store import ImageStore

__all__ = ["HOST_PATHS_LABEL", "Image", "ImageConfig", "ImageStore", "Reference"]
