"""The book: the executed lessons as pages in each language, readable from a folder, without a network and without a server.

The code was run once, in English notebooks. A Chinese page has the same outputs under the texts of the Chinese notebook: what the kit said is
translated there as it would be when it is shown, and pictures whose words stand in their cell are drawn anew.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

from oamkit import languages
from oamkit.course import pages
from oamkit.course.cells import heading
from oamkit.course.pages import Section
from oamkit.errors import InputError
from oamkit.languages import translate
from oamkit.lesson import figures, lessons
from oamkit.lesson.lessons import Lesson
from oamkit.show import Line

__all__ = ["Book", "write"]

WORDS = {
    "book": "The course, executed",
    "lessons": "All lessons",
    "search": "Search",
    "found": "Found: {count}",
    "nothing": "Nothing was found.",
    "theme": "Light or dark",
    "contents": "On this page",
    "other": "Other language",
}
"""What the pages themselves say."""

NAMES = {"en": "English", "zh": "中文"}


@dataclass(frozen=True)
class Book(Line):
    """A book that was written.

    Attributes:
        first: Its first page.
        pages: How many it has.
        languages: In which languages.
    """

    first: Path
    pages: int
    languages: tuple[str, ...]

    def line(self) -> str:
        """Say it."""
        return f"{self.pages} pages ({', '.join(self.languages)}): {self.first}"


@dataclass(frozen=True)
class _Page:
    lesson: Lesson
    title: str
    body: str

    @property
    def file(self) -> str:
        return f"{self.lesson.name}.html"


def write(executed: Path, output: Path, *, notebooks: Mapping[str, Path] | None = None) -> Book:
    """Write the book.

    Args:
        executed: The folder with the executed English notebooks, e.g. ``build/course``.
        output: Where the pages go, a folder for each language.
        notebooks: From a language to the folder of its notebooks; those of the course by default.

    Raises:
        InputError: A lesson wasn't executed.
    """
    folders = dict(notebooks or _folders())
    output.mkdir(parents=True, exist_ok=True)
    count = 0
    for lang, folder in folders.items():
        found = [_page(lesson, executed, lang) for lesson in lessons.find((), folder)]
        others = [each for each in folders if each != lang]
        count += len(_write_language(found, output / lang, lang, others))
    first = output / "index.html"
    first.write_text(_entrance(tuple(folders)), encoding="utf-8")
    return Book(first, count + 1, tuple(folders))


def _folders() -> Iterator[tuple[str, Path]]:
    for lang in languages.LANGUAGES:
        folder = lessons.folder("en").with_name(lang)
        if folder.is_dir():
            yield lang, folder


def _page(lesson: Lesson, executed: Path, lang: str) -> _Page:
    import nbformat

    file = executed / f"{lesson.name}.ipynb"
    if not file.is_file():
        raise InputError(
            f"lesson {lesson.number} wasn't executed",
            file=file,
            hint="Run it first: oamkit course.",
        )
    read: Callable[..., Any] = nbformat.read
    done, source = read(file, as_version=4), read(lesson.path, as_version=4)
    texts = {cell.id: cell.source for cell in source.cells if cell.cell_type == "markdown"}
    cells = []
    for cell in done.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown" and cell.id in texts:
            cell.source = texts[cell.id]
        elif cell.cell_type == "code" and lang != "en":
            _draw_anew(cell, lang)
            _say_anew(cell, lang)
        cells.append(cell)
    done.cells = cells
    return _Page(lesson, heading(done) or lesson.name, pages.body(done))


def _draw_anew(cell: Any, lang: str) -> None:  # noqa: ANN401 - nbformat ships no types
    """Draw a cell's picture in another language, if all its words stand in the cell."""
    picture = _picture(cell.source)
    for output in cell.get("outputs", []) if picture else []:
        if "text/html" in output.get("data", {}):
            before = languages.language()
            languages.language(lang)
            try:
                name, arguments, options = picture or ("", [], {})
                drawn = getattr(figures, name)(*arguments, **options)
                output.data["text/html"], output.data["text/plain"] = drawn.to_html(), str(drawn)
            finally:
                languages.language(before)


_TABLE = re.compile(r'<table(?! translate="no")(?=[ >]).*?</table>', re.DOTALL)
"""A table of the kit's; those of programs say that they aren't to be translated."""


def _say_anew(cell: Any, lang: str) -> None:  # noqa: ANN401 - nbformat ships no types
    """Translate what the kit said in a cell's outputs. A single word outside of its tables may be anybody's, so it stays."""

    def said(match: re.Match[str]) -> str:
        return f">{match[1] or ''}{escape(translate(unescape(match[2]), lang))}<"

    def helped(match: re.Match[str]) -> str:
        text = escape(translate(unescape(match[1] + match[2]), lang))
        return f"<small>{text.replace(match[1], f'<code>{match[1]}</code>')}</small>"

    def table(match: re.Match[str]) -> str:
        return re.sub(r">()([^<]+)<", said, match[0])

    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            output.text = translate(output.text, lang)
        elif html := output.get("data", {}).get("text/html"):
            html = re.sub(r"<small><code>([^<]*)</code>([^<]*)</small>", helped, html)
            html = _TABLE.sub(table, html)
            output.data["text/html"] = re.sub(r">(← )?([^<]*[^<\s] [^<\s][^<]*)<", said, html)


def _picture(source: str) -> tuple[str, list[Any], dict[str, Any]] | None:
    try:
        last = ast.parse(source).body[-1:]
    except SyntaxError:  # a cell in another language, e.g. %%cue
        return None
    for statement in last:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        try:
            arguments = [ast.literal_eval(each) for each in call.args]
            options = {each.arg or "": ast.literal_eval(each.value) for each in call.keywords}
        except ValueError:
            return None
        if name in ("flow", "layers"):
            return name, arguments, options
    return None


def _write_language(
    found: Sequence[_Page], folder: Path, lang: str, others: Sequence[str]
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    known = {page.lesson.path.name: page.file for page in found}
    index = []
    for number, page in enumerate(found):
        body = pages.linked(page.body, known)
        index += [(page.file, page.title, section) for section in pages.sections(body)]
        around = [
            f'<a href="{each.file}" rel="{rel}">{mark}</a>'
            for step, rel, mark in ((-1, "prev", "← {}"), (1, "next", "{} →"))
            if 0 <= number + step < len(found)
            for each in [found[number + step]]
            for mark in [mark.format(escape(each.title))]
        ]
        nav = f"<nav>{' · '.join(around)}</nav>"
        contents = _contents(body, lang)
        written[page.file] = _whole(page.title, contents + body + nav, page.file, lang, others)
    rows = "".join(
        f'<li><a href="{page.file}">{page.lesson.number} · {escape(page.title)}</a></li>'
        for page in found
    )
    book = f"<h1>{_said('book', lang)}</h1><ul>{rows}</ul>"
    written["index.html"] = _whole(translate(WORDS["book"], lang), book, "index.html", lang, others)
    written["search.html"] = _search(index, lang, others)
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in written]


def _contents(body: str, lang: str) -> str:
    links = "".join(
        f'<li><a href="#{escape(each.anchor)}">{escape(each.heading)}</a></li>'
        for each in pages.sections(body)
        if each.level == 2
    )
    label = _said("contents", lang)
    return f'<nav aria-label="{label}"><details><summary>{label}</summary><ul>{links}</ul></details></nav>'


def _search(index: Sequence[tuple[str, str, Section]], lang: str, others: Sequence[str]) -> str:
    entries = [
        {
            "url": f"{file}#{each.anchor}" if each.anchor else file,
            "title": title,
            "heading": each.heading,
            "text": each.text,
        }
        for file, title, each in index
    ]
    data = json.dumps(entries, ensure_ascii=False).replace("<", "\\u003c")
    words = f'data-nothing="{_said("nothing", lang)}" data-found="{_said("found", lang)}"'
    body = (
        f"<h1>{_said('search', lang)}</h1>"
        f'<p id="count" role="status"></p><ol id="found" {words}></ol>'
        f'<script type="application/json" id="entries">{data}</script><script>{_script("search.js")}</script>'
    )
    return _whole(translate(WORDS["search"], lang), body, "search.html", lang, others)


def _whole(title: str, body: str, file: str, lang: str, others: Sequence[str]) -> str:
    """Return a page of the book: header, body, and a policy that lets nothing be fetched."""
    switches = "".join(
        f' <a href="../{other}/{file}" hreflang="{other}" lang="{other}">{NAMES[other]}</a>'
        for other in others
    )
    label = _said("search", lang)
    header = (
        f'<header><nav><a href="index.html">{_said("lessons", lang)}</a>{switches}'
        f' <button type="button" id="theme" hidden>{_said("theme", lang)}</button></nav>'
        f'<form action="search.html" role="search"><input type="search" name="q" aria-label="{label}" placeholder="{label}">'
        f" <button>{label}</button></form></header>"
    )
    scripts = [_script("theme.js"), _script("place.js")]
    searching = [_script("search.js")] if file == "search.html" else []
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts + searching)
    below = "".join(f"<script>{script}</script>" for script in scripts)
    return pages.page(
        title,
        header + f"<main>{body}</main>{below}",
        lang=lang,
        policy=f"{pages.POLICY}; script-src {hashes}; form-action 'self'",
    )


def _entrance(langs: Sequence[str]) -> str:
    links = "".join(
        f'<li><a href="{lang}/index.html" hreflang="{lang}" lang="{lang}">{NAMES[lang]}</a></li>'
        for lang in langs
    )
    title = WORDS["book"]
    return pages.page(title, f"<main><h1>{title}</h1><ul>{links}</ul></main>")


def _said(word: str, lang: str) -> str:
    return escape(translate(WORDS[word], lang))


def _script(name: str) -> str:
    return (files("oamkit.course") / "static" / name).read_text(encoding="utf-8").strip()


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
