"""The files for other places (development container, Binder, JupyterHub): what can be checked without these services."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from oamkit.course.lab import lab
from oamkit.images.dockerfile import parse_dockerfile

ROOT = Path(__file__).parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
DOCKERFILES = [ROOT / "binder" / "Dockerfile", ROOT / "deploy" / "jupyterhub" / "Dockerfile"]


def _instructions(file: Path) -> list[tuple[str, str]]:
    read = parse_dockerfile(file, file.read_text())
    return [(each.keyword, each.value) for each in read.instructions]


@pytest.mark.parametrize(
    "file",
    [*DOCKERFILES, ROOT / ".devcontainer" / "devcontainer.json"],
    ids=lambda path: path.parent.name,
)
def test_each_says_what_it_needs(file: Path) -> None:
    text = file.read_text()
    assert re.search(r"needs? .*GB|\d+(\.\d+)? GB of memory", text)


def test_the_development_container_uses_kind_in_a_docker_of_its_own() -> None:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    settings = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert any("docker-in-docker" in name for name in settings["features"])
    assert settings["containerEnv"]["OAMKIT_PROVIDER"] == "kind"
    program, target = settings["postCreateCommand"].split()
    assert program == "make"
    assert target in TARGETS


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_images_never_run_as_root(file: Path) -> None:
    steps = _instructions(file)
    users = [value for key, value in steps if key == "USER"]
    base = [value for key, value in steps if key == "FROM"][-1]
    assert base == "${BASE}"  # the hub's image stands on Binder's, whose last user stays
    assert users in ([], ["${NB_UID}"])


def test_what_is_in_binder_s_image_is_not_below_the_home_folder() -> None:
    """A hub mounts a volume there, which may be empty."""
    steps = _instructions(DOCKERFILES[0])
    folders = [value for key, value in steps if key == "WORKDIR"]
    assert folders[-1] == "/srv/oamkit"
    assert ("ENV", "HOME=/home/${NB_USER}") in steps


def test_binder_s_build_sees_what_make_needs() -> None:
    lines = (ROOT / "binder" / "Dockerfile.dockerignore").read_text().splitlines()
    left_out = [line for line in lines if line and not line.startswith("#")]
    assert {".git", "**/.venv", "build"} <= set(left_out)
    for needed in (
        "Makefile",
        "pyproject.toml",
        "scripts",
        "requirements",
        "binaries",
        "notebooks",
        "oamkit",
        "charts",
        "flask-demo",
    ):
        assert needed not in left_out
        assert (ROOT / needed).exists()


def test_binder_s_image_is_set_up_by_make_and_has_what_the_lab_sets() -> None:
    steps = _instructions(DOCKERFILES[0])
    runs = [value for key, value in steps if key == "RUN"]
    assert any(value.endswith("make setup") for value in runs)
    environ = " ".join(value for key, value in steps if key == "ENV")
    ready = lab("en", environ={})
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"):
        folder = Path(ready.environ[name]).relative_to(ROOT).as_posix()
        assert f"{name}=/srv/oamkit/{folder}" in environ
        assert (ROOT / folder).is_dir()
    assert "OAMKIT_PROVIDER=sandbox" in environ
