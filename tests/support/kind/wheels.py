"""The wheels that the kit's images install, for images that are built without a package index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PYTHON = "3.11"
"""The Python of Debian bookworm: the wheels are for this one."""
PLATFORMS = (
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_34_x86_64",
)
REQUIREMENTS = ("requirements/runtime.lock", "flask-demo/requirements.txt")
"""What the kit's Dockerfiles install."""


def files() -> list[Path]:
    """The files that pin the wheels."""
    return [ROOT / each for each in REQUIREMENTS]


def backend() -> str:
    """The requirement for what pip installs to build the kit's own package, pinned by the lock."""
    lock = (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
    return next(line.split()[0] for line in lock.splitlines() if line.startswith("hatchling=="))


def download(folder: Path) -> None:
    """Download all of them."""
    for file in files():
        _download(folder, "--no-deps", "--requirement", str(file))
    _download(folder, backend())


def _download(folder: Path, *what: str) -> None:
    abi = f"cp{PYTHON.replace('.', '')}"
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    argv += ["--python-version", PYTHON, "--implementation", "cp"]
    argv += [word for name in (abi, "abi3", "none") for word in ("--abi", name)]
    argv += [word for name in PLATFORMS for word in ("--platform", name)]
    done = subprocess.run(
        [*argv, "--dest", str(folder), *what], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"pip download {what}:\n{done.stdout}{done.stderr}"
