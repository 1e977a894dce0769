"""Pages for the report and for the book: a notebook as HTML, a whole page around it, and what stands on one. No network is needed.

nbconvert's full page takes MathJax, require.js and Mermaid from other people's servers. Here it only makes the body; the page
around it is ours, and its content security policy lets nothing be fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

__all__ = ["POLICY", "Section", "body", "linked", "page", "sections"]

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_DARK = (
    "--ink: #e4e7eb; --paper: #16191d; --soft: #22272e; --line: #3e4c59; --link: #7cc4fa; --good: #81c784; --bad: #ff8a80;"
    " --jp-success-color0: #81c784; --jp-warn-color0: #ffcc80; --jp-error-color0: #ff8a80; color-scheme: dark;"
)
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --paper: #ffffff; --soft: #f3f5f7; --line: #cbd2d9; --link: #0b5cad;
  --good: #1b5e20; --bad: #b71c1c; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
a { color: var(--link); } a.anchor-link { visibility: hidden; text-decoration: none; }
h1:hover > a, h2:hover > a, h3:hover > a { visibility: visible; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
pre, code { font: 0.875rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", monospace; }
pre { overflow-x: auto; margin: 0; padding: 0.6rem 0.8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.input .highlight { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; }
.code_cell { margin: 1rem 0; } .output_area { margin: 0.3rem 0 0.3rem 1rem; overflow-x: auto; } .prompt { display: none; }
.output_error pre { border-left: 4px solid var(--bad); color: var(--bad); }
table { border-collapse: collapse; margin: 0.5rem 0; } th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
blockquote { margin: 0.5rem 0; padding: 0.1rem 1rem; border-left: 4px solid var(--line); }
.text_cell table { overflow-wrap: anywhere; } :lang(zh) em { font-style: normal; text-emphasis: dot; text-emphasis-position: under right; }
@media (max-width: 40rem) { .text_cell table { font-size: 0.85rem; } .text_cell :is(th, td) { padding: 0.2rem 0.3rem; } header { gap: 0.3rem 1rem; } }
@media (min-width: 40rem) { header { position: sticky; top: 0; z-index: 1; padding: 0.5rem 0; background: var(--paper); } html { scroll-padding-top: 4rem; } }
img { max-width: 100%; height: auto; } .passed { color: var(--good); font-weight: 600; } .failed { color: var(--bad); font-weight: 600; }
nav { margin: 1rem 0; } header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; justify-content: space-between; }
header form, header nav { margin: 0; } input, button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 0.2rem 0.6rem; }
"""


@dataclass(frozen=True)
class Section:
    """A heading of a page, and the text below it.

    Attributes:
        anchor: Its id; ``""`` for what stands above the first heading.
        heading: Its text.
        level: From 1.
        text: What stands below it, up to the next one.
    """

    anchor: str
    heading: str
    level: int
    text: str


def body(notebook: Any) -> str:  # noqa: ANN401 - nbformat ships no types
    """Return a notebook as HTML.

    Args:
        notebook: A notebook, or its file.
    """
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    # A widget's view needs scripts from elsewhere; what stands in for it is HTML of its own.
    config.NbConvertBase.display_data_priority = [
        "text/html",
        "image/png",
        "text/markdown",
        "text/plain",
    ]
    exporter = HTMLExporter(config=config, template_name="basic", anchor_link_text="#")  # type: ignore[no-untyped-call]
    made, _ = (
        exporter.from_filename(str(notebook))
        if isinstance(notebook, Path)
        else exporter.from_notebook_node(notebook)
    )
    return str(made)


def page(title: str, inside: str, *, lang: str = "en", policy: str = POLICY) -> str:
    """Return a whole page.

    Args:
        title: What the browser's tab says.
        inside: The body.
        lang: Its language.
        policy: Its content security policy.
    """
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · oamkit</title><style>{_style()}</style></head>"
        f"<body>{inside}</body></html>\n"
    )


def linked(html: str, known: Mapping[str, str]) -> str:
    """Let links between notebooks lead to their pages, and take those away that lead to files beside them.

    Args:
        html: A notebook's HTML.
        known: From a notebook's file name to its page.
    """

    def replace(match: re.Match[str]) -> str:
        target, sign, anchor = match["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        if target in known:
            return f'<a{match["before"]}href="{known[target]}{sign}{anchor}"{match["after"]}>{match["text"]}</a>'
        return f"<code>{match['text']}</code>" if "<code>" not in match["text"] else match["text"]

    pattern = (
        r'<a(?P<before> (?:[^>]*? )?)href="(?P<target>[^"]*)"(?P<after>[^>]*)>(?P<text>.*?)</a>'
    )
    return re.sub(pattern, replace, html, flags=re.DOTALL)


def sections(html: str) -> list[Section]:
    """Return a page's headings with the texts below them."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [
        Section(anchor, heading.removesuffix("#").strip(), level, " ".join(text.split()))
        for anchor, heading, level, text in reader.found
        if heading.strip() or text.strip()
    ]


class _Reader(HTMLParser):
    INLINE = frozenset({"a", "b", "code", "em", "i", "small", "span", "strong"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, int, str]] = [("", "", 0, "")]
        self._in_heading = False
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self._in_heading = True
            self.found.append((given.get("id") or "", "", int(tag[1]), ""))
        # In[7]: and Out[7]: aren't what anybody looks for. Nothing that is skipped has elements in it.
        if tag in ("style", "script") or "prompt" in (given.get("class") or "").split():
            self._skipped.append(tag)
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-6]", tag):
            self._in_heading = False
        if self._skipped[-1:] == [tag]:
            self._skipped.pop()
        self._part(tag)

    def handle_data(self, data: str) -> None:
        anchor, heading, level, text = self.found[-1]
        if self._in_heading:
            self.found[-1] = (anchor, heading + data, level, text)
        elif not self._skipped:
            self.found[-1] = (anchor, heading, level, text + data)

    def _part(self, tag: str) -> None:
        """Keep the words of a paragraph from those of the next one."""
        if tag not in self.INLINE and not self._in_heading:
            self.handle_data(" ")


def _style() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    chosen = HtmlFormatter(style="github-dark").get_style_defs('[data-theme="dark"] .highlight')
    return (
        f"{_STYLE}{light}\n@media (prefers-color-scheme: dark) {{\n"
        f':root:not([data-theme="light"]) {{ {_DARK} }}\n'
        + "\n".join(
            f':root:not([data-theme="light"]) {line}' if line.startswith(".highlight") else line
            for line in dark.splitlines()
        )
        + f'\n}}\n:root[data-theme="dark"] {{ {_DARK} }}\n:root[data-theme="light"] {{ color-scheme: light; }}\n{chosen}\n'
        ".input .highlight, [data-theme] .input .highlight { background: var(--soft) !important; }"
    )
