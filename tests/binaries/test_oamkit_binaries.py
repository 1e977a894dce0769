"""The installed wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import threading
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from gobuild import module

oamkit_binaries = pytest.importorskip("oamkit_binaries", reason="run 'make binaries' first")

pytestmark = pytest.mark.binaries


def output(*argv: str | Path) -> str:
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("OAMKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oamkit_binaries, "_PROGRAM", tmp_path / "bin" / "oamkit-binaries")


def test_the_wheel_is_of_the_sources() -> None:
    assert version("oamkit-binaries") == module.wheel_version()


def test_kubectl_knows_its_release() -> None:
    answer = json.loads(output(oamkit_binaries.path("kubectl"), "version", "--client", "-o=json"))
    wanted = module.required("k8s.io/kubernetes")
    assert answer["clientVersion"]["gitVersion"] == wanted
    assert [answer["clientVersion"][name] for name in ("major", "minor")] == wanted[1:].split(".")[
        :2
    ]


@pytest.mark.parametrize(
    ("argv", "go_module"),
    [
        (("helm", "version", "--template={{.Version}}"), "helm.sh/helm/v4"),
        (("kind", "version"), "sigs.k8s.io/kind"),
        (("cue", "version"), "cuelang.org/go"),
        (("kube-apiserver", "--version"), "k8s.io/kubernetes"),
        (("kube-controller-manager", "--version"), "k8s.io/kubernetes"),
        (("kube-scheduler", "--version"), "k8s.io/kubernetes"),
        (("etcd", "--version"), "go.etcd.io/etcd/server/v3"),
    ],
)
def test_each_program_tells_the_version_of_go_mod(argv: tuple[str, ...], go_module: str) -> None:
    name, *arguments = argv
    wanted = module.required(go_module)[1:]
    assert re.search(rf"\bv?{re.escape(wanted)}\b", output(oamkit_binaries.path(name), *arguments))


@pytest.mark.parametrize("name", oamkit_binaries.programs())
def test_each_program_is_a_command(name: str) -> None:
    command = Path(sysconfig.get_path("scripts")) / name
    flag = {"cue": "help", "helm": "help", "kubectl": "help", "kind": "help"}.get(name, "--help")
    done = subprocess.run([command, flag], capture_output=True, text=True, timeout=60, check=True)
    assert re.search(rf"\b{name}\b", done.stdout + done.stderr)


def test_a_command_ends_with_the_exit_code_of_its_program() -> None:
    command = Path(sysconfig.get_path("scripts")) / "cue"
    done = subprocess.run(
        [command, "no-such-command"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1


def test_the_commands_of_the_wheel_are_its_programs() -> None:
    project = tomllib.loads((module.GO_DIR.parent / "pyproject.toml").read_text())["project"]
    assert tuple(sorted(project["scripts"])) == oamkit_binaries.programs()


def test_the_program_knows_the_same_names(cache: Path) -> None:
    program = oamkit_binaries.path("kubectl").resolve()
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1] == f"programs: {', '.join(oamkit_binaries.programs())}"


def test_a_path_is_made_again_after_the_cache_was_emptied(cache: Path) -> None:
    first = oamkit_binaries.path("cue")
    assert first.is_relative_to(cache)
    first.unlink()
    assert oamkit_binaries.path("cue") == first
    assert first.resolve().is_file()


def test_a_link_that_points_elsewhere_is_put_right(cache: Path) -> None:
    link = oamkit_binaries.path("cue")
    link.unlink()
    link.symlink_to("/nonexistent")
    assert oamkit_binaries.path("cue").resolve().is_file()


def test_many_may_ask_for_the_first_time_at_once(cache: Path) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(oamkit_binaries.path("kind")))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(found)) == 1
    assert [file.name for file in found[0].parent.iterdir()] == ["kind"]


def test_an_unusable_cache_folder_is_explained(cache: Path) -> None:
    cache.write_text("a file, not a folder")
    with pytest.raises(OSError, match="Set OAMKIT_CACHE to a folder that you can write to"):
        oamkit_binaries.path("cue")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no program 'docker', only cue, etcd, helm"):
        oamkit_binaries.path("docker")


@pytest.mark.usefixtures("not_installed")
def test_a_missing_program_names_the_command_to_run() -> None:
    with pytest.raises(FileNotFoundError, match="Run 'make binaries'"):
        oamkit_binaries.path("kubectl")


@pytest.mark.usefixtures("not_installed")
def test_a_command_without_its_program_says_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/kubectl", "get", "pods"])
    with pytest.raises(SystemExit, match="Run 'make binaries'"):
        oamkit_binaries.main()


def test_every_compiled_module_has_its_licence_in_the_wheel() -> None:
    folder = Path(oamkit_binaries.__file__).parent / "licences"
    index = (folder / "INDEX.md").read_text()
    program = oamkit_binaries.path("cue").read_bytes()
    # Go keeps the list of modules in the program: lines of "dep <path> <version>", "=>" where one is replaced.
    compiled = re.findall(rb"\n(?:dep|=>)\t(\S+)\t(\S+)\t", program)
    replaced = set(re.findall(rb"\ndep\t(\S+)\t(\S+)(?:\t\S*)?\n=>", program))
    names = {f"{p.decode()}@{v.decode()}" for p, v in compiled if (p, v) not in replaced}
    assert len(names) > 200
    for name in names:
        assert f"- {name}: " in index
        assert any(file.is_file() for file in (folder / name).rglob("*"))
    assert (folder / "go" / "LICENSE").is_file()


def test_the_program_needs_nothing_of_the_system() -> None:
    program = oamkit_binaries.path("kubectl")
    done = subprocess.run(
        [program, "version", "--client"],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.access(program.resolve(), os.X_OK)
