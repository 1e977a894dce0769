"""Where the kit keeps its things on this machine.

=====================  ==============================================================  =====================================
what                   where (Linux; elsewhere as the system has it)                   may be deleted
=====================  ==============================================================  =====================================
:func:`data`           ``~/.local/share/oamkit``: sandbox, images, progress            no: it is the learner's work
:func:`cache`          ``~/.cache/oamkit``: built wheels, downloads, build layers      yes: it is made again, slowly
:func:`runtime`        ``$XDG_RUNTIME_DIR/oamkit`` or below ``/tmp``: sockets, locks   while nothing runs
=====================  ==============================================================  =====================================

``OAMKIT_HOME`` puts all of it but the cache below one folder, e.g. for tests or for several sandboxes side by side; ``OAMKIT_CACHE``
moves the cache. A folder that can't be made is an :class:`~oamkit.errors.OamKitError` that says so.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

from oamkit.errors import OamKitError

__all__ = ["cache", "data", "runtime"]


def _home() -> Path | None:
    value = os.environ.get("OAMKIT_HOME")
    return Path(value).expanduser().resolve() if value else None


def _private(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OamKitError(
            f"The kit's folder {path} can't be made: {error.strerror}.",
            hint=(
                "OAMKIT_HOME=FOLDER names another one for all that the kit keeps,"
                " and OAMKIT_CACHE=FOLDER one for what can be made again."
            ),
            code="home",
        ) from error
    return path


def data() -> Path:
    """Return the folder for what must not be lost; it is made if needed, with mode 0700."""
    home = _home()
    return _private(home / "data" if home else platformdirs.user_data_path("oamkit"))


def cache() -> Path:
    """Return the folder for what can be made again.

    With ``OAMKIT_HOME`` it stays the user's one, unless ``OAMKIT_CACHE`` names another: what is in it is addressed by the hash
    of its inputs, so any number of homes can share it.
    """
    value = os.environ.get("OAMKIT_CACHE")
    return _private(Path(value).expanduser() if value else platformdirs.user_cache_path("oamkit"))


def runtime() -> Path:
    """Return the folder for sockets and locks.

    Its path is short, since a Unix socket's path may have no more than 107 bytes (``unix(7)``).
    """
    home = _home()
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    suffix = "" if home is None else "-" + hashlib.sha256(str(home).encode()).hexdigest()[:8]
    name = "oamkit" if os.environ.get("XDG_RUNTIME_DIR") else f"oamkit-{os.getuid()}"
    return _private(base / (name + suffix))
