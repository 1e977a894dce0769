from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from oamkit.errors import ImageError, InputError
from oamkit.images.layers import Entry, write_layer
from oamkit.images.layout import MEDIA_LAYER, file_lock
from oamkit.images.model import HOST_PATHS_LABEL, Image, ImageConfig
from oamkit.images.store import ImageStore

Put = Callable[..., Image]


def test_an_image_is_found_by_any_way_to_write_its_name(store: ImageStore, put: Put) -> None:
    image = put("flask-sample:v1", {"a": "1"})
    assert image.reference == "docker.io/library/flask-sample:v1"
    assert store.find("flask-sample:v1") == image
    assert store.find("docker.io/library/flask-sample:v1") == image
    assert store.find(f"flask-sample@{image.digest}") == image
    assert store.find(f"other@{image.digest}") is None
    assert store.find("flask-sample") is None
    assert store.images() == [image]


def test_a_wrong_name_is_an_input_error(store: ImageStore) -> None:
    with pytest.raises(InputError, match="capitals"):
        store.find("Flask")


def test_a_configuration_survives_the_store(store: ImageStore, put: Put) -> None:
    config = ImageConfig(
        env=("PATH=/usr/local/bin", "A=b=c"),
        entrypoint=("python",),
        cmd=("-m", "http.server"),
        working_dir="/app",
        user="1000:1000",
        exposed_ports=("53/udp", "80/tcp"),
        volumes=("/data",),
        labels={"a": "b", HOST_PATHS_LABEL: '["/usr/bin", "/usr/lib"]'},
        stop_signal="SIGINT",
        healthcheck={"Test": ["NONE"]},
    )
    put("a", config=config)
    found = ImageStore(store.root).find("a")
    assert found is not None
    assert found.config == config
    assert found.host_paths == (Path("/usr/bin"), Path("/usr/lib"))


def test_the_folder_is_an_oci_layout(store: ImageStore, put: Put) -> None:
    image = put("a:1", {"f": "text"})
    assert json.loads((store.root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((store.root / "index.json").read_text())
    assert index["schemaVersion"] == 2
    [descriptor] = index["manifests"]
    assert descriptor["digest"] == image.digest
    name = descriptor["annotations"]["org.opencontainers.image.ref.name"]
    assert name == "docker.io/library/a:1"
    blobs = store.root / "blobs" / "sha256"
    manifest = json.loads((blobs / image.digest[7:]).read_text())
    configuration = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
    assert configuration["rootfs"] == {
        "type": "layers",
        "diff_ids": [layer["digest"] for layer in manifest["layers"]],
    }
    assert image.size == manifest["config"]["size"] + manifest["layers"][0]["size"]


def test_a_new_image_takes_the_name_of_the_old(store: ImageStore, put: Put) -> None:
    old = put("a", {"f": "old"})
    new = put("a", {"f": "new"})
    assert store.find("a") == new
    assert store.find(f"a@{old.digest}") is None


def test_an_image_is_unpacked_once(store: ImageStore, put: Put) -> None:
    image = put("a", {"d/f": "1", "g": "1"}, {"g": "2"})
    root = store.unpack(image)
    assert (root / "d" / "f").read_text() == "1"
    assert (root / "g").read_text() == "2"
    assert store.unpack(image) == root
    assert list(store.layout.temporary.iterdir()) == []


def test_images_of_the_same_layers_share_a_root_file_system(store: ImageStore, put: Put) -> None:
    one = put("a", {"f": "1"})
    two = put("b", {"f": "1"}, config=ImageConfig(cmd=("x",)))
    assert one.digest != two.digest
    assert store.unpack(one) == store.unpack(two)


def test_threads_that_unpack_one_image_get_one_whole_folder(store: ImageStore, put: Put) -> None:
    image = put("a", {f"f{n}": str(n) for n in range(200)})
    roots: list[Path] = []
    count: list[int] = []

    def unpack() -> None:
        root = ImageStore(store.root).unpack(image)
        count.append(len(list(root.iterdir())))
        roots.append(root)

    threads = [Thread(target=unpack) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(roots)) == 1
    assert count == [200] * 8


def _put_many(root: Path, name: str) -> None:
    store = ImageStore(root)
    for number in range(10):
        store.put(f"{name}:{number}", ImageConfig(cmd=(name,)), [], [], platform={"os": "linux"})


def test_processes_that_write_at_once_lose_nothing(store: ImageStore) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_put_many, args=(store.root, name)) for name in ("a", "b", "c")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(store.images()) == 30


def _put_for_ever(root: Path) -> None:
    for number in range(1_000_000):
        ImageStore(root).put("a", ImageConfig(cmd=(str(number),)), [], [], platform={})


def test_a_writer_that_is_killed_leaves_a_whole_store(store: ImageStore, put: Put) -> None:
    put("kept", {"f": "1"})
    worker = multiprocessing.get_context("spawn").Process(target=_put_for_ever, args=(store.root,))
    worker.start()
    while store.find("a") is None:
        assert worker.is_alive()
        time.sleep(0.01)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert {image.reference.rpartition("/")[2] for image in store.images()} == {
        "kept:latest",
        "a:latest",
    }
    store.prune()
    assert list(store.layout.temporary.iterdir()) == []


def test_removing_clears_away_what_no_name_needs(store: ImageStore, put: Put) -> None:
    shared = {"shared": "x" * 1000}
    one, two = put("a", shared, {"f": "a"}), put("b", shared, {"f": "b"})
    gone, kept = store.unpack(one), store.unpack(two)
    assert store.remove("a")
    assert not gone.exists()
    assert kept.is_dir()
    assert store.find("a") is None
    assert store.unpack(two) == kept
    assert len(list(store.layout.blobs.iterdir())) == 4
    assert store.remove("b")
    assert list(store.layout.blobs.iterdir()) == []
    assert list(store.rootfs.iterdir()) == []


def test_removing_what_is_not_there_says_so(store: ImageStore) -> None:
    assert not store.remove("a")


def test_nothing_is_cleared_away_while_somebody_builds(store: ImageStore, put: Put) -> None:
    put("a", {"f": "1"})
    with store.layout.in_use():
        assert store.remove("a")
        assert len(list(store.layout.blobs.iterdir())) == 3
        assert store.prune() == 0
    assert store.prune() > 0
    assert list(store.layout.blobs.iterdir()) == []


@pytest.mark.parametrize("damage", ["change", "cut", "remove"])
def test_a_damaged_layer_is_named_with_the_way_to_mend_it(
    store: ImageStore, put: Put, damage: str
) -> None:
    image = put("flask-sample:v1", {"f": "text"})
    [layer] = store.layers(image)
    blob = store.layout.blob(layer["digest"])
    if damage == "change":
        content = bytearray(blob.read_bytes())
        content[513] ^= 1
        blob.write_bytes(content)
    elif damage == "cut":
        os.truncate(blob, 100)
    else:
        blob.unlink()
    with pytest.raises(ImageError, match=r"flask-sample:v1 in the store is damaged") as caught:
        store.unpack(image)
    assert "Build it again" in caught.value.hint
    assert "tag='flask-sample:v1'" in caught.value.hint
    assert list(store.layout.temporary.iterdir()) == []
    put("flask-sample:v1", {"f": "text"})
    assert (store.unpack(image) / "f").read_text() == "text"


def test_a_damaged_manifest_is_named(store: ImageStore, put: Put) -> None:
    image = put("a", {"f": "text"})
    store.layout.blob(image.digest).write_text("{}")
    with pytest.raises(ImageError, match=r"docker\.io/library/a:latest in the store is damaged"):
        store.find("a")
    assert store.remove("a")
    assert store.images() == []


def test_a_damaged_index_names_the_file(store: ImageStore) -> None:
    (store.root / "index.json").write_text("{")
    with pytest.raises(ImageError, match=r"index\.json is damaged"):
        store.images()


def test_layers_that_are_not_those_of_the_configuration_are_refused(
    store: ImageStore, put: Put
) -> None:
    layer = store.layout.temporary / "layer"
    digest = write_layer(layer, [Entry("d", None, 0o755)])
    descriptor = store.layout.add_file(layer, MEDIA_LAYER, digest)
    image = store.put("a", ImageConfig(), [descriptor], ["sha256:" + "0" * 64], platform={})
    with pytest.raises(ImageError, match="aren't those it was made of"):
        store.unpack(image)


def test_a_lock_is_exclusive_and_freed_by_its_end(tmp_path: Path) -> None:
    with file_lock(tmp_path / "lock") as first:
        assert first
        with file_lock(tmp_path / "lock", wait=False) as second:
            assert not second
    with file_lock(tmp_path / "lock", wait=False) as third:
        assert third


def test_a_full_disk_is_said_as_such(
    store: ImageStore, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = put("a", {"f": "1"})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("oamkit.images.unpacking._write", full)
    with pytest.raises(ImageError, match="is full") as caught:
        store.unpack(image)
    assert caught.value.code == "disk-full"
    assert "prune" in caught.value.hint
    assert list(store.layout.temporary.iterdir()) == []
