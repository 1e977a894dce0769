from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from oamkit.errors import ImageError
from oamkit.images.layers import Entry, chain_id, write_layer
from oamkit.images.layout import sha256_of
from oamkit.images.rootpath import remove_tree, resolve_in_root
from oamkit.images.unpacking import apply_layers


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    """Writes a hostile or foreign layer: members as (name, type, link or content)."""
    count = 0

    def write(*members: tuple[str, bytes, str]) -> Path:
        nonlocal count
        count += 1
        path = tmp_path / f"layer-{count}.tar"
        with tarfile.open(path, "w") as tar:
            for name, kind, detail in members:
                info = tarfile.TarInfo(name)
                info.type = kind
                info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
                if kind == tarfile.REGTYPE:
                    info.size = len(detail.encode())
                    tar.addfile(info, io.BytesIO(detail.encode()))
                else:
                    info.linkname = detail
                    tar.addfile(info)
        return path

    return write


def file(name: str, text: str = "") -> tuple[str, bytes, str]:
    return name, tarfile.REGTYPE, text


def folder(name: str) -> tuple[str, bytes, str]:
    return name, tarfile.DIRTYPE, ""


def link(name: str, target: str) -> tuple[str, bytes, str]:
    return name, tarfile.SYMTYPE, target


def test_equal_entries_give_equal_bytes_whatever_their_order_and_times(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.symlink_to("one")
    entries = [Entry("b", two, 0o777), Entry("a", one, 0o644), Entry("d", None, 0o755)]
    first = write_layer(tmp_path / "x.tar", entries)
    os.utime(one, (1, 1))
    second = write_layer(tmp_path / "y.tar", reversed(entries))
    assert first == second == sha256_of(tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert tar.getnames() == ["a", "b", "d"]
        assert {member.mtime for member in tar} == {0}


def test_a_layer_that_was_written_is_applied_as_it_was(tmp_path: Path, root: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    (tmp_path / "link").symlink_to("/absolute//target")
    layer = tmp_path / "layer.tar"
    digest = write_layer(
        layer,
        [
            Entry("bin", None, 0o555),
            Entry("bin/program", program, 0o755, uid=7, gid=8),
            Entry("link", tmp_path / "link", 0o777),
        ],
        mtime=5,
    )
    assert apply_layers([layer], root) == [digest]
    assert (root / "bin/program").stat().st_mode & 0o777 == 0o755
    assert (root / "bin").stat().st_mode & 0o777 == 0o555
    assert (root / "bin/program").stat().st_mtime == 5
    assert os.readlink(root / "link") == "/absolute//target"  # noqa: PTH115 - Path tidies it up
    remove_tree(root)


def test_a_packed_layer_yields_the_digest_of_what_is_in_it(
    tmp_path: Path, root: Path, archive: Callable[..., Path]
) -> None:
    layer = archive(file("f", "text"))
    packed = tmp_path / "layer.tar.gz"
    packed.write_bytes(gzip.compress(layer.read_bytes()))
    assert apply_layers([packed], root) == [sha256_of(layer)]
    assert (root / "f").read_text() == "text"


def test_a_whiteout_hides_a_file_and_a_folder(root: Path, archive: Callable[..., Path]) -> None:
    below = archive(file("a", "1"), folder("d"), file("d/f", "1"), file("kept", "1"))
    above = archive(file(".wh.a"), file(".wh.d"), file(".wh.never-there"))
    apply_layers([below, above], root)
    assert [path.name for path in root.iterdir()] == ["kept"]


def test_an_opaque_folder_hides_what_was_below_but_not_its_own(
    root: Path, archive: Callable[..., Path]
) -> None:
    below = archive(folder("d"), file("d/old", "1"), folder("d/sub"), file("d/sub/old", "1"))
    above = archive(folder("d"), file("d/new", "2"), file("d/.wh..wh..opq"), file("d/late", "2"))
    apply_layers([below, above], root)
    assert sorted(path.name for path in (root / "d").iterdir()) == ["late", "new"]


def test_our_whiteouts_hide(tmp_path: Path, root: Path, archive: Callable[..., Path]) -> None:
    above = tmp_path / "above.tar"
    write_layer(above, [Entry("d/f", None, 0, whiteout=True), Entry("g", None, 0, whiteout=True)])
    apply_layers([archive(file("d/f", "1"), file("g", "1")), above], root)
    assert [path.name for path in root.rglob("*")] == ["d"]


def test_a_later_layer_writes_into_a_read_only_folder(
    tmp_path: Path, root: Path, archive: Callable[..., Path]
) -> None:
    below = tmp_path / "below.tar"
    write_layer(below, [Entry("d", None, 0o555)])
    apply_layers([below, archive(file("d/f", "1"))], root)
    assert (root / "d/f").read_text() == "1"
    assert (root / "d").stat().st_mode & 0o777 == 0o555
    remove_tree(root)


def test_a_later_layer_changes_kinds(root: Path, archive: Callable[..., Path]) -> None:
    below = archive(file("a", "1"), folder("b"), file("b/x", "1"), link("c", "a"), link("e", "b"))
    above = archive(folder("a"), file("a/x", "2"), file("b", "2"), file("c", "2"), folder("e"))
    apply_layers([below, above], root)
    assert (root / "a/x").read_text() == "2"
    assert (root / "b").read_text() == "2"
    assert (root / "c").read_text() == "2"
    assert not (root / "e").is_symlink()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil"])
def test_a_path_out_of_the_image_is_refused(
    root: Path, archive: Callable[..., Path], name: str
) -> None:
    with pytest.raises(ImageError, match="leads out of the image"):
        apply_layers([archive(file(name, "evil"))], root)
    assert not (root.parent / "evil").exists()


@pytest.mark.parametrize("target", ["..", "/", "../../../../../../tmp"])
def test_a_link_out_of_the_image_is_not_followed(
    root: Path, archive: Callable[..., Path], target: str
) -> None:
    before = set(root.parent.iterdir())
    apply_layers([archive(link("out", target), file("out/evil", "evil"))], root)
    after = {path for path in root.parent.iterdir() if path.suffix != ".tar"}
    assert after == {path for path in before if path.suffix != ".tar"}
    assert [path.name for path in root.rglob("evil")] == ["evil"]


def test_a_file_replaces_a_link_instead_of_writing_through_it(
    root: Path, archive: Callable[..., Path]
) -> None:
    victim = root.parent / "victim"
    victim.write_text("mine")
    apply_layers([archive(link("f", str(victim)), file("f", "evil"))], root)
    assert victim.read_text() == "mine"
    assert (root / "f").read_text() == "evil"


@pytest.mark.parametrize("target", ["/etc/passwd", "../victim"])
def test_a_hard_link_out_of_the_image_is_refused(
    root: Path, archive: Callable[..., Path], target: str
) -> None:
    (root.parent / "victim").write_text("mine")
    with pytest.raises(ImageError, match="leads out of the image"):
        apply_layers([archive(("f", tarfile.LNKTYPE, target))], root)


def test_a_hard_link_through_a_link_stays_inside(root: Path, archive: Callable[..., Path]) -> None:
    (root.parent / "victim").write_text("mine")
    with pytest.raises(ImageError, match="to nothing"):
        apply_layers([archive(link("up", ".."), ("f", tarfile.LNKTYPE, "up/victim"))], root)


def test_a_hard_link_inside_works(root: Path, archive: Callable[..., Path]) -> None:
    apply_layers([archive(file("a", "1"), ("b", tarfile.LNKTYPE, "a"))], root)
    assert (root / "a").samefile(root / "b")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_device_nodes_and_pipes_are_refused(
    root: Path, archive: Callable[..., Path], kind: bytes
) -> None:
    with pytest.raises(ImageError, match="device node or pipe"):
        apply_layers([archive(("dev/x", kind, ""))], root)


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh..."])
def test_a_whiteout_of_no_file_is_refused(
    root: Path, archive: Callable[..., Path], name: str
) -> None:
    (root.parent / "victim").write_text("mine")
    with pytest.raises(ImageError, match="hides no file"):
        apply_layers([archive(file(name))], root)
    assert (root.parent / "victim").exists()


def test_set_user_id_bits_are_dropped(tmp_path: Path, root: Path) -> None:
    source = tmp_path / "f"
    source.write_text("")
    write_layer(tmp_path / "l.tar", [Entry("f", source, 0o6755), Entry("tmp", None, 0o1777)])
    apply_layers([tmp_path / "l.tar"], root)
    assert (root / "f").stat().st_mode & 0o7777 == 0o755
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("content", [b"no archive at all, only text" * 40, b"\x1f\x8bbroken"])
def test_what_is_no_archive_is_said_so(tmp_path: Path, root: Path, content: bytes) -> None:
    (tmp_path / "layer").write_bytes(content)
    with pytest.raises(ImageError, match="no archive"):
        apply_layers([tmp_path / "layer"], root)


def test_the_chain_of_two_layers_is_the_specification_s() -> None:
    one, two = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    assert chain_id([one]) == one
    assert chain_id([one, two]) != chain_id([two, one])


def test_links_are_resolved_in_the_image(root: Path) -> None:
    (root / "usr").mkdir()
    (root / "lib").symlink_to("usr")
    (root / "abs").symlink_to("/lib/x")
    (root / "up").symlink_to("../../../usr")
    assert resolve_in_root(root, "lib/a") == root / "usr/a"
    assert resolve_in_root(root, "/abs/b") == root / "usr/x/b"
    assert resolve_in_root(root, "up/../../c") == root / "c"
    assert resolve_in_root(root, "lib", follow_last=False) == root / "lib"


def test_links_in_circles_are_refused(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(ImageError, match="circles"):
        resolve_in_root(root, "a/x")
