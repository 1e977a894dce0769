"""What ``FROM python:…`` is here: a virtual environment of the running interpreter, laid out as the root of an image.

The official image has its interpreter in ``/usr/local``. Ours has a virtual environment (PEP 405) there, whose ``python`` is a link to this
machine's interpreter; a container sees that, and the libraries that it needs, by the image's host paths. So an image is small, is built in
seconds and needs no registry, and runs on this machine only.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Interpreter", "go_platform", "host_paths", "make_base"]

# Folders that merged-/usr systems have as links; the image repeats such links.
_TOP_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# Programs and shared libraries, and what these read: without /usr/local, which is the image's own.
_USR_FOLDERS = (*_TOP_FOLDERS, "libexec", "share")
_ETC = (
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "mime.types",
    "pki",
    "protocols",
    "services",
    "ssl",
)

_FOLDERS = {
    **dict.fromkeys(
        ("dev", "etc", "home", "opt", "proc", "run", "srv", "sys", "usr", "var"), 0o755
    ),
    "root": 0o755,  # not 0700: the interpreter may lie below it, e.g. pyenv's, and the process needn't be root
    "tmp": 0o1777,
    "var/tmp": 0o1777,
}
# The accounts of Debian's base-passwd that images commonly name.
_ACCOUNTS = {
    "root": (0, "/root", "/bin/sh"),
    "daemon": (1, "/usr/sbin", "/usr/sbin/nologin"),
    "www-data": (33, "/var/www", "/usr/sbin/nologin"),
    "nobody": (65534, "/nonexistent", "/usr/sbin/nologin"),
}
ACCOUNT_IDS = {name: number for name, (number, _, _) in _ACCOUNTS.items()}
GROUP_IDS = {**ACCOUNT_IDS, "nogroup": 65534}


@dataclass(frozen=True)
class Interpreter:
    """A Python that images can borrow.

    Attributes:
        executable: The program itself, no link and no virtual environment's.
        base_prefix: Where its standard library is (``sys.base_prefix``), links resolved.
        version: E.g. ``"3.13.1"``.
    """

    executable: Path
    base_prefix: Path
    version: str

    @classmethod
    def running(cls) -> Interpreter:
        """Return the one that runs this code."""
        base = getattr(sys, "_base_executable", None) or sys.executable
        version = ".".join(str(part) for part in sys.version_info[:3])
        return cls(Path(base).resolve(), Path(sys.base_prefix).resolve(), version)

    @property
    def minor(self) -> str:
        """Its minor version, e.g. ``"3.13"``."""
        return ".".join(self.version.split(".")[:2])

    @property
    def prefix(self) -> PurePosixPath:
        """Where the virtual environment is in the image.

        ``/usr/local``, as in the official image; elsewhere if this machine's own interpreter lives just there, as in a container of the
        official image.
        """
        clash = self.base_prefix == Path("/usr/local")
        return PurePosixPath("/opt/python" if clash else "/usr/local")

    @property
    def path(self) -> str:
        """The image's ``PATH``, as the official image has it."""
        standard = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        own = f"{self.prefix}/bin"
        return standard if standard.startswith(f"{own}:") else f"{own}:{standard}"

    @property
    def site_packages(self) -> PurePosixPath:
        """Where the image's packages are."""
        return self.prefix / "lib" / f"python{self.minor}" / "site-packages"

    def fingerprint(self) -> dict[str, str]:
        """Return what a layer that this interpreter made hangs on."""
        return {
            "executable": str(self.executable),
            "base_prefix": str(self.base_prefix),
            "version": self.version,
            "implementation": sys.implementation.cache_tag or sys.implementation.name,
            "machine": platform.machine(),
        }


def go_platform() -> dict[str, str]:
    """Return this machine's ``architecture`` and ``os`` in Go's words, as image configurations have them (``config.md``)."""
    machine = platform.machine().lower()
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
    return {"architecture": names.get(machine, machine), "os": platform.system().lower()}


def host_paths(interpreter: Interpreter, root: Path = Path("/")) -> tuple[Path, ...]:
    """Return what of this machine an image borrows, read-only: only what exists, and nothing twice.

    Args:
        interpreter: The one that the image links to.
        root: Where to look; for tests.
    """
    found: list[Path] = []
    for path in _candidates(interpreter):
        real = root / path.relative_to("/")
        if not real.exists() or any(path.is_relative_to(other) for other in found):
            continue
        if path.parent == Path("/") and real.is_symlink():
            continue  # the image has the same link
        found.append(path)
    return tuple(sorted(found))


def _candidates(interpreter: Interpreter) -> Iterator[Path]:
    yield from (Path("/usr", name) for name in _USR_FOLDERS)
    yield from (Path("/", name) for name in _TOP_FOLDERS)
    yield from (Path("/etc", name) for name in _ETC)
    if interpreter.base_prefix != Path("/usr"):
        yield interpreter.base_prefix
    yield interpreter.executable.parent


def make_base(root: Path, interpreter: Interpreter, host: Path = Path("/")) -> None:
    """Lay out a root file system with a virtual environment, without pip, in an empty folder.

    Args:
        root: The folder.
        interpreter: The interpreter that it links to.
        host: This machine's root; for tests.
    """
    for name, mode in _FOLDERS.items():
        (root / name).mkdir()
        (root / name).chmod(mode)
    for name in _TOP_FOLDERS:
        if (host / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    accounts = (
        f"{name}:x:{n}:{n}:{name}:{home}:{shell}\n" for name, (n, home, shell) in _ACCOUNTS.items()
    )
    (root / "etc/passwd").write_text("".join(accounts))
    (root / "etc/group").write_text(
        "".join(f"{name}:x:{number}:\n" for name, number in GROUP_IDS.items())
    )
    environment = root / interpreter.prefix.relative_to("/")
    programs = environment / "bin"
    programs.mkdir(parents=True)
    (root / interpreter.site_packages.relative_to("/")).mkdir(parents=True)
    (programs / "python").symlink_to(os.fspath(interpreter.executable))
    for name in ("python3", f"python{interpreter.minor}"):
        (programs / name).symlink_to("python")
    (environment / "pyvenv.cfg").write_text(
        f"home = {interpreter.executable.parent}\n"
        "include-system-site-packages = false\n"
        f"version = {interpreter.version}\n"
    )
