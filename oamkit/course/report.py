"""The report of a run: a page for each lesson and a first page, readable without a network.

nbconvert's full page takes MathJax, require.js and Mermaid from other people's servers. Here it only makes the body; the page
around it is ours, and its content security policy lets nothing be fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from oamkit import show
from oamkit.course.runner import LessonResult
from oamkit.lesson.lessons import Lesson

__all__ = ["write"]

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --paper: #ffffff; --soft: #f3f5f7; --line: #cbd2d9; --link: #0b5cad;
  --good: #1b5e20; --bad: #b71c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --paper: #16191d; --soft: #22272e; --line: #3e4c59;
  --link: #7cc4fa; --good: #81c784; --bad: #ff8a80; } }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
a { color: var(--link); } a.anchor-link { visibility: hidden; text-decoration: none; }
h1:hover > a, h2:hover > a, h3:hover > a { visibility: visible; }
pre, code { font: 0.875rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", monospace; }
pre { overflow-x: auto; margin: 0; padding: 0.6rem 0.8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.input .highlight { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; }
.code_cell { margin: 1rem 0; } .output_area { margin: 0.3rem 0 0.3rem 1rem; overflow-x: auto; } .prompt { display: none; }
.output_error pre { border-left: 4px solid var(--bad); color: var(--bad); }
table { border-collapse: collapse; margin: 0.5rem 0; } th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
blockquote { margin: 0.5rem 0; padding: 0.1rem 1rem; border-left: 4px solid var(--line); }
img { max-width: 100%; height: auto; } .passed { color: var(--good); font-weight: 600; } .failed { color: var(--bad); font-weight: 600; }
nav { margin: 1rem 0; }
"""


def write(results: Sequence[LessonResult], skipped: Sequence[Lesson], output: Path) -> Path:
    """Write the pages.

    Args:
        results: The lessons that were run.
        skipped: Those that weren't, because one before them failed.
        output: The folder that the executed notebooks are in.

    Returns:
        The first page.
    """
    for index, result in enumerate(results):
        links = ['<a href="index.html">All lessons</a>']
        if index:
            before = results[index - 1]
            links.append(f'<a href="{before.lesson.name}.html">← {escape(before.title)}</a>')
        if index + 1 < len(results):
            after = results[index + 1]
            links.append(f'<a href="{after.lesson.name}.html">{escape(after.title)} →</a>')
        nav = f"<nav>{' · '.join(links)}</nav>"
        page = _page(result.title, nav + _body(result.executed) + nav)
        (output / f"{result.lesson.name}.html").write_text(page, encoding="utf-8")
    first = output / "index.html"
    first.write_text(_page("The course, executed", _index(results, skipped)), encoding="utf-8")
    return first


def _index(results: Sequence[LessonResult], skipped: Sequence[Lesson]) -> str:
    rows = "".join(
        f'<tr><td>{result.lesson.number}</td><td><a href="{result.lesson.name}.html">{escape(result.title)}</a></td>'
        f"<td>{_state(result)}</td><td>{show.seconds(result.seconds)}</td><td>{result.cells}</td></tr>"
        for result in results
    ) + "".join(
        f"<tr><td>{lesson.number}</td><td>{escape(lesson.name)}</td><td>not run</td><td></td><td></td></tr>"
        for lesson in skipped
    )
    heads = ("Lesson", "Title", "State", "Time", "Cells")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    answers = "".join(
        f"<h2>What came through the Ingress</h2><pre>{escape(result.answer)}</pre>"
        for result in results
        if result.answer
    )
    failures = "".join(
        f"<h2>Why lesson {result.lesson.number} failed</h2>"
        f"<pre>{escape(result.failure.explain(result.lesson.number, result.executed))}</pre>"
        for result in results
        if result.failure
    )
    total = show.seconds(sum(result.seconds for result in results))
    return (
        f"<h1>The course, executed</h1><p>{len(results)} lessons in {total}.</p>{answers}{failures}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _state(result: LessonResult) -> str:
    word = "passed" if result.passed else "failed"
    return f'<span class="{word}">{word}</span>'


def _body(notebook: Path) -> str:
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic", anchor_link_text="#")  # type: ignore[no-untyped-call]
    body, _ = exporter.from_filename(str(notebook))
    return str(body)


def _page(title: str, body: str) -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    colors = f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n.input .highlight {{ background: var(--soft); }}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · oamkit</title><style>{_STYLE}{colors}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )
