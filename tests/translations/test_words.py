"""The Chinese texts keep to the glossary's words and to the habits of Chinese typesetting."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import translate_messages
import translate_notebooks

ROOT = Path(__file__).parents[2]
HAN = r"[\u3400-\u9fff]"
SIGNS = r"(?:[，。：；？！、（）“”]|……)"

TYPESETTING = {
    "an ASCII sign beside Chinese": rf"(?:{HAN}[,;:!?(]|[,;:!?)]{HAN})",
    "no space between Chinese and Latin": rf"(?:{HAN}[A-Za-z0-9`]|[A-Za-z0-9`]{HAN})",
    "a space beside a Chinese sign": rf"(?:{SIGNS} +{HAN}|{HAN} +{SIGNS})",
    "a space between Chinese words": rf"{HAN} +{HAN}",
    "a line that ends within a sentence": rf"(?:{HAN}|[，、；：])\n{HAN}",
}


@dataclass(frozen=True)
class Word:
    """A line of the glossary."""

    english: str
    chinese: tuple[str, ...]
    avoided: tuple[str, ...]

    def is_in(self, english: str) -> bool:
        """Whether an English text has the word, other than as a part of a name or of code."""
        return bool(re.search(rf"(?<![\w.:/-]){re.escape(self.english)}s?(?![\w.=/@-])", english))


def glossary() -> list[Word]:
    """The lines of the glossary's tables."""
    words = []
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 5 or cells[0] in ("English", "---"):
            continue
        english, chinese, _, _, avoided = cells
        words.append(Word(english, _listed(chinese), _listed(avoided)))
    return words


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in cell.split(",") if each.strip())


def prose(markdown: str) -> str:
    """A text without code, slots, links' targets and foldings' tags."""
    text = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "`x`", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"\{[\w{}]*\}", "{}", text)
    return re.sub(r"</?[a-z]+>", "", text)


def pairs() -> Iterator[tuple[str, str, str]]:
    """Where a translation stands, its English text, and itself."""
    for english, text, _ in translate_notebooks.files():
        notebook, entries = translate_notebooks.read(english, text)
        cells = {cell["id"]: translate_notebooks.source(cell) for cell in notebook["cells"]}
        for entry in entries:
            if entry.state not in (translate_notebooks.TODO, translate_notebooks.STALE):
                yield f"{text.name}: {entry.cell}", cells.get(entry.cell, ""), entry.text
    for message in translate_messages.load():
        if message.id and message.string and message.id != message.string and not message.fuzzy:
            yield f"messages.po: {message.id}", str(message.id), str(message.string)
    yield "README.zh.md", "", (ROOT / "README.zh.md").read_text(encoding="utf-8")


PAIRS = list(pairs())


def test_there_are_words_and_texts() -> None:
    words = {word.english for word in glossary()}
    assert {"Component", "workload", "trait", "scope", "separation of concerns"} <= words
    assert len(PAIRS) > 1000


@pytest.mark.parametrize("word", glossary(), ids=lambda word: word.english)
def test_texts_use_the_word_of_the_glossary(word: Word) -> None:
    wrong = [
        f"{where}: {avoided}"
        for where, _, chinese in PAIRS
        for avoided in word.avoided
        if avoided in chinese
    ]
    wrong += [
        f"{where}: none of {word.chinese}: {chinese}"
        for where, english, chinese in PAIRS
        if word.is_in(prose(english)) and not any(each in chinese for each in word.chinese)
    ]
    assert wrong == []


@pytest.mark.parametrize("habit", TYPESETTING)
def test_texts_are_set_as_chinese_is(habit: str) -> None:
    wrong = []
    for where, _, chinese in PAIRS:
        found = re.search(f".{{0,12}}{TYPESETTING[habit]}.{{0,12}}", prose(chinese), re.DOTALL)
        if found:
            wrong.append(f"{where}: {found[0]!r}")
    assert wrong == []


def test_emphasis_is_seen_as_emphasis() -> None:
    """``**自包含。**所有`` would show its asterisks: what ends an emphasis mustn't stand behind a sign."""
    reader = MarkdownIt("commonmark").enable("table")
    wrong = []
    for where, _, chinese in PAIRS:
        if where.startswith("messages.po"):
            continue
        wrong += [
            f"{where}: {child.content}"
            for token in reader.parse(chinese)
            for child in token.children or ()
            if child.type == "text" and "*" in child.content
        ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "habit"),
    [
        ("组件,工作负载", "an ASCII sign beside Chinese"),
        ("组件(Component)", "an ASCII sign beside Chinese"),
        ("一个Pod", "no space between Chinese and Latin"),
        ("运行`kubectl`", "no space between Chinese and Latin"),
        ("组件， 工作负载", "a space beside a Chinese sign"),
        ("组件 工作负载", "a space between Chinese words"),
        ("一个组件\n和工作负载", "a line that ends within a sentence"),
    ],
)
def test_what_is_badly_set_is_found(text: str, habit: str) -> None:
    assert re.search(TYPESETTING[habit], prose(text))


def test_a_word_within_a_name_isn_t_the_word() -> None:
    word = Word("trait", ("运维能力",), ())
    assert word.is_in("a trait, two traits")
    assert not word.is_in("ManualScalerTrait, traits=, trait-x, my.trait, portrait")
