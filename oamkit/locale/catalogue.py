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

__all__ = ["JOINTS", "LIBRARIES", "Catalogue", "Template", "catalogue", "read"]

DEPTH = 3
"""How deep messages may stand in the slots of messages."""
LETTERS = 8
"""A template that begins with a slot and has fewer letters fits only where names or messages stand in its slots."""
REMEMBERED = 10_000
"""How many translations are kept, since a widget says the same again and again."""

PLACE = "{place}: {message}"
JOINTS = (
    "{message}.",
    "{message} …",
    "{message}:",
    "→ {message}",
    "{first}; {second}",
    "{first}, {second}",
    PLACE,
)
"""How messages are joined, to one another and to what they are about: ``app.yaml:7: expected a list``."""
LIBRARIES = (
    "No such command {name}.",
    "No such option: {name}",
    "No such option: {name} (Possible options: {names})",
    "Missing command.",
    "Missing argument {name}.",
    "Missing option {name}.",
    "Option {name} requires an argument.",
    "Option {name} does not take a value.",
    "Got unexpected extra argument ({name})",
    "Got unexpected extra arguments ({names})",
    "Invalid value for {name}: {message}",
    "Input should be a valid integer, unable to parse string as an integer",
    "Show this message and exit.",
    "Arguments",
    "Options",
    "Commands",
    "[default: {value}]",
    "[required]",
    "Aborted.",
    "reference {name} not found",
    "404 page not found",
    "No space left on device",
    "Permission denied",
    "Read-only file system",
    "Disk quota exceeded",
    "Is a directory",
    "Not a directory",
    "Address already in use",
)
"""What typer, CUE, Traefik and the system say, and the kit passes on."""
_NAME = re.compile(r"\S*|[A-Z]\w*(, [\w.]+=\S+)+|[\d.]+ [A-Za-z]{1,3}")
"""A name, e.g. of a condition, with fields and their values (``Synced, status=True``), or a number with its unit."""


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
    def pattern(self) -> re.Pattern[str]:
        """What a message that was made from it looks like; what stands in a line stays within it."""
        parts: list[str] = []
        for text, name, *_ in Formatter().parse(self.source):
            parts.append(re.escape(text))
            if name is not None:
                parts.append(f"(?P<{name}>.*?)")
        return re.compile("".join(parts), re.DOTALL if "\n" in self.source else re.NOFLAG)

    @cached_property
    def weight(self) -> int:
        """How much it says: the length of the text between its slots."""
        return sum(map(len, self.literals))

    @cached_property
    def is_vague(self) -> bool:
        """Whether it says so little, ``{kind} {name} of {version}``, that other messages look like it."""
        letters = sum(map(str.isalpha, "".join(self.literals)))
        return letters < LETTERS and self.source.startswith("{")

    def values(self, text: str) -> dict[str, str] | None:
        """Return what stands in the slots of a message; ``None`` if it wasn't made from this template."""
        if not all(literal in text for literal in self.literals):
            return None
        match = self.pattern.fullmatch(text)
        return match.groupdict() if match else None


@dataclass(frozen=True)
class _Found:
    """A text as it is shown.

    Attributes:
        text: The translation, or the text itself.
        weight: How many of its characters stand in templates, less the words that nothing explains.
        known: Whether it is a message.
    """

    text: str
    weight: int
    known: bool = True


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
        # Shorter ones come first, since they join longer ones.
        self._templates = sorted(templates, key=lambda each: each.weight)
        self._translated: dict[tuple[str, int], _Found] = {}

    def translate(self, text: str) -> str:
        """Return a message in this language, or as it is if it is none."""
        if len(self._translated) > REMEMBERED:
            self._translated.clear()
        return self._found(text, DEPTH).text

    def _found(self, text: str, depth: int) -> _Found:
        """Return the translation of a message, or of those of its lines that are messages."""
        found = self._translated.get((text, depth))
        if found is None:
            found = self._translated[text, depth] = self._looked_up(text, depth)
        return found

    def _looked_up(self, text: str, depth: int) -> _Found:
        core = text.strip()
        if core in self._plain:
            return _Found(text.replace(core, self._plain[core], 1), len(core))
        if not core or not depth:
            return _Found(text, 0, known=False)
        if best := max(self._filled(core, depth), key=lambda each: each.weight, default=None):
            return _Found(text.replace(core, best.text, 1), best.weight)
        if "\n" not in text:
            return _Found(text, -core.count(" "), known=False)
        lines = [self._found(line, depth) for line in text.split("\n")]
        return _Found(
            "\n".join(line.text for line in lines),
            sum(line.weight for line in lines),
            any(line.known for line in lines),
        )

    def _filled(self, text: str, depth: int) -> Iterator[_Found]:
        """Translate by each template that fits."""
        for template in self._templates:
            values = template.values(text)
            if values is None:
                continue
            joint = template.source in JOINTS
            slots = {
                name: self._slot(value, depth if joint else depth - 1)
                for name, value in values.items()
            }
            if joint and not any(found.known for found in slots.values()):
                continue
            if (
                template.is_vague
                and template.source != PLACE
                and any(
                    not found.known and not _NAME.fullmatch(values[name])
                    for name, found in slots.items()
                )
            ):
                continue
            yield _Found(
                "".join(
                    said + ("" if name is None else slots[name].text)
                    for said, name, *_ in Formatter().parse(template.target)
                ),
                template.weight + sum(found.weight for found in slots.values()),
            )

    def _slot(self, value: str, depth: int) -> _Found:
        """What stands in a slot may be a message itself; a single word is a name."""
        return self._found(value, depth) if " " in value.strip() else _Found(value, 0, known=False)


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
