"""What may be given to CUE: a text, some files in memory, a file, or the folder of a package."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from oamkit.cue.errors import Place, Problem
from oamkit.errors import InputError
from oamkit.show import Text

__all__ = ["Data", "Folder", "Source", "laid_out"]

Source: TypeAlias = "str | Text | Path | Mapping[str, str | Text]"
"""CUE to work on.

=======================  ==================================================================================
a ``str`` or ``Text``    the text of one file, which messages call ``input.cue``
a mapping                files in memory: from name (``"lib/lib.cue"``) to text; ``cue.mod/module.cue`` makes a module
a ``Path`` to a file     that file; what it imports of its own module is found
a ``Path`` to a folder   the package in it
=======================  ==================================================================================
"""

Data: TypeAlias = object
"""Data to unify or check: any Python data that JSON can hold, or a ``Path`` to a file of YAML or JSON."""

INPUT = "input.cue"
LARGEST = 1 << 22
"""Bytes of a file that is read for showing a line of it."""


@dataclass(frozen=True)
class Folder:
    """The folder that CUE is called in.

    Attributes:
        path: Where it is.
        inputs: What to give as inputs.
        home: A folder of this call, for what CUE may want to keep.
        made: The files of this call that lie in memory only: from their path to the name that messages use.
    """

    path: Path
    inputs: list[str]
    home: Path
    made: dict[Path, str] = field(default_factory=dict)

    def located(self, problem: Problem) -> Problem:
        """Return a problem whose places have the names that the caller knows, and the lines that stand there."""
        return replace(problem, places=tuple(map(self._located, problem.places)))

    def _located(self, place: Place) -> Place:
        path = Path(os.path.normpath(self.path / place.file))
        lines = _lines(path)
        text = lines[place.line - 1].rstrip() if 0 < place.line <= len(lines) else ""
        return replace(place, file=self.made.get(path) or _short(path, place.file), text=text)


def _lines(path: Path) -> list[str]:
    try:
        return (
            path.read_text(encoding="utf-8", errors="replace").split("\n")
            if path.stat().st_size <= LARGEST
            else []
        )
    except OSError:
        return []  # a file of CUE's own library


def _short(path: Path, file: str) -> str:
    if not path.exists():
        return file
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


@contextmanager
def laid_out(source: Source, *data: Data, package: str = "") -> Iterator[Folder]:
    """Lay out what a call needs as files. What lies on the disk already stays where it is.

    Args:
        source: The CUE.
        *data: Data to unify or check.
        package: Which package of the module, e.g. ``"./app"``; the one in the folder by default.

    Raises:
        InputError: There is no such file, a name leads out of the folder, or the data isn't JSON's.
    """
    with tempfile.TemporaryDirectory(prefix="oamkit-cue-") as made:
        folder = Path(made).resolve()
        names: dict[Path, str] = {}
        if isinstance(source, Path):
            _check_there(source)
            cwd = source.resolve() if source.is_dir() else source.resolve().parent
            inputs = [package or ("." if source.is_dir() else f"./{source.name}")]
        else:
            cwd = folder / "source"
            cwd.mkdir()
            files = {INPUT: source} if isinstance(source, str | Text) else source
            texts = {_inside(name): str(text) for name, text in files.items()}
            for name, text in texts.items():
                path = cwd / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", errors="replace")
                names[path] = name
            own = [f"./{name}" for name in texts if "/" not in name and name.endswith(".cue")]
            inputs = [package] if package else (["."] if "cue.mod/module.cue" in texts else own)
        for number, each in enumerate(data, start=1):
            if isinstance(each, Path):
                _check_there(each)
                inputs.append(str(each.resolve()))
            else:
                path = folder / f"data{number if number > 1 else ''}.json"
                path.write_text(_json(each), encoding="utf-8", errors="replace")
                names[path] = path.name
                inputs.append(str(path))
        yield Folder(cwd, inputs, folder, names)


def _check_there(path: Path) -> None:
    if not path.exists():
        raise InputError("there is no such file or folder", file=path)


def _inside(name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or name.startswith("-"):
        raise InputError(f"{name!r} is no name of a file in a folder", field="source")
    return str(PurePosixPath(name))


def _json(data: Data) -> str:
    try:
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"JSON has no such data: {error}",
            field="data",
            hint="Give mappings with texts as keys, lists, texts, numbers, True, False or None.",
        ) from error
