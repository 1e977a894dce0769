from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from oamkit.errors import ImageError, InputError
from oamkit.images.archive import load_archive
from oamkit.images.interpreter import go_platform
from oamkit.images.store import ImageStore


def layer(name: str, text: str) -> bytes:
    return tar({name: text.encode()})


def tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def configuration(*layers: bytes, **more: Any) -> bytes:
    value = {
        **go_platform(),
        "config": {"Cmd": ["/hello"], "Env": ["A=1"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(item) for item in layers]},
        **more,
    }
    return json.dumps(value).encode()


def docker_save(names: list[str], *layers: bytes, **more: Any) -> dict[str, bytes]:
    members = {f"{number}/layer.tar": content for number, content in enumerate(layers)}
    manifest = [{"Config": "config.json", "RepoTags": names or None, "Layers": list(members)}]
    return {
        **members,
        "config.json": configuration(*layers, **more),
        "manifest.json": json.dumps(manifest).encode(),
    }


def oci_layout(name: str, *layers: bytes, pack: bool = False) -> dict[str, bytes]:
    blobs = {}

    def add(content: bytes) -> dict[str, Any]:
        blobs["blobs/" + digest(content).replace(":", "/")] = content
        return {"digest": digest(content), "size": len(content)}

    packed = [gzip.compress(item) if pack else item for item in layers]
    manifest = {"config": add(configuration(*layers)), "layers": [add(item) for item in packed]}
    other = {**add(b"{}"), "platform": {"architecture": "other", "os": "linux"}}
    inner = {
        "manifests": [other, {**add(json.dumps(manifest).encode()), "platform": go_platform()}]
    }
    outer = {
        "manifests": [
            {
                **add(json.dumps(inner).encode()),
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "annotations": {"org.opencontainers.image.ref.name": name},
            }
        ]
    }
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps(outer).encode(),
        **blobs,
    }


def write(path: Path, files: Mapping[str, bytes]) -> Path:
    path.write_bytes(tar(files))
    return path


def test_what_docker_saved_is_taken_by_all_its_names(store: ImageStore, tmp_path: Path) -> None:
    files = docker_save(["a:1", "ghcr.io/b/c:2"], layer("f", "1"), layer("f", "2"))
    images = load_archive(write(tmp_path / "x.tar", files), store)
    assert [image.reference for image in images] == ["docker.io/library/a:1", "ghcr.io/b/c:2"]
    found = store.find("a:1")
    assert found is not None
    assert found.config.cmd == ("/hello",)
    assert found.host_paths == ()
    assert (store.unpack(found) / "f").read_text() == "2"


@pytest.mark.parametrize("pack", [False, True])
def test_an_oci_layout_is_taken_for_this_machine(
    store: ImageStore, tmp_path: Path, pack: bool
) -> None:
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(gzip.compress(tar(oci_layout("a:1", layer("f", "1"), pack=pack))))
    [image] = load_archive(archive, store)
    assert (store.unpack(image) / "f").read_text() == "1"


def test_an_image_without_a_name_is_an_input_error(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image that has a name") as caught:
        load_archive(write(tmp_path / "x.tar", docker_save([], layer("f", "1"))), store)
    assert "docker save" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "why"), [(b"no tar", "isn't an archive"), (tar({"x": b""}), "has neither")]
)
def test_another_file_is_an_input_error(
    store: ImageStore, tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(InputError, match=why):
        load_archive(tmp_path / "x.tar", store)


def test_a_file_that_is_not_there_is_named(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tar: there is no such file"):
        load_archive(tmp_path / "none.tar", store)


def test_an_image_for_another_machine_is_refused(store: ImageStore, tmp_path: Path) -> None:
    files = docker_save(["a"], layer("f", "1"), architecture="s390x", os="linux")
    with pytest.raises(ImageError, match="made for linux/s390x"):
        load_archive(write(tmp_path / "x.tar", files), store)


@pytest.mark.parametrize("gone", ["0/layer.tar", "config.json"])
def test_a_missing_member_is_named(store: ImageStore, tmp_path: Path, gone: str) -> None:
    files = docker_save(["a"], layer("f", "1"))
    del files[gone]
    with pytest.raises(ImageError, match=f"{gone}.*is missing"):
        load_archive(write(tmp_path / "x.tar", files), store)
    assert store.images() == []


@pytest.mark.parametrize("name", ["manifest.json", "config.json"])
def test_a_member_that_is_no_json_is_named(store: ImageStore, tmp_path: Path, name: str) -> None:
    files = {**docker_save(["a"], layer("f", "1")), name: b"{"}
    with pytest.raises(ImageError, match=f"{name} isn't JSON"):
        load_archive(write(tmp_path / "x.tar", files), store)


@pytest.mark.parametrize("name", ["manifest.json", "config.json"])
def test_a_member_that_lacks_fields_is_named(store: ImageStore, tmp_path: Path, name: str) -> None:
    content = b"[{}]" if name == "manifest.json" else json.dumps(go_platform()).encode()
    files = {**docker_save(["a"], layer("f", "1")), name: content}
    with pytest.raises(ImageError, match="is damaged"):
        load_archive(write(tmp_path / "x.tar", files), store)


def test_layers_packed_by_zstd_are_refused(store: ImageStore, tmp_path: Path) -> None:
    files = docker_save(["a"], b"\x28\xb5\x2f\xfd and more")
    with pytest.raises(ImageError, match="zstd"):
        load_archive(write(tmp_path / "x.tar", files), store)


def test_a_layer_other_than_its_configuration_says_is_found_when_unpacked(
    store: ImageStore, tmp_path: Path
) -> None:
    files = {**docker_save(["a"], layer("f", "1")), "0/layer.tar": layer("f", "evil")}
    [image] = load_archive(write(tmp_path / "x.tar", files), store)
    with pytest.raises(ImageError, match="aren't those it was made of"):
        store.unpack(image)
