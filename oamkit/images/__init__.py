"""Images: reading Dockerfiles, building from them without Docker, and keeping what was built.

The public face is :func:`build`, :class:`ImageStore` and the values that they return. :func:`build` builds for the cluster in use;
:func:`oamkit.images.builder.build` is the builder that needs no Docker.
"""

from __future__ import annotations

from oamkit.images.archive import load_archive
from oamkit.images.commands import BuiltImage, build
from oamkit.images.model import HOST_PATHS_LABEL, Image, ImageConfig
from oamkit.images.reference import Reference
from oamkit.images.result import BuildResult, BuildStep
from oamkit.images.store import ImageStore

__all__ = [
    "HOST_PATHS_LABEL",
    "BuildResult",
    "BuildStep",
    "BuiltImage",
    "Image",
    "ImageConfig",
    "ImageStore",
    "Reference",
    "build",
    "load_archive",
]
