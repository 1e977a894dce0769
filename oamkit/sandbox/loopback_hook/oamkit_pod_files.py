"""Opens a path of the container where the container's file tree is, e.g. a mounted token in ``/var/run/secrets``."""

from __future__ import annotations

import builtins
import functools
import io
import os
import ssl
from collections.abc import Callable
from typing import Any

_BY_PATH = (
    "stat lstat listdir scandir readlink access chdir chmod unlink remove rmdir utime truncate"
)
_lstat = os.lstat


def inside(path: Any, root: str, *, new: bool = False) -> Any:  # noqa: ANN401 - whatever open() takes
    """Return where a path of the container is: in its tree if that has it, else on this machine.

    Args:
        path: A path; a descriptor stays what it is.
        root: The container's file tree.
        new: Whether it may be a new file in a folder that the tree has.
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        return path
    if not text.startswith("/") or text == "/" or text.startswith(f"{root}/"):
        return path
    place = root + text
    if _exists(place) or (new and not _exists(text) and _exists(os.path.dirname(place))):
        return os.fsencode(place) if isinstance(path, bytes) else place
    return path


def _exists(path: str) -> bool:
    try:
        _lstat(path)
    except (OSError, ValueError):
        return False
    return True


def install(pod: dict[str, Any]) -> None:
    """Change what the functions of :mod:`os`, ``open`` and :mod:`ssl` do with a path."""
    root = pod["root"]

    def redirect(function: Callable[..., Any], *, new: bool = False) -> Callable[..., Any]:
        @functools.wraps(function)
        def redirected(path: Any = ".", *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            return function(inside(path, root, new=new), *args, **kwargs)

        return redirected

    plain_open, plain_os_open = builtins.open, os.open

    @functools.wraps(plain_open)
    def open_file(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return plain_open(inside(file, root, new=not mode.startswith("r")), mode, *args, **kwargs)

    @functools.wraps(plain_os_open)
    def open_descriptor(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
        return plain_os_open(
            inside(path, root, new=bool(flags & os.O_CREAT)), flags, *args, **kwargs
        )

    plain_load = ssl.SSLContext.load_verify_locations

    @functools.wraps(plain_load)
    def load(self: Any, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:  # noqa: ANN401
        plain_load(self, inside(cafile, root), inside(capath, root), cadata)

    for name in _BY_PATH.split():
        setattr(os, name, redirect(getattr(os, name)))
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (os, "mkdir", redirect(os.mkdir, new=True)),
        (os, "open", open_descriptor),
        (builtins, "open", open_file),
        (io, "open", open_file),
        (ssl.SSLContext, "load_verify_locations", load),
    )
    for owner, name, function in replaced:
        setattr(owner, name, function)
