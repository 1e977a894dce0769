"""YAML as a learner reads it: coloured, without noise, with a note beside the lines that matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from oamkit import show
from oamkit.cluster import manifests
from oamkit.cluster.api import Json
from oamkit.errors import InputError
from oamkit.languages import translate
from oamkit.show import Rendered

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["YamlView", "dump", "show_yaml"]

NOISE = ("managedFields",)
"""Fields of ``metadata`` that only machines read."""

_TOKEN = re.compile(
    r"(?P<comment>(?:^|(?<=\s))#.*$)|(?P<key>^\s*(?:- )*[^\s#'\"][^:#]*(?=:(?:\s|$)))|(?P<string>\"[^\"]*\"|'[^']*')",
)
_COLORS = {
    "comment": "var(--jp-mirror-editor-comment-color, #3d7b7b)",
    "key": "var(--jp-mirror-editor-property-color, #004a9f)",
    "string": "var(--jp-mirror-editor-string-color, #ba2121)",
}


@dataclass(frozen=True)
class YamlView(Rendered):
    """A YAML text with notes.

    Attributes:
        text: The text.
        title: A line above it, e.g. the file's name.
        notes: From the number of a line, from 0, to a note beside it.
    """

    text: str
    title: str = ""
    notes: Mapping[int, str] = field(default_factory=dict)

    def _lines(self) -> list[tuple[str, str]]:
        return [
            (line, translate(self.notes.get(index, "")))
            for index, line in enumerate(self.text.splitlines())
        ]

    def __str__(self) -> str:
        width = max((len(line) for line, note in self._lines() if note), default=0)
        lines = [f"# {translate(self.title)}"] if self.title else []
        lines += [f"{line:<{width}}  # ← {note}" if note else line for line, note in self._lines()]
        return "\n".join(lines)

    def __rich__(self) -> RenderableType:
        from rich.syntax import Syntax

        return Syntax(str(self), "yaml", theme="ansi_dark", background_color="default")

    def to_html(self) -> str:
        """Return a ``<pre>`` in the colours of JupyterLab's editor."""
        rows = "\n".join(
            _colored(line)
            + (
                f'  <strong style="font-family:sans-serif">← {escape(note)}</strong>'
                if note
                else ""
            )
            for line, note in self._lines()
        )
        title = (
            f"<figcaption><code>{escape(translate(self.title))}</code></figcaption>"
            if self.title
            else ""
        )
        return f'<figure style="margin:0">{title}<pre style="{show.PRE}">{rows}</pre></figure>'


def dump(data: Json) -> str:
    """Return an object as YAML, in the order of its fields, without the noise.

    Example:
        >>> print(dump({"kind": "Pod", "metadata": {"name": "web", "managedFields": []}}), end="")
        kind: Pod
        metadata:
          name: web
    """
    return yaml.dump(_clean(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def show_yaml(
    source: str | Path | Mapping[str, Any],
    *,
    kind: str = "",
    name: str = "",
    notes: Mapping[str, str] | None = None,
) -> YamlView:
    """Show YAML, with notes beside some of its fields.

    Args:
        source: A file, or an object, e.g. what :func:`oamkit.get` returned.
        kind: Which object of the file; any by default.
        name: Which object of the file; any by default.
        notes: From the path of a field, e.g. ``"spec.workload.kind"``, to what to say beside it.

    Returns:
        The whole file, or the one object that ``kind`` and ``name`` point at.

    Raises:
        InputError: There is no such file, object or field.

    Example:
        >>> print(show_yaml({"kind": "Pod", "metadata": {"name": "web"}}, notes={"kind": "what it is"}))
        kind: Pod  # ← what it is
        metadata:
          name: web
    """
    if isinstance(source, Mapping):
        text, title = dump(dict(source)), ""
    else:
        text, title = _select(Path(source), kind, name)
    return YamlView(text.rstrip("\n"), title, _place(text, notes or {}, title))


def _select(file: Path, kind: str, name: str) -> tuple[str, str]:
    if file.is_file() and not kind and not name:
        manifests.load(file)
        return file.read_text(encoding="utf-8"), str(file)
    for manifest in manifests.load(file):
        _, its_kind, _, its_name = manifest.identity
        if kind in ("", its_kind) and name in ("", its_name):
            return manifest.text, f"{manifest.file}, line {manifest.line}"
    raise InputError(f"there is no {kind or 'object'} {name}".rstrip(), file=file)


def _place(text: str, notes: Mapping[str, str], title: str) -> dict[int, str]:
    if not notes:
        return {}
    lines: dict[str, int] = {}
    for document in yaml.compose_all(text, yaml.SafeLoader):
        _index(document, "", lines)
    placed: dict[int, str] = {}
    for path, note in notes.items():
        if path not in lines:
            raise InputError(
                "there is no such field to put a note beside", file=title or None, field=path
            )
        placed[lines[path]] = note
    return placed


def _index(node: yaml.Node | None, path: str, lines: dict[str, int]) -> None:
    """Remember the line at which each field of the first document that has it begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            child = f"{path}.{key.value}" if path else key.value
            lines.setdefault(child, key.start_mark.line)
            _index(value, child, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            child = f"{path}[{number}]"
            lines.setdefault(child, value.start_mark.line)
            _index(value, child, lines)


def _clean(data: Json) -> Json:
    if isinstance(data, Mapping):
        return {
            key: {k: _clean(v) for k, v in value.items() if k not in NOISE}
            if key == "metadata" and isinstance(value, Mapping)
            else _clean(value)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [_clean(item) for item in data]
    return data


class _Dumper(yaml.SafeDumper):
    """Writes the same value in full each time, and indents lists as people do."""

    def ignore_aliases(self, data: Json) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def _colored(line: str) -> str:
    parts: list[str] = []
    end = 0
    for match in _TOKEN.finditer(line):
        parts.append(escape(line[end : match.start()]))
        color = _COLORS[match.lastgroup or "key"]
        parts.append(f'<span style="color:{color}">{escape(match.group())}</span>')
        end = match.end()
    return "".join(parts) + escape(line[end:])
