"""Taking images from an archive: what ``docker save`` writes, or an OCI image layout in a tar file.

That is the way for images that the kit's builder can't build: a machine without a registry gets them by a file.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oamkit.errors import ImageError, InputError
from oamkit.images.interpreter import go_platform
from oamkit.images.layout import (
    CHUNK,
    MEDIA_INDEX,
    MEDIA_LAYER,
    REF_NAME,
    Descriptor,
    OciLayout,
    disk_errors,
)
from oamkit.images.model import Image, ImageConfig
from oamkit.images.reference import Reference
from oamkit.images.store import ImageStore

__all__ = ["load_archive"]

_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_AGAIN = "Make it again: docker save -o FILE NAME:TAG."
MAX_JSON = 16 << 20  # bytes; real manifests have some kilobytes
_CONTAINERD_NAME = "io.containerd.image.name"  # what Docker and containerd call the completed name


@dataclass(frozen=True)
class _Found:
    """An image of an archive: its names, and the archive's members that it consists of."""

    names: tuple[str, ...]
    config: str
    layers: tuple[str, ...]


def load_archive(archive: Path, store: ImageStore | None = None) -> list[Image]:
    """Take all named images of an archive into the store.

    Args:
        archive: The file, packed by gzip or not.
        store: Where they go; the user's own store by default.

    Returns:
        The images, a name each.

    Raises:
        InputError: The file isn't there, is no such archive, or holds no named image.
        ImageError: An image is damaged, or made for another kind of machine.
    """
    store = store or ImageStore()
    try:
        with tarfile.open(archive) as tar, store.layout.in_use(), disk_errors(store.root):
            reader = _Reader(archive, tar, store.layout)
            images = [image for found in reader.find() for image in reader.take(found, store)]
    except FileNotFoundError as error:
        raise InputError("there is no such file", file=archive) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ImageError(
            f"The archive {archive} is damaged: a manifest or configuration lacks a field ({error}).",
            hint=_AGAIN,
        ) from error
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            f"isn't an archive of images: {error}", file=archive, hint=_AGAIN
        ) from error
    if not images:
        raise InputError(
            "holds no image that has a name",
            file=archive,
            hint="Save it by its name: docker save -o FILE NAME:TAG.",
        )
    return images


@dataclass
class _Reader:
    archive: Path
    tar: tarfile.TarFile
    layout: OciLayout

    def find(self) -> Iterator[_Found]:
        names = {posixpath.normpath(name) for name in self.tar.getnames()}
        if "manifest.json" in names:
            for item in self._json("manifest.json"):
                yield _Found(
                    tuple(item.get("RepoTags") or ()), item["Config"], tuple(item["Layers"])
                )
        elif "index.json" in names:
            yield from self._of_index(self._json("index.json"), ())
        else:
            raise InputError(
                "has neither manifest.json nor index.json, so it is no archive of images",
                file=self.archive,
                hint=_AGAIN,
            )

    def _of_index(self, index: Mapping[str, Any], outer: tuple[str, ...]) -> Iterator[_Found]:
        mine = go_platform()
        for descriptor in index["manifests"]:
            platform = descriptor.get("platform") or mine
            if any(platform.get(key) != value for key, value in mine.items()):
                continue
            annotations = descriptor.get("annotations") or {}
            name = annotations.get(_CONTAINERD_NAME) or annotations.get(REF_NAME)
            names = (name,) if name else outer
            content = self._json(_blob(descriptor))
            if descriptor.get("mediaType") == MEDIA_INDEX:
                yield from self._of_index(content, names)
            else:
                layers = tuple(_blob(layer) for layer in content["layers"])
                yield _Found(names, _blob(content["config"]), layers)

    def take(self, found: _Found, store: ImageStore) -> Iterator[Image]:
        if not found.names:
            return
        configuration = self._json(found.config)
        name = Reference.parse(found.names[0]).familiar
        platform = {key: str(configuration.get(key, "")) for key in ("architecture", "os")}
        if platform != go_platform():
            made = "/".join(reversed(platform.values()))
            raise ImageError(
                f"The image {name} in {self.archive} is made for {made}, not for this machine.",
                hint="Save it for this machine: docker pull --platform …, then docker save.",
            )
        diff_ids = configuration["rootfs"]["diff_ids"]
        layers = [self._layer(member, name) for member in found.layers]
        config = ImageConfig.from_json(configuration.get("config") or {})
        for reference in found.names:
            yield store.put(
                reference, config, layers, diff_ids,
                history=configuration.get("history") or (),
                created=configuration.get("created") or "1970-01-01T00:00:00Z",
                platform=platform,
            )  # fmt: skip

    def _json(self, name: str) -> Any:  # noqa: ANN401 - JSON
        try:
            member = self.tar.extractfile(self._member(name))
        except KeyError as error:
            raise self._damaged(f"{name} is missing") from error
        if member is None:
            raise self._damaged(f"{name} is no file")
        with member:
            content = member.read(MAX_JSON + 1)
        try:
            if len(content) > MAX_JSON:
                raise ValueError("it is too long")  # noqa: TRY301 - one way to say that it is wrong
            return json.loads(content)
        except ValueError as error:
            raise self._damaged(f"{name} isn't JSON: {error}") from error

    def _member(self, name: str) -> tarfile.TarInfo:
        try:
            return self.tar.getmember(name)
        except KeyError:
            return self.tar.getmember(f"./{name}")

    def _layer(self, name: str, image: str) -> Descriptor:
        try:
            content = self.tar.extractfile(self._member(name))
        except KeyError as error:
            raise self._damaged(f"the layer {name} of {image} is missing") from error
        if content is None:
            raise self._damaged(f"the layer {name} of {image} is no file")
        digest = hashlib.sha256()
        with content, self.layout.temporary_folder() as folder:
            file = folder / "layer"
            start = b""
            with file.open("wb") as output:
                while chunk := content.read(CHUNK):
                    start = start or chunk[:4]
                    digest.update(chunk)
                    output.write(chunk)
            if start == _ZSTANDARD:
                raise ImageError(
                    f"The image {image} in {self.archive} is packed by zstd, which can't be read here.",
                    hint="Save it by docker save, which doesn't pack it.",
                )
            media_type = MEDIA_LAYER + ("+gzip" if start[:2] == _GZIP else "")
            return self.layout.add_file(file, media_type, f"sha256:{digest.hexdigest()}")

    def _damaged(self, why: str) -> ImageError:
        return ImageError(f"The archive {self.archive} is damaged: {why}.", hint=_AGAIN)


def _blob(descriptor: Mapping[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/', 1)}"
