"""Rules that hold for the whole project."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REGISTRIES = re.compile(r"(pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|crates\.io/api)")


def tracked(root: Path) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    return [root / name for name in listing.split("\0") if name]


def texts(root: Path) -> dict[Path, str]:
    found = {}
    for path in tracked(root):
        if path.is_file() and path != Path(__file__):
            try:
                found[path] = path.read_text()
            except UnicodeDecodeError:
                continue
    return found


def test_no_file_names_a_package_registry_or_a_path_of_one_machine(project_root: Path) -> None:
    wrong = [
        f"{path.relative_to(project_root)}:{number}"
        for path, text in texts(project_root).items()
        for number, line in enumerate(text.splitlines(), 1)
        if REGISTRIES.search(line) or "/work/main" in line or "/root/.pyenv" in line
    ]
    assert wrong == []


def test_every_dependency_says_why_it_is_there(project_root: Path) -> None:
    lines = (project_root / "pyproject.toml").read_text().splitlines()
    start = lines.index("dependencies = [")
    end = lines.index("[project.scripts]")
    unexplained = [
        line for line in lines[start:end] if re.match(r'\s+"[a-z]', line) and "#" not in line
    ]
    assert unexplained == []


@pytest.mark.parametrize("name", ["course", "dev"])
def test_the_lock_has_every_direct_dependency_with_hashes(project_root: Path, name: str) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]
    wanted = set(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted |= set(extra)
    names = {re.split(r"[><=\[ ]", one)[0] for one in wanted} - {"oamkit-binaries"}
    lock = (project_root / "requirements" / f"{name}.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert names - locked == set()
    assert lock.count("--hash=sha256:") >= len(locked)


def test_the_course_lock_is_a_part_of_the_developers_lock(project_root: Path) -> None:
    def pins(name: str) -> set[str]:
        text = (project_root / "requirements" / f"{name}.lock").read_text()
        return set(re.findall(r"^([a-z0-9.-]+==\S+)", text, re.MULTILINE))

    assert pins("course") - pins("dev") == set()


def test_links_between_documents_lead_somewhere(project_root: Path) -> None:
    broken = []
    for path, text in texts(project_root).items():
        if path.suffix != ".md":
            continue
        base = path.parent
        if base.parent.name == "translations":  # its texts become cells of the notebooks beside it
            base = project_root / "notebooks" / base.name
        targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        broken += [
            f"{path.relative_to(project_root)}: {target}"
            for target in targets
            if "://" not in target and not (base / target).exists()
        ]
    assert broken == []


def test_make_help_names_the_same_targets_in_both_languages(project_root: Path) -> None:
    shown = {
        language: subprocess.run(
            ["make", "--no-print-directory", "help"],
            cwd=project_root,
            env={**os.environ, "OAMKIT_LANG": language},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for language in ("en", "zh")
    }
    english, chinese = ([line.split()[1] for line in lines] for lines in shown.values())
    assert "course" in english
    assert chinese == english
    assert all(re.search("[一-鿿]", line) for line in shown["zh"])
