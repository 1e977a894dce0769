"""How results look: rich in a terminal, HTML in a notebook, plain text everywhere else.

A result is a small object that knows its :meth:`Rendered.__rich__` and :meth:`Rendered.to_html`; the rest follows from them.
What happens on the way (the command that is run, what is waited for) is printed, a line each: a line is never rewritten, so
the same text is good for a terminal, a notebook and a log. All of it is translated here, when it is shown, and nowhere else.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from oamkit.languages import translate

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

__all__ = [
    "Line",
    "Rendered",
    "Table",
    "Text",
    "color_of",
    "command",
    "say",
    "seconds",
    "shell_words",
    "style_of",
]

WIDTH = 110
"""Columns of plain text, where no terminal tells its own."""

SHORT = 16
"""Characters that a table's cell may have and never be broken."""

PRE = "margin:0;font-size:var(--jp-code-font-size,13px);line-height:1.35;white-space:pre;overflow-x:auto"
"""How text in a fixed-width font looks in a notebook: as what cells print, and scrolled where JupyterLab would wrap a table's lines."""

_STYLES = {
    "ok": "green",
    "created": "green",
    "built": "green",
    "installed": "green",
    "running": "green",
    "ready": "green",
    "true": "green",
    "passed": "green",
    "done": "green",
    "correct": "green",
    "warn": "yellow",
    "warning": "yellow",
    "configured": "yellow",
    "upgraded": "yellow",
    "pending": "yellow",
    "stopped": "yellow",
    "deleted": "yellow",
    "begun": "yellow",
    "not attempted": "yellow",
    "cannot be checked": "yellow",
    "fail": "red",
    "failed": "red",
    "incorrect": "red",
    "false": "red",
}
_COLORS = {
    "green": "var(--jp-success-color0, #1b5e20)",
    "yellow": "var(--jp-warn-color0, #8a4b00)",
    "red": "var(--jp-error-color0, #b71c1c)",
}


class Rendered(ABC):
    """A result that shows itself. Subclasses say how it looks in rich and in HTML."""

    @abstractmethod
    def __rich__(self) -> RenderableType:
        """Return how it looks in a terminal."""

    @abstractmethod
    def to_html(self) -> str:
        """Return how it looks in a notebook: HTML without scripts, styled by JupyterLab's own variables."""

    def __str__(self) -> str:
        from rich.console import Console

        # In a notebook rich would display what is only captured here.
        plain: dict[str, Any] = {"force_terminal": False, "force_jupyter": False}
        console = Console(width=WIDTH, color_system=None, highlight=False, **plain)
        with console.capture() as capture:
            console.print(self.__rich__())
        lines = (line.rstrip() for line in capture.get().splitlines())
        return "\n".join(lines).strip("\n")

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002 - IPython's protocol
        # Not _repr_pretty_: IPython would take a dataclass's own __repr__ before it.
        return {"text/plain": str(self), "text/html": self.to_html()}


@dataclass(frozen=True)
class Table(Rendered):
    """Rows under headings.

    Attributes:
        columns: The headings.
        rows: A text for each column.
        title: A line above it; none by default.
        empty: What to say when there are no rows.
        verbatim: Whether it is a program's own table, whose words stay as they are.

    Example:
        >>> print(Table(("NAME", "STATE"), (("web", "ok"),)))
        NAME  STATE
        web   ok
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    empty: str = "Nothing."
    verbatim: bool = False

    def _said(self, text: str) -> str:
        return text if self.verbatim else translate(text)

    def __rich__(self) -> RenderableType:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text as RichText

        if not self.rows:
            return RichText(translate(self.empty))
        table = RichTable(
            box=box.SIMPLE_HEAD if sys.stdout.isatty() else None,
            title=translate(self.title) or None,
            title_justify="left",
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        for column in self.columns:
            table.add_column(self._said(column), overflow="fold")
        for row in self.rows:
            table.add_row(*(RichText(self._said(cell), style=style_of(cell)) for cell in row))
        return table

    def to_html(self) -> str:
        """Return a table with headings that a screen reader can name."""
        if not self.rows:
            return f"<p>{escape(translate(self.empty))}</p>"
        title = escape(translate(self.title))
        caption = f'<caption style="text-align:left">{title}</caption>' if title else ""
        left = 'style="text-align:left;vertical-align:top"'
        # Chinese words may be broken anywhere: columns of short words stay on one line.
        whole = 'style="text-align:left;vertical-align:top;white-space:nowrap"'
        head = "".join(
            f'<th scope="col" {whole}>{escape(self._said(column))}</th>' for column in self.columns
        )
        body = "".join(
            "<tr>"
            + "".join(
                f"<td {whole if len(cell) <= SHORT else left}>{_cell(cell, self._said(cell))}</td>"
                for cell in row
            )
            + "</tr>"
            for row in self.rows
        )
        own = ' translate="no"' if self.verbatim else ""
        return f"<table{own}>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class Text(Rendered):
    """Text as a program wrote it.

    Example:
        >>> print(Text("deployment.apps/web created"))
        deployment.apps/web created
    """

    text: str

    def __rich__(self) -> RenderableType:
        from rich.text import Text as RichText

        return RichText(self.text.rstrip("\n"))

    def __str__(self) -> str:
        return self.text.rstrip("\n")

    def to_html(self) -> str:
        """Return it in a fixed-width font."""
        return f'<pre style="{PRE}">{escape(self.text.rstrip())}</pre>'


class Line(Rendered):
    """A result that one line tells."""

    @abstractmethod
    def line(self) -> str:
        """Say it."""

    def __rich__(self) -> RenderableType:
        from rich.text import Text as RichText

        return RichText(str(self))

    def __str__(self) -> str:
        return translate(self.line())

    def to_html(self) -> str:
        """Return the line."""
        return "<p>" + escape(str(self)).replace("\n", "<br>") + "</p>"


def style_of(text: str) -> str:
    """Return the colour for a word that names a state; ``""`` for any other text."""
    return _STYLES.get(text.lower(), "")


def color_of(text: str) -> str:
    """Return the CSS colour for a word that names a state, readable on light and dark; ``"inherit"`` for any other text."""
    return _COLORS.get(style_of(text), "inherit")


def say(text: str, style: str = "", *, end: str = "\n") -> None:
    """Print a line to standard output, in colour where there is a terminal."""
    _print(translate(text), style, end)


def _print(text: str, style: str, end: str) -> None:
    if sys.stdout.isatty():
        options: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
        _console().print(text, style=style or None, end=end, **options)
    else:
        print(text, end=end, flush=True)  # noqa: T201 - this is the one place that prints


def command(argv: Sequence[str | Path], *, who: str = "") -> None:
    """Print the command that is about to run, as a person would type it.

    Args:
        argv: The command.
        who: Who types it, where that isn't the learner.
    """
    _print(f"{who}$ {shell_words(argv)}", "bold cyan", "\n")


def shell_words(argv: Sequence[str | Path]) -> str:
    """Return a command as a person would type it.

    Example:
        >>> shell_words(["kubectl", "get", "pods", "-l", "app=web"])
        'kubectl get pods -l app=web'
    """
    import shlex

    return shlex.join(str(word) for word in argv)


def seconds(value: float) -> str:
    """Return a duration as people say it.

    Example:
        >>> seconds(0.234), seconds(12.6), seconds(95)
        ('0.2 s', '13 s', '1 min 35 s')
    """
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def _cell(text: str, said: str) -> str:
    shown = escape(said).replace("\n", "<br>")
    if not style_of(text):
        return shown
    return f'<span style="color:{color_of(text)};font-weight:600">{shown}</span>'


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout)
