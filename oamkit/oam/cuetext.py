"""Reads the outline of a CUE text: what evaluating it doesn't tell.

Evaluated values have no comments, but list-merge markers are comments (``// +patchKey=name``). So the text's fields are followed
here as far as that takes: strings, brackets, labels, comments. Whether the text is right is CUE's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["ELEMENT", "Marker", "Outline", "Path", "outline"]

ELEMENT: Final = "[]"
"""The step of a path into the elements of a list."""
_MARKER: Final = re.compile(r"//\s*\+(?P<key>\w+)=(?P<value>\S*)")
_QUOTE: Final = re.compile(r"""#*("{3}|'{3}|"|')""")
_WORD: Final = re.compile(r"[\w$#]+")
_COLON: Final = re.compile(r"\s*[?!]?\s*:(?!:)")
_CONTEXT: Final = re.compile(r"(?<![\w.$#])context\s*\.\s*([A-Za-z_]\w*)")
_CLOSING: Final = {"{": "}", "[": "]", "(": ")"}
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """A comment that says how a field is merged.

    Args:
        path: The field's, from the text's top; :data:`ELEMENT` leads into a list.
        key: E.g. ``"patchKey"``.
        value: E.g. ``"name"``.
        line: Where it stands, from 1.
    """

    path: Path
    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Outline:
    """What a CUE text looks like from outside.

    Args:
        fields: The top-level fields, each with the offset of its label.
        markers: The markers, each with its field.
        context: The fields of ``context`` that the text uses, each with its line and column.
    """

    fields: tuple[tuple[str, int], ...]
    markers: tuple[Marker, ...]
    context: tuple[tuple[str, int, int], ...]


@lru_cache(maxsize=256)
def outline(text: str) -> Outline:
    r"""Return the outline of a text; of a wrong one, something.

    Example:
        >>> found = outline('patch: {\n// +patchKey=name\nspec: containers: [{name: context.name}]\n}')
        >>> found.fields, found.markers[0].path, found.context
        ((('patch', 0),), ('patch', 'spec', 'containers'), (('name', 3, 26),))
    """
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._code = list(text)  # comments and what strings say are blanked out
        self._base: Path = ()
        self._field: Path = ()
        self._stack: list[tuple[str, Path, Path]] = []
        self._held: list[tuple[str, str, int]] = []
        self._chained = False
        self._fields: list[tuple[str, int]] = []
        self._markers: list[Marker] = []

    def read(self) -> Outline:
        at = 0
        while at < len(self._text):
            at = self._step(at)
        code = "".join(self._code)
        uses = tuple(
            (
                found[1],
                code.count("\n", 0, found.start()) + 1,
                found.start() - code.rfind("\n", 0, found.start()),
            )
            for found in _CONTEXT.finditer(code)
        )
        return Outline(tuple(self._fields), tuple(self._markers), uses)

    def _step(self, at: int) -> int:
        text, sign = self._text, self._text[at]
        if text.startswith("//", at):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            self._comment(at, text[at:end])
            self._blank(at, end)
            return end
        if sign.isspace():
            return at + 1
        quote = _QUOTE.match(text, at)
        if quote:
            end = self._string(quote)
            label = text[quote.end() : end - len(quote[0])]
            return self._word(at, end, label)
        word = _WORD.match(text, at)
        if word:
            return self._word(at, word.end(), word[0])
        if sign in _CLOSING:
            self._begin_value()
            self._stack.append((_CLOSING[sign], self._base, self._field))
            self._base = (*self._field, ELEMENT) if sign == "[" else self._field
            self._field = self._base
        elif self._stack and sign == self._stack[-1][0]:
            _, self._base, self._field = self._stack.pop()
            if sign != "}":  # [string]: … and ("\(name)"): …
                return self._word(at, at + 1, "*")
        elif sign not in ":?!":
            self._begin_value()
        return at + 1

    def _word(self, at: int, end: int, label: str) -> int:
        """Take a label with its colon, or any other word."""
        colon = _COLON.match(self._text, end)
        if not colon:
            self._begin_value()
            return end
        if not self._chained:
            self._field = self._base
            if not self._stack:
                self._fields.append((label, at))
        self._field = (*self._field, label)
        self._chained = True
        return colon.end()

    def _begin_value(self) -> None:
        """The labels of a field have ended: what was said before it, is said of it."""
        if self._chained:
            self._markers += [Marker(self._field, *held) for held in self._held]
            self._held = []
        self._chained = False

    def _comment(self, at: int, comment: str) -> None:
        found = _MARKER.match(comment)
        if found:
            line = self._text.count("\n", 0, at) + 1
            self._held.append((found["key"], found["value"], line))

    def _string(self, quote: re.Match[str]) -> int:
        """Return where a string ends; its text is blanked out, its interpolations stay."""
        hashes = quote[0].rstrip("\"'")
        closing, escape = quote[1] + hashes, "\\" + hashes
        end = quote.end()
        while end < len(self._text) and not self._text.startswith(closing, end):
            if self._text.startswith(f"{escape}(", end):
                end = self._interpolation(end + len(escape) + 1)
            else:
                step = len(escape) + 1 if self._text.startswith(escape, end) else 1
                self._blank(end, end + step)
                end += step
        return min(len(self._text), end + len(closing))

    def _interpolation(self, at: int) -> int:
        depth = 1
        while at < len(self._text) and depth:
            quote = _QUOTE.match(self._text, at)
            if quote:
                at = self._string(quote)
                continue
            depth += {"(": 1, ")": -1}.get(self._text[at], 0)
            at += 1
        return at

    def _blank(self, at: int, end: int) -> None:
        for place in range(at, min(end, len(self._code))):
            if self._code[place] != "\n":
                self._code[place] = " "
