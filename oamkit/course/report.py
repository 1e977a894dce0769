"""The report of a run: a page for each lesson and a first page, readable without a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from oamkit import show
from oamkit.course import pages
from oamkit.course.runner import LessonResult
from oamkit.lesson.lessons import Lesson

__all__ = ["write"]


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
        main = f"<main>{nav}{pages.body(result.executed)}{nav}</main>"
        page = pages.page(result.title, main)
        (output / f"{result.lesson.name}.html").write_text(page, encoding="utf-8")
    first = output / "index.html"
    main = f"<main>{_index(results, skipped)}</main>"
    first.write_text(pages.page("The course, executed", main), encoding="utf-8")
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
