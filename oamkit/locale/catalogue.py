"""A catalogue of messages: reading one, and finding the template that a message was made from.

The file is a plain PO file (https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html) that translators' tools understand.
A template's slots have names, ``There is no image {tag}.``, so that a translation can put them into another order.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from string import Formatter

__all__ = ["Catalogue", "Template", "catalogue", "read"]

DEPTH = 3
"""How deep messages may stand in the slots of messages."""

WEAK = 4
"""Letters outside its slots that a template must have before a slot may hold several words that are no message."""


@dataclass(frozen=True)
class Template:
    """A message with slots, and its translation.

    Attributes:
        source: E.g. ``"There is no image {tag}."``.
        target: The same in the other language.
    """

    source: str
    target: str

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The text between the slots."""
        return tuple(text for text, *_ in Formatter().parse(self.source) if text)

    @cached_property
    def is_weak(self) -> bool:
        """Whether it says so little, such as ``{one} of {other}``, that any sentence could have been made from it."""
        return sum(character.isalpha() for literal in self.literals for character in literal) < WEAK

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a message that was made from it looks like."""
        parts: list[str] = []
        for text, name, *_ in Formatter().parse(self.source):
            parts.append(re.escape(text))
            if name is not None:
                parts.append(f"(?P<{name}>.*?)")
        return re.compile("".join(parts), re.DOTALL)

    def values(self, text: str) -> dict[str, str] | None:
        """Return what stands in the slots of a message; ``None`` if it wasn't made from this template."""
        if not all(literal in text for literal in self.literals):
            return None
        match = self.pattern.fullmatch(text)
        return match.groupdict() if match else None


@dataclass(frozen=True)
class _Found:
    """A translation, and how many characters of the message stand in templates rather than in slots."""

    text: str
    weight: int


class Catalogue:
    """The messages of a language.

    Args:
        entries: From the English message to its translation.

    Example:
        >>> german = Catalogue({"There is no image {tag}.": "Ein Image {tag} gibt es nicht."})
        >>> german.translate("There is no image web:v1.")
        'Ein Image web:v1 gibt es nicht.'
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._plain: dict[str, str] = {}
        templates = []
        for source, target in entries.items():
            if any(name is not None for _, name, *_ in Formatter().parse(source)):
                templates.append(Template(source, target))
            else:
                self._plain[_unbraced(source)] = _unbraced(target)
        # The one that says most is tried first.
        self._templates = sorted(
            templates, key=lambda each: sum(map(len, each.literals)), reverse=True
        )

    def translate(self, text: str) -> str:
        """Return a message in this language, or as it is if it is none."""
        whole = self._known(text, DEPTH)
        if "\n" not in text:
            return whole.text if whole else text
        lines = self._by_lines(text)
        return whole.text if whole and whole.weight > lines.weight else lines.text

    def _known(self, text: str, depth: int) -> _Found | None:
        """Return the translation of a message; ``None`` if no template fits."""
        core = text.strip().removesuffix("…").rstrip()  # what is waited for ends with dots
        if not core or not depth:
            return None
        if core in self._plain:
            found: _Found | None = _Found(self._plain[core], len(core))
        else:
            whole, after = self._filled(core, depth), self._with_prefix(core, depth)
            # What stands before a colon is rather a place than a part of the message.
            found = after if after and (not whole or after.weight >= whole.weight) else whole
        return found and _Found(text.replace(core, found.text, 1), found.weight)

    def _filled(self, text: str, depth: int) -> _Found | None:
        """Of all templates that fit take the one that, with what stands in its slots, explains most of the text."""
        best = None
        for template in self._templates:
            values = template.values(text)
            if values is None:
                continue
            slots = {name: self._slot(value, depth - 1) for name, value in values.items()}
            if template.is_weak and any(
                " " in each.text and not each.weight for each in slots.values()
            ):
                continue
            weight = sum(map(len, template.literals)) + sum(each.weight for each in slots.values())
            if best is None or weight >= best.weight:  # of two, the shorter one joins messages
                parts = Formatter().parse(template.target)
                filled = (
                    text + ("" if name is None else slots[name].text) for text, name, *_ in parts
                )
                best = _Found("".join(filled), weight)
        return best

    def _slot(self, value: str, depth: int) -> _Found:
        """What stands in a slot may be a message itself, or a list of messages; a single word is a name."""
        found = self._known(value, depth) if " " in value.strip() else None
        if found or ", " not in value:
            return found or _Found(value, 0)
        parts = [self._slot(part, depth) for part in value.split(", ")]
        return _Found(", ".join(part.text for part in parts), sum(part.weight for part in parts))

    def _with_prefix(self, text: str, depth: int) -> _Found | None:
        """Where a message comes after the place that it is about, ``app.yaml:7: expected …``, or after an arrow, that stays."""
        place, sign, rest = text.partition("→ " if text.startswith("→ ") else ": ")
        if not sign or not rest or "\n" in place:
            return None
        found = self._known(rest, depth)
        return found and _Found(f"{place}{sign}{found.text}", found.weight)

    def _by_lines(self, text: str) -> _Found:
        found = [self._known(line, DEPTH) or _Found(line, 0) for line in text.split("\n")]
        return _Found("\n".join(each.text for each in found), sum(each.weight for each in found))


def read(text: str) -> dict[str, str]:
    r"""Read a PO file: from each message to its translation, without those that have none or are marked as fuzzy.

    Example:
        >>> read('#, fuzzy\nmsgid "a"\nmsgstr "b"\n\nmsgid "one "\n"two"\nmsgstr "zwei"\n')
        {'one two': 'zwei'}
    """
    return {
        source: target
        for source, target, fuzzy in _entries(text)
        if source and target and not fuzzy
    }


def _entries(text: str) -> Iterator[tuple[str, str, bool]]:
    for block in re.split(r"\n\s*\n", text):
        fields = {"msgid": "", "msgstr": ""}
        field, fuzzy = "", False
        for line in block.splitlines():
            if line.startswith("#"):
                fuzzy |= line.startswith("#,") and "fuzzy" in line
                continue
            word, _, rest = line.partition(" ")
            if word in fields:
                field, line = word, rest
            if field and line.startswith('"'):
                # A PO string is written like one of C, and so like one of Python.
                fields[field] += ast.literal_eval(line)
        yield fields["msgid"], fields["msgstr"], fuzzy


@lru_cache
def catalogue(lang: str) -> Catalogue:
    """Return the catalogue of a language; an empty one if there is none."""
    file = Path(__file__).parent / lang / "messages.po"
    return Catalogue(read(file.read_text(encoding="utf-8")) if file.is_file() else {})


def _unbraced(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
