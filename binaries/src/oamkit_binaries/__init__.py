"""etcd, the Kubernetes control plane, kubectl, helm, kind and cue: one program, several names.

>>> "kubectl" in programs()
True

:func:`path` gives a file that is the program of that name, for whatever runs it: a subprocess, make, another program's
configuration. The wheel holds one file, and can't hold links (a zip archive of regular files, PEP 427). So links to it are made
on first use, in the user's cache folder and not beside the file: an installed package may be read-only or another user's.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from oamkit_binaries.cache import cache

__all__ = ["main", "path", "programs"]

_PROGRAM = Path(__file__).resolve().parent / "bin" / "oamkit-binaries"
_NAMES = (
    "cue",
    "etcd",
    "helm",
    "kind",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
)


def programs() -> tuple[str, ...]:
    """Return the names of the programs, sorted."""
    return _NAMES


def path(name: str) -> Path:
    """Return the file that runs a program; ask each time rather than keep it, since caches may be emptied.

    Args:
        name: One of :func:`programs`.

    Returns:
        An absolute path, whose last part is the name.

    Raises:
        ValueError: There is no program of that name in the package.
        FileNotFoundError: The program wasn't built or installed.
        OSError: The link can't be made, because the cache folder can't be written to.
    """
    if name not in _NAMES:
        raise ValueError(f"oamkit-binaries has no program {name!r}, only {', '.join(_NAMES)}.")
    _check()
    # A folder for each place of installation: virtual environments side by side don't take one another's links, and an
    # upgrade in place needs no new ones.
    key = hashlib.sha256(str(_PROGRAM).encode()).hexdigest()[:16]
    link = cache().absolute() / "programs" / key / name
    try:
        if link.readlink() == _PROGRAM:
            return link
    except OSError:
        pass  # not there yet, or something else is in its place
    try:
        _make_link(link)
    except OSError as error:
        raise OSError(
            error.errno,
            f"The link {link} to the program can't be made: {error.strerror}. "
            "Set OAMKIT_CACHE to a folder that you can write to.",
        ) from error
    return link


def main() -> None:
    """Become the program by whose name this was called: the entry point of all console scripts."""
    name = Path(sys.argv[0]).name
    if name not in _NAMES:
        sys.exit(f"oamkit-binaries has no program {name!r}, only {', '.join(_NAMES)}.")
    try:
        _check()
    except FileNotFoundError as error:
        sys.exit(str(error))
    # The program goes by argv[0], so a shell's command needs no link.
    os.execv(_PROGRAM, [name, *sys.argv[1:]])  # noqa: S606 - no shell is wanted


def _check() -> None:
    if not _PROGRAM.is_file():
        raise FileNotFoundError(
            f"The program {_PROGRAM} isn't there: oamkit-binaries was not installed from its wheel. "
            "Run 'make binaries' in oamkit's folder, or 'pip install oamkit-binaries'."
        )


def _make_link(link: Path) -> None:
    """Make the link in one step, so that processes that do the same at once see all of it or nothing."""
    link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=link.parent) as folder:
        fresh = Path(folder) / link.name
        fresh.symlink_to(_PROGRAM)
        fresh.replace(link)
