"""YAML files with Kubernetes objects: read and checked before anything is sent, so that an error can name file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from oamkit.errors import InputError

__all__ = ["Manifest", "Source", "load", "load_all"]

Source = str | Path | Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""A file, a folder of files, an object, or several."""

SUFFIXES = (".yaml", ".yml", ".json")
"""What ``kubectl apply -f FOLDER`` reads."""


@dataclass(frozen=True)
class Manifest:
    """An object as somebody wrote it.

    Attributes:
        object: The object.
        file: The file that it stands in; ``None`` for one made in Python.
        line: Its first line, from 1.
        text: What was written, as it stands in the file.
    """

    object: Mapping[str, Any]
    file: Path | None = None
    line: int = 1
    text: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What no second object of a folder may share: API version, kind, namespace and name."""
        metadata = self.object["metadata"]
        return (
            self.object["apiVersion"],
            self.object["kind"],
            metadata.get("namespace", ""),
            metadata["name"],
        )


def load(source: Source) -> list[Manifest]:
    """Read objects and check what every Kubernetes object must have.

    Args:
        source: A file, a folder (its ``.yaml``, ``.yml`` and ``.json`` files by name), an object, or several.

    Raises:
        InputError: A file isn't there or isn't YAML, an object lacks a required field, or two objects are the same one.

    Example:
        >>> load({"apiVersion": "v1", "kind": "Namespace"})
        Traceback (most recent call last):
        ...
        oamkit.errors.InputError: metadata.name: expected a name, got nothing
        Hint: Every Kubernetes object needs apiVersion, kind and metadata.name.
    """
    if isinstance(source, str | Path):
        manifests = [found for file in _files(Path(source)) for found in _read(file)]
        if not manifests:
            raise InputError("expected Kubernetes objects, found none", file=source)
    elif isinstance(source, Mapping):
        manifests = [Manifest(source)]
    else:
        manifests = [Manifest(item) for item in source]
    for manifest in manifests:
        _check(manifest)
    _refuse_twins(manifests)
    return manifests


def load_all(files: Iterable[str | Path]) -> list[Manifest]:
    """Read several files or folders as if they were one; see :func:`load`."""
    found = [manifest for file in files for manifest in load(file)]
    _refuse_twins(found)
    return found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(
            file for file in path.iterdir() if file.suffix in SUFFIXES and not file.is_dir()
        )
    if path.is_file():
        return [path]
    raise InputError(
        "there is no such file or folder",
        file=path,
        hint=f"Paths start from the working folder, which is {Path.cwd()}.",
    )


def _read(file: Path) -> Iterator[Manifest]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"this isn't text in UTF-8: {error.reason} at byte {error.start}",
            file=file,
            hint="Save it as UTF-8, which is what YAML and Kubernetes expect.",
        ) from error
    except OSError as error:
        raise InputError(
            f"this can't be read: {error.strerror}",
            file=file,
            hint=f"Look who may read it: ls -l {file}",
        ) from error
    lines = text.splitlines()
    try:
        nodes = list(yaml.compose_all(text, yaml.SafeLoader))
        documents = list(yaml.safe_load_all(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(
            f"this isn't YAML: {error.problem or error.context}",
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
            hint="Look at the indentation and at the colons of this line and the one above it.",
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"this isn't YAML: {error}", file=file) from error
    for node, document in zip(nodes, documents, strict=True):
        if document is not None:
            start, end = node.start_mark.line, node.end_mark.line
            body = "\n".join(lines[start : max(end, start + 1)]).rstrip()
            yield Manifest(document, file, start + 1, body)


def _check(manifest: Manifest) -> None:
    found = manifest.object
    hint = "Every Kubernetes object needs apiVersion, kind and metadata.name."
    line = manifest.line if manifest.file else None

    def wrong(message: str, field: str = "") -> InputError:
        return InputError(message, file=manifest.file, line=line, field=field, hint=hint)

    if not isinstance(found, Mapping):
        raise wrong(f"expected an object, got {found!r}")
    for field in ("apiVersion", "kind"):
        if not isinstance(found.get(field), str) or not found[field]:
            got = f"expected a text, got {found.get(field)!s}"
            raise wrong(got if found.get(field) else "expected a text, got nothing", field)
    metadata = found.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        got = f"expected a name, got {name!s}"
        raise wrong(got if name else "expected a name, got nothing", "metadata.name")
    namespace = metadata.get("namespace")
    if not isinstance(namespace, str | None):
        raise wrong(f"expected a text, got {namespace!s}", "metadata.namespace")


def _refuse_twins(manifests: Iterable[Manifest]) -> None:
    seen: dict[tuple[str, str, str, str], Manifest] = {}
    for manifest in manifests:
        first = seen.setdefault(manifest.identity, manifest)
        if first is not manifest:
            _, kind, _, name = manifest.identity
            where = f"{first.file}:{first.line}" if first.file else "an earlier object"
            raise InputError(
                f"a second {kind} {name!r}; the first one is {where}",
                file=manifest.file,
                line=manifest.line if manifest.file else None,
                field="metadata.name",
                hint="Give one of them another name, or delete it: the later one would overwrite the earlier.",
            )
