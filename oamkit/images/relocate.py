"""Making what pip wrote independent of the folder that the image was built in.

- Scripts begin with ``#!/usr/local/bin/python`` (the image's path) instead of a path of this build, also where pip had to work round
  a path that is too long for the kernel.
- ``direct_url.json`` (PEP 610) of a package that was installed from the image's files names their path in the image.
- ``RECORD`` has the new digests of both.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from oamkit.images.interpreter import Interpreter

__all__ = ["make_relocatable"]

_LONG_SHEBANG = re.compile(rb"#!/bin/sh\n'''exec' \"?([^\n\"]+?)\"? \"\$0\" \"\$@\"\n' '''\n")


def make_relocatable(root: Path, names: Iterable[str], interpreter: Interpreter) -> None:
    """Replace paths of this build in what pip wrote.

    Args:
        root: The image's root file system.
        names: The files that pip wrote, relative to it.
        interpreter: The image's interpreter.
    """
    names = list(names)
    programs = str(interpreter.prefix / "bin").removeprefix("/")
    changed = {
        name
        for name in names
        if (name.startswith(f"{programs}/") and _fix_script(root / name, root))
        or (name.endswith(".dist-info/direct_url.json") and _fix_text(root / name, root))
    }
    for name in names:
        if changed and name.endswith(".dist-info/RECORD"):
            _fix_record(root, name, changed)


def _fix_script(path: Path, root: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    content = path.read_bytes()
    fixed = _LONG_SHEBANG.sub(rb"#!\1\n", content, count=1)
    first, newline, rest = fixed.partition(b"\n")
    if first.startswith(b"#!"):
        fixed = first.replace(os.fsencode(root), b"") + newline + rest
    if fixed != content:
        path.write_bytes(fixed)
    return fixed != content


def _fix_text(path: Path, root: Path) -> bool:
    content = path.read_text()
    fixed = content.replace(root.as_uri(), "file://")
    if fixed != content:
        path.write_text(fixed)
    return fixed != content


def _fix_record(root: Path, name: str, changed: set[str]) -> None:
    """Give changed files their new digests (packaging.python.org, "Recording installed projects")."""
    path = root / name
    site_packages = name.rsplit("/", 2)[0]
    rows = []
    for row in csv.reader(io.StringIO(path.read_bytes().decode(), newline="")):
        target = posixpath.normpath(f"{site_packages}/{row[0]}") if row else ""
        if target in changed:
            content = (root / target).read_bytes()
            digest = (
                base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            )
            rows.append([row[0], f"sha256={digest}", str(len(content))])
        else:
            rows.append(row)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
