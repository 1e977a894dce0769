import pytest

from oamkit.sandbox.agent.model import SourceMissingError
from oamkit.sandbox.agent.volume_files import (
    prepare_mounts,
    prepare_volume,
    remove_volumes,
    write_files,
)
from oamkit.sandbox.agent.volumes import FileContent, MountPlan
from oamkit.sandbox.cri import Mount


def read(folder):
    return {p.name: p.read_text() for p in folder.iterdir() if not p.name.startswith("..")}


def test_files_are_replaced_all_at_once(tmp_path):
    folder = tmp_path / "v"
    one = {"a": FileContent(b"1", 0o644), "deep/b": FileContent(b"2", 0o400)}
    assert write_files(folder, one)
    assert not write_files(folder, one)
    assert (folder / "deep" / "b").read_text() == "2"
    assert (folder / "deep" / "b").stat().st_mode & 0o777 == 0o400
    target = (folder / "..data").resolve()
    assert write_files(folder, {"a": FileContent(b"3", 0o644)})
    assert read(folder) == {"a": "3"}
    assert not target.exists()
    assert write_files(folder, {"a": FileContent(b"3", 0o600)})


def test_an_empty_volume_can_be_written(tmp_path):
    assert write_files(tmp_path / "v", {})
    assert not write_files(tmp_path / "v", {})


@pytest.mark.parametrize(
    ("kind", "message"),
    [("Directory", "is not a Directory"), ("Socket", "is not a Socket"), ("", "isn't there")],
)
def test_a_host_path_must_be_what_it_says(tmp_path, kind, message):
    volume = {"name": "h", "hostPath": {"path": str(tmp_path / "no"), "type": kind}}
    with pytest.raises(SourceMissingError, match=message):
        prepare_volume(volume, tmp_path / "v")


def test_a_host_path_can_be_made(tmp_path):
    volume = {"name": "h", "hostPath": {"path": str(tmp_path / "new"), "type": "DirectoryOrCreate"}}
    assert prepare_volume(volume, tmp_path / "v").is_dir()


def test_removing_volumes_leaves_the_hosts_files_alone(tmp_path):
    (tmp_path / "host").mkdir()
    volumes = tmp_path / "volumes"
    prepare_volume({"name": "e", "emptyDir": {}}, volumes / "e")
    (volumes / "e" / "link").symlink_to(tmp_path / "host")
    remove_volumes(volumes)
    assert (tmp_path / "host").is_dir()
    assert not volumes.exists()


def test_a_sub_path_cannot_leave_its_volume_by_a_link(tmp_path):
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "out").symlink_to("/")
    plan = MountPlan(Mount(volume / "out" / "etc", "/x"), inside=volume, make=True)
    with pytest.raises(SourceMissingError, match="leaves its volume"):
        prepare_mounts([plan])


def test_a_missing_sub_path_is_made(tmp_path):
    plan = MountPlan(Mount(tmp_path / "v" / "new", "/x"), inside=tmp_path / "v", make=True)
    prepare_mounts([plan])
    assert (tmp_path / "v" / "new").is_dir()
