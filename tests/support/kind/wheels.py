"""The wheels that the kit's images install, for images that are built without a package index."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).parents[3]
PYTHON = "3.11.2"
"""The Python of Debian bookworm: the wheels are for this one."""
PLATFORMS = (
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_34_x86_64",
)
REQUIREMENTS = ("requirements/runtime.lock", "flask-demo/requirements.txt")
"""What the Dockerfiles of the runtime and the application install."""
PLACES = ("requirements/bootstrap.lock", "requirements/course.lock")
"""What those of other places install (``binder``, ``deploy``), besides :data:`HUB`."""
HUB = "jupyterhub==5.*"


def files(requirements: tuple[str, ...] = REQUIREMENTS) -> list[Path]:
    """The files that pin the wheels."""
    return [ROOT / each for each in requirements]


def backend() -> str:
    """The requirement for what pip installs to build the kit's own package, pinned by the lock."""
    lock = (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
    return next(line.split()[0] for line in lock.splitlines() if line.startswith("hatchling=="))


def download(folder: Path, *further: str, requirements: tuple[str, ...] = REQUIREMENTS) -> None:
    """Download what the files pin, and further requirements with what they need."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files(requirements):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
            chosen.write(_for_the_image(file.read_text(encoding="utf-8")))
            chosen.flush()
            _download(folder, "--no-deps", "--requirement", chosen.name)
    for each in further:
        _download(folder, each)


def _for_the_image(lock: str) -> str:
    """Choose the lines for the image's Python; pip would choose those for the one that it runs in."""
    environment = {"python_version": PYTHON.rpartition(".")[0], "python_full_version": PYTHON}
    lines = []
    for line in lock.replace("\\\n", " ").splitlines():
        wanted, _, hashes = line.partition(" --hash")
        requirement, _, marker = wanted.partition(" ; ")
        if not marker or Marker(marker).evaluate(environment):
            lines.append(f"{requirement}{' --hash' if hashes else ''}{hashes}")
    return "\n".join(lines)


def _download(folder: Path, *what: str) -> None:
    abi = "cp" + "".join(PYTHON.split(".")[:2])
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    argv += ["--python-version", PYTHON, "--implementation", "cp"]
    argv += [word for name in (abi, "abi3", "none") for word in ("--abi", name)]
    argv += [word for name in PLATFORMS for word in ("--platform", name)]
    done = subprocess.run(
        [*argv, "--dest", str(folder), *what], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"pip download {what}:\n{done.stdout}{done.stderr}"
