"""Reading a Dockerfile into its instructions, each with the line that it begins on.

The rules are those of the Dockerfile reference (``docs.docker.com/reference/dockerfile``: "Format", "Parser directives", "Here-Documents"). The
package ``dockerfile-parse`` isn't used: it drops an instruction without arguments and one that a file ends within, ends a continued
instruction at a blank line, takes a doubled escape for a continuation, and reads the body of a here-document as instructions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oamkit.errors import InputError

__all__ = ["Dockerfile", "Heredoc", "Instruction", "parse_dockerfile"]

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = ("syntax", "escape", "check")
_FLAG = re.compile(r"--[a-zA-Z](?:[^\s\"']|\"[^\"]*\"|'[^']*')*")
_HEREDOC = re.compile(r"(?:^|\s)\d*<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_]*)\2(?=\s|$)")
_HEREDOC_KEYWORDS = ("RUN", "COPY", "ADD")


@dataclass(frozen=True)
class Heredoc:
    """The text between ``<<NAME`` and a line ``NAME``.

    Attributes:
        name: The word that ends it.
        content: Its lines, with their ends.
    """

    name: str
    content: str


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        line: The line that it begins on, from 1.
        keyword: Its name, in capitals.
        flags: Its ``--name=value`` arguments, in order; a flag without a value has ``""``.
        value: What follows, continuation lines joined, variables as they were written.
        heredocs: Its here-documents, in order.
    """

    line: int
    keyword: str
    flags: tuple[tuple[str, str], ...]
    value: str
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def words(self) -> tuple[str, ...] | None:
        """The exec form: a JSON list of strings; ``None`` if the value isn't one."""
        if not self.value.startswith("["):
            return None
        try:
            words = json.loads(self.value)
        except ValueError:
            return None
        return tuple(words) if all(isinstance(word, str) for word in words) else None

    def __str__(self) -> str:
        flags = "".join(
            f" --{name}={value}" if value else f" --{name}" for name, value in self.flags
        )
        return f"{self.keyword}{flags} {self.value}".rstrip()


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile that was read.

    Attributes:
        path: Where it is.
        escape: The escape character: a backslash, or a backtick by the directive ``# escape=``.
        instructions: Its instructions, in order.
    """

    path: Path
    escape: str
    instructions: tuple[Instruction, ...]


def parse_dockerfile(path: Path, text: str) -> Dockerfile:
    r"""Read a Dockerfile.

    Args:
        path: Where it is, for messages.
        text: Its content.

    Raises:
        InputError: A directive is wrong, or a here-document has no end.

    Example:
        >>> file = parse_dockerfile(Path("Dockerfile"), "FROM a\nRUN b \\\n  # why\n  c\n")
        >>> [(i.line, i.keyword, i.value) for i in file.instructions]
        [(1, 'FROM', 'a'), (2, 'RUN', 'b   c')]
    """
    lines = re.split(r"\r?\n", text.removeprefix("\ufeff"))
    directives = _directives(path, lines)
    escape = directives.get("escape", "\\")
    if escape not in ("\\", "`"):
        raise InputError(f"the escape character must be \\ or `, not {escape!r}", file=path, line=1)
    return Dockerfile(path, escape, tuple(_instructions(path, lines, escape)))


def _directives(path: Path, lines: list[str]) -> dict[str, str]:
    """Directives stand at the very top: the first other line ends them, be it blank or a comment."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.fullmatch(line.strip())
        name = match[1].lower() if match else ""
        if not match or name not in _DIRECTIVES:
            break
        if name in found:
            raise InputError(f"the directive {name!r} is given twice", file=path, line=number)
        found[name] = match[2]
    return found


def _instructions(path: Path, lines: list[str], escape: str) -> Iterator[Instruction]:
    mark = re.escape(escape)
    continued = re.compile(rf"(?:^|(?<=[^{mark}])){mark}[ \t]*$")
    number = 0
    while number < len(lines):
        start, value = number + 1, ""
        while number < len(lines):
            line = lines[number]
            number += 1
            if line.lstrip().startswith("#") or not line.strip():
                if not value:
                    break  # between instructions
                continue  # within a continued one
            value += continued.sub("", line if value else line.lstrip())
            if not continued.search(line):
                break
        if not value.strip():
            continue
        keyword, flags, rest = _split(value)
        heredocs: list[Heredoc] = []
        if keyword in _HEREDOC_KEYWORDS:
            for match in _HEREDOC.finditer(rest):
                heredoc, number = _heredoc(path, lines, number, match, start)
                heredocs.append(heredoc)
        yield Instruction(start, keyword, flags, rest, tuple(heredocs))


def _split(value: str) -> tuple[str, tuple[tuple[str, str], ...], str]:
    keyword, _, rest = re.sub(r"[ \t\v\f\r]+", " ", value.strip(), count=1).partition(" ")
    rest = rest.strip()
    flags = []
    while match := _FLAG.match(rest):
        name, _, argument = match[0].removeprefix("--").partition("=")
        flags.append((name, argument.replace('"', "").replace("'", "")))
        rest = rest[match.end() :].lstrip()
    return keyword.upper(), tuple(flags), rest


def _heredoc(
    path: Path, lines: list[str], number: int, match: re.Match[str], start: int
) -> tuple[Heredoc, int]:
    strip_tabs, name = bool(match[1]), match[3]
    content: list[str] = []
    for end in range(number, len(lines)):
        line = lines[end].lstrip("\t") if strip_tabs else lines[end]
        if line == name:
            return Heredoc(name, "".join(content)), end + 1
        content.append(line + "\n")
    raise InputError(
        f"the here-document <<{name} has no line {name!r} that ends it", file=path, line=start
    )
