"""The cell magic ``%%cue``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from oamkit.cue import verbs
from oamkit.cue.errors import CueError, Place
from oamkit.errors import InputError
from oamkit.languages import translate
from oamkit.show import Rendered, Text

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Refused", "load_ipython_extension", "register_where_it_runs"]


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"%%cue: {message}", hint=f"It takes: {self.format_usage().strip()}")


def _options() -> _Options:
    options = _Options(prog="%%cue", add_help=False)
    options.add_argument("-e", "--expression", default="", help="the part to evaluate")
    options.add_argument("-o", "--out", default="cue", choices=("cue", "json", "yaml", "text"))
    options.add_argument("-t", "--tag", action="append", default=[], metavar="NAME=VALUE")
    options.add_argument("-d", "--data", default="", metavar="NAME", help="a variable to unify")
    options.add_argument("-s", "--save", default="", metavar="NAME", help="keep the cell's text")
    options.add_argument(
        "-u", "--use", action="append", default=[], metavar="NAME", help="put before"
    )
    options.add_argument("--refused", action="store_true", help="CUE must find something wrong")
    return options


class Refused(Rendered):
    """What CUE finds wrong with a cell that is meant to be refused.

    Args:
        error: What it found.
    """

    def __init__(self, error: CueError) -> None:
        self.error = error

    def __rich__(self) -> RenderableType:
        from rich.text import Text as RichText

        return RichText(str(self))

    def __str__(self) -> str:
        lines = [translate("Refused, as it should be:"), translate(self.error.message)]
        if self.error.hint:
            lines.append(translate(f"Hint: {self.error.hint}"))
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return it in a fixed-width font, since marks point to columns."""
        return Text(str(self)).to_html()


def cue_magic(line: str, cell: str, names: dict[str, Any]) -> Rendered:
    """Evaluate a cell.

    Args:
        line: The options after ``%%cue``.
        cell: The CUE.
        names: The notebook's variables.

    Returns:
        What it evaluates to.

    Raises:
        CueError: CUE finds something wrong; with ``--refused``, nothing.
    """
    options = _options().parse_args(shlex.split(line))
    parts = [("cell", cell), *((name, _text(names, name)) for name in options.use)]
    if options.save:
        names[options.save] = cell
    tags = dict(_tag(each) for each in options.tag)
    data = names[_known(names, options.data)] if options.data else None
    # One file, for names are known in all files of a package only; the cell comes first, so that its lines keep their numbers.
    whole = "\n".join(text for _, text in parts)
    try:
        shown = verbs.export(
            {"cell.cue": whole},
            out=options.out,
            data=data,
            expression=options.expression,
            tags=tags,
        )
    except CueError as error:
        told = _in_parts(error, parts)
        if options.refused and told.problems:
            return Refused(told)
        raise told from None
    if options.refused:
        raise CueError(
            what="CUE finds nothing wrong with this cell, which was meant to be refused."
        )
    return shown


def _in_parts(error: CueError, parts: Sequence[tuple[str, str]]) -> CueError:
    """Return an error whose places name the cell, or the variable whose text was put below it."""
    if not error.problems:
        return error

    def placed(place: Place) -> Place:
        line = place.line
        for name, text in parts:
            count = text.count("\n") + 1
            if line <= count:
                return replace(place, file="cell.cue" if name == "cell" else name, line=line)
            line -= count
        return place

    problems = [
        replace(problem, places=tuple(map(placed, problem.places))) for problem in error.problems
    ]
    return CueError(problems, hint=error.hint)


def _tag(text: str) -> tuple[str, str | bool]:
    name, equals, value = text.partition("=")
    return name, value if equals else True


def _text(names: dict[str, Any], name: str) -> str:
    return str(names[_known(names, name)])


def _known(names: dict[str, Any], name: str) -> str:
    if name not in names:
        raise InputError(f"there is no variable {name}", field="%%cue", hint="Run its cell first.")
    return name


def load_ipython_extension(shell: Any) -> None:  # noqa: ANN401 - IPython's shell has no types
    """Make ``%%cue`` known; IPython calls this for ``%load_ext oamkit.cue``."""

    def cue(line: str, cell: str) -> Rendered:
        return cue_magic(line, cell, shell.user_ns)

    cue.__doc__ = f"Evaluate the cell as CUE.\n\n{_options().format_help()}"
    shell.register_magic_function(cue, magic_kind="cell", magic_name="cue")


def register_where_it_runs() -> None:
    """Make ``%%cue`` known if this is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        load_ipython_extension(shell)
