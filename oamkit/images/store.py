"""The store of images: what was built or imported, by name, and their root file systems.

It is an OCI image layout (:mod:`oamkit.images.layout`), so that other tools can read it, with two folders beside: ``rootfs/`` holds
each unpacked stack of layers once, named by its ChainID, and ``build-cache/`` is the builder's. Any number of processes may use one store
at a time, and one that is killed leaves it whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oamkit import paths
from oamkit.errors import ImageError
from oamkit.images.layers import chain_id
from oamkit.images.layout import (
    MEDIA_CONFIG,
    MEDIA_MANIFEST,
    REF_NAME,
    BlobError,
    Descriptor,
    OciLayout,
    disk_errors,
    file_lock,
)
from oamkit.images.model import HOST_PATHS_LABEL, Image, ImageConfig
from oamkit.images.reference import Reference
from oamkit.images.sweep import sweep
from oamkit.images.unpacking import apply_layers

__all__ = ["ImageStore"]


class ImageStore:
    """Images by name, in an OCI layout on disk.

    Args:
        root: Its folder; the user's own one (:func:`oamkit.paths.data`, ``images``) by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or paths.data() / "images"
        self.layout = OciLayout(self.root)
        self.rootfs = self.root / "rootfs"
        self.build_cache = self.root / "build-cache"
        self.rootfs.mkdir(exist_ok=True, mode=0o700)
        self.build_cache.mkdir(exist_ok=True, mode=0o700)

    def find(self, reference: str) -> Image | None:
        """Return the image of a name, or ``None``.

        ``flask-sample:v1`` and ``docker.io/library/flask-sample:v1`` are one. A name with a digest is looked up by the digest, as a
        kubelet does.

        Raises:
            InputError: The name isn't valid.
            ImageError: The image is there but damaged.
        """
        wanted = Reference.parse(reference)
        with self.layout.in_use():
            for descriptor in self.layout.manifests():
                name = descriptor.get("annotations", {}).get(REF_NAME, "")
                if wanted.digest:
                    same_name = name.startswith(f"{wanted.name}:")
                    found = same_name and descriptor["digest"] == wanted.digest
                else:
                    found = name == str(wanted)
                if found:
                    return self._read(name, descriptor["digest"])
        return None

    def images(self) -> list[Image]:
        """Return all images, by name.

        Raises:
            ImageError: One is damaged.
        """
        with self.layout.in_use():
            named = [
                (descriptor["annotations"][REF_NAME], descriptor["digest"])
                for descriptor in self.layout.manifests()
                if REF_NAME in descriptor.get("annotations", {})
            ]
            return [self._read(name, digest) for name, digest in sorted(named)]

    def layers(self, image: Image) -> list[Descriptor]:
        """Return the descriptors of an image's layers, lowest first.

        Raises:
            ImageError: The image is damaged.
        """
        try:
            return list(self.layout.read_json(image.digest)["layers"])
        except (BlobError, KeyError) as error:
            raise _damaged(image.reference, error) from error

    def diff_ids(self, image: Image) -> list[str]:
        """Return the digests of an image's layers as they are unpacked, lowest first.

        Raises:
            ImageError: The image is damaged.
        """
        try:
            return list(self._configuration(image.digest)["rootfs"]["diff_ids"])
        except (BlobError, KeyError) as error:
            raise _damaged(image.reference, error) from error

    def put(
        self,
        reference: str,
        config: ImageConfig,
        layers: Sequence[Descriptor],
        diff_ids: Sequence[str],
        *,
        history: Sequence[Mapping[str, Any]] = (),
        created: str = "1970-01-01T00:00:00Z",
        platform: Mapping[str, str],
    ) -> Image:
        """Give layers that are in the layout a configuration, a manifest and a name; an older image of that name loses it.

        Args:
            reference: Its name.
            config: How to run it.
            layers: Descriptors of its layers, lowest first.
            diff_ids: Their digests as they are unpacked.
            history: What made each layer (``config.md``, ``history``).
            created: When it was made (RFC 3339).
            platform: ``architecture`` and ``os``, in Go's words.
        """
        name = str(Reference.parse(reference))
        configuration = {
            **platform,
            "created": created,
            "config": config.to_json(),
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [dict(item) for item in history],
        }
        with self.layout.in_use(), disk_errors(self.root):
            manifest = {
                "schemaVersion": 2,
                "mediaType": MEDIA_MANIFEST,
                "config": self.layout.add_json(configuration, MEDIA_CONFIG),
                "layers": list(layers),
            }
            descriptor = self.layout.add_json(manifest, MEDIA_MANIFEST)
            descriptor["annotations"] = {REF_NAME: name}
            self.layout.edit_index(lambda old: [*_without(old, name), descriptor])
            return self._read(name, descriptor["digest"])

    def unpack(self, image: Image) -> Path:
        """Return the image's root file system, unpacked at the first call. It is read-only by convention.

        Callers of one image, in whatever process, wait for the one that unpacks.

        Raises:
            ImageError: The image is damaged, or holds what can't be unpacked safely.
        """
        with self.layout.in_use(), disk_errors(self.root):
            diff_ids = self.diff_ids(image)
            target = self.rootfs / chain_id(diff_ids).removeprefix("sha256:")
            if target.is_dir():
                return target
            with file_lock(self.rootfs / f"{target.name}.lock"):
                if target.is_dir():
                    return target
                with self.layout.temporary_folder() as folder:
                    root = folder / "rootfs"
                    root.mkdir(mode=0o755)
                    self.apply(image, root)
                    root.rename(target)
        return target

    def apply(self, image: Image, root: Path) -> None:
        """Unpack an image's layers into an empty folder.

        Raises:
            ImageError: The image is damaged, or holds what can't be unpacked safely.
        """
        try:
            layers = [self.layout.verified(item["digest"]) for item in self.layers(image)]
        except BlobError as error:
            raise _damaged(image.reference, error) from error
        if apply_layers(layers, root) != self.diff_ids(image):
            raise _damaged(image.reference, BlobError("its layers aren't those it was made of"))

    def remove(self, reference: str) -> bool:
        """Take a name away, and clear away what no name needs any more (see :meth:`prune`).

        The root file system goes too if it was the last name of its layers: end the containers that run from it first.

        Returns:
            Whether there was such a name.
        """
        name = str(Reference.parse(reference))
        found = False

        def drop(old: list[Descriptor]) -> list[Descriptor]:
            nonlocal found
            kept = _without(old, name)
            found = len(kept) < len(old)
            return kept

        self.layout.edit_index(drop)
        if found:
            self.prune()
        return found

    def prune(self, *, build_cache: bool = False) -> int:
        """Clear away blobs and root file systems that no name needs, and what killed processes left.

        It waits for nobody: while another process builds or unpacks, nothing is cleared away, and a later call does it.

        Args:
            build_cache: Whether the builder's layers go too; the next build makes them again.

        Returns:
            How many bytes became free.
        """
        with file_lock(self.root / "use.lock", wait=False) as alone:
            if not alone:
                return 0
            return sweep(self.layout, self.rootfs, self.build_cache, keep_cache=not build_cache)

    def _configuration(self, digest: str) -> dict[str, Any]:
        return self.layout.read_json(self.layout.read_json(digest)["config"]["digest"])

    def _read(self, name: str, digest: str) -> Image:
        try:
            manifest = self.layout.read_json(digest)
            configuration = self.layout.read_json(manifest["config"]["digest"])
            size = manifest["config"]["size"] + sum(item["size"] for item in manifest["layers"])
            config = ImageConfig.from_json(configuration.get("config") or {})
            borrowed = json.loads(config.labels.get(HOST_PATHS_LABEL, "[]"))
            return Image(name, digest, config, size, tuple(Path(path) for path in borrowed))
        except (BlobError, KeyError, TypeError, ValueError) as error:
            raise _damaged(name, error) from error


def _without(descriptors: list[Descriptor], name: str) -> list[Descriptor]:
    return [item for item in descriptors if item.get("annotations", {}).get(REF_NAME) != name]


def _damaged(name: str, error: Exception) -> ImageError:
    detail = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
    return ImageError(
        f"The image {name} in the store is damaged: {detail}.",
        hint=f"Build it again: oamkit.images.build('<the folder with its Dockerfile>', tag='{Reference.parse(name).familiar}').",
        code="image-damaged",
    )
