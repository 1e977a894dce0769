"""Chinese notebooks from the English ones and from the translators' files: ``make translations``.

A lesson's translation is ``notebooks/translations/zh/NN-name.md``: for each Markdown cell a line with the cell's id, and below it the text.

    <!-- l06-title 1a2b3c4d -->          translated; the number says of which English text
    <!-- l06-predict todo -->            not translated yet: what stands below is still the English text
    <!-- l06-recap stale -->             the English text has changed; the new one stands in a comment above the old translation

A translator writes the Chinese text in the place of the English one, takes the comment with the English text away where there is one,
and runs ``make translations``: it marks what is done, adds what is missing, and writes ``notebooks/zh/``. Code cells are taken over as they
are, so a lesson is run once for both languages. ``--check`` changes nothing, and fails if anything is missing, stale or left over.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
LANGUAGE = "zh"
TODO, STALE = "todo", "stale"

_HEADER = re.compile(r"<!-- (l\d\d-[a-z0-9-]+) ([0-9a-f]{8}|todo|stale) -->")
_ENGLISH = re.compile(r"<!-- English:\n(.*?)\n-->\n*", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A cell's translation.

    Attributes:
        cell: The cell's id.
        state: The hash of the English text that it translates, or ``todo`` or ``stale``.
        text: The translation; the English text where there is none yet.
        english: The new English text, where the translation is stale.
    """

    cell: str
    state: str
    text: str
    english: str = ""

    def __str__(self) -> str:
        comment = f"<!-- English:\n{self.english}\n-->\n" if self.english else ""
        return f"<!-- {self.cell} {self.state} -->\n{comment}{self.text}\n"


def digest(text: str) -> str:
    """The hash by which an English text is known."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:8]


def parse(text: str) -> list[Entry]:
    """Read a translation file."""
    parts = _HEADER.split(text)
    entries = []
    for cell, state, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        english = _ENGLISH.search(body)
        shown = _ENGLISH.sub("", body).strip()
        entries.append(Entry(cell, state, shown, english[1] if english else ""))
    return entries


def source(cell: dict[str, Any]) -> str:
    """A cell's text."""
    return "".join(cell["source"])


def updated(cells: list[dict[str, Any]], before: list[Entry]) -> list[Entry]:
    """The entries for a notebook: what is done is marked so, what is missing is added, what is left over is dropped."""
    known = {entry.cell: entry for entry in before}
    entries = []
    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        text = source(cell).strip()
        entry = known.get(cell["id"], Entry(cell["id"], TODO, text))
        entries.append(_updated(entry, text))
    return entries


def _updated(entry: Entry, text: str) -> Entry:
    current = digest(text)
    if entry.state == TODO:
        return Entry(
            entry.cell,
            current if _is_translated(entry.text) else TODO,
            entry.text if _is_translated(entry.text) else text,
        )
    if entry.state == current:
        return entry
    if entry.state == STALE and not entry.english:  # the translator took the comment away
        return Entry(entry.cell, current, entry.text)
    return Entry(entry.cell, STALE, entry.text, text)


def _is_translated(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" for character in text)


def problems(name: str, cells: list[dict[str, Any]], before: list[Entry]) -> list[str]:
    """What keeps a lesson's translation from being whole, a line each."""
    markdown = {
        cell["id"]: source(cell).strip() for cell in cells if cell["cell_type"] == "markdown"
    }
    known = {entry.cell: entry for entry in before}
    found = [f"{name}: {cell} is missing" for cell in markdown if cell not in known]
    found += [f"{name}: {cell} is left over" for cell in known if cell not in markdown]
    if len(known) != len(before):
        found.append(f"{name}: an entry stands there twice")
    for cell, text in markdown.items():
        entry = known.get(cell)
        if entry is None:
            continue
        if entry.state == TODO:
            found.append(f"{name}: {cell} isn't translated yet")
        elif entry.state != digest(text):
            found.append(f"{name}: {cell} is stale: the English text has changed")
        elif not _is_translated(entry.text):
            found.append(f"{name}: {cell} has no Chinese text")
        else:
            found += [f"{name}: {cell} {each}" for each in _differences(text, entry.text)]
    return found


def _differences(english: str, chinese: str) -> list[str]:
    """What a translation must keep: links, code, headings and foldings."""
    found = []
    for what, pattern in (
        ("links", r"\]\(([^)\s]+)\)"),
        ("code blocks", r"```[a-z]*\n.*?```"),
        ("headings", r"(?m)^#+(?= )"),
        ("foldings", r"</?(?:details|summary)>"),
    ):
        wanted = sorted(re.findall(pattern, english, re.DOTALL))
        there = sorted(re.findall(pattern, chinese, re.DOTALL))
        if what == "code blocks":  # their comments may be translated
            wanted, there = [str(len(wanted))], [str(len(there))]
        if wanted != there:
            found.append(f"has other {what} than the English text: {there} instead of {wanted}")
    return found


def translated(notebook: dict[str, Any], entries: list[Entry]) -> dict[str, Any]:
    """The Chinese notebook: the same cells with the translated texts; English where there is none."""
    known = {entry.cell: entry for entry in entries}
    cells = []
    for cell in notebook["cells"]:
        entry = known.get(cell["id"])
        if cell["cell_type"] != "markdown" or entry is None or entry.state in (TODO, STALE):
            cells.append(cell)
        else:
            cells.append({**cell, "source": entry.text.splitlines(keepends=True)})
    return {**notebook, "cells": cells}


def dumped(notebook: dict[str, Any]) -> str:
    """A notebook as it stands in git."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def files() -> list[tuple[Path, Path, Path]]:
    """For each lesson its English notebook, its translation, and its Chinese notebook."""
    texts = NOTEBOOKS / "translations" / LANGUAGE
    return [
        (english, texts / f"{english.stem}.md", NOTEBOOKS / LANGUAGE / english.name)
        for english in sorted((NOTEBOOKS / "en").glob("*.ipynb"))
    ]


def left_over() -> list[Path]:
    """Translations and Chinese notebooks without an English one."""
    wanted = {path for _, *both in files() for path in both}
    there = {
        *(NOTEBOOKS / "translations" / LANGUAGE).glob("*.md"),
        *(NOTEBOOKS / LANGUAGE).glob("*.ipynb"),
    }
    return sorted(there - wanted)


def read(english: Path, text: Path) -> tuple[dict[str, Any], list[Entry]]:
    """A lesson's English notebook and its translation."""
    notebook = json.loads(english.read_text(encoding="utf-8"))
    return notebook, parse(text.read_text(encoding="utf-8")) if text.is_file() else []


def check() -> list[str]:
    """All that isn't as it should be, a line each."""
    found = [f"{path.relative_to(ROOT)} is left over" for path in left_over()]
    for english, text, chinese in files():
        notebook, entries = read(english, text)
        found += problems(english.stem, notebook["cells"], entries)
        made = dumped(translated(notebook, entries))
        if not chinese.is_file() or chinese.read_text(encoding="utf-8") != made:
            found.append(
                f"{chinese.relative_to(ROOT)} isn't what is generated: run make translations"
            )
    return found


def update() -> list[str]:
    """Bring translations and Chinese notebooks up to date; returns what is still to be done."""
    for path in left_over():
        path.unlink()
    todo = []
    for english, text, chinese in files():
        notebook, before = read(english, text)
        entries = updated(notebook["cells"], before)
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("\n".join(map(str, entries)), encoding="utf-8")
        chinese.parent.mkdir(parents=True, exist_ok=True)
        chinese.write_text(dumped(translated(notebook, entries)), encoding="utf-8")
        todo += problems(english.stem, notebook["cells"], entries)
    return todo


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Chinese notebooks from the English ones.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if anything isn't up to date"
    )
    arguments = parser.parse_args()
    found = check() if arguments.check else update()
    for line in found:
        print(line)
    print(f"{len(found)} things to do." if found else "All lessons are translated.")
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
