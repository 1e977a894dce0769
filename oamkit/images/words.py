"""Variables, quotes and words of Dockerfile instructions.

Instructions know ``$NAME``, ``${NAME}``, ``${NAME:-word}``, ``${NAME:+word}`` and ``${NAME:?word}``, the last three also without the
colon, single and double quotes and the escape character (Dockerfile reference, "Environment replacement"). A name without a value is
empty. The same reader serves ``RUN``, where it also tells operators of the shell from words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Expander", "ShellWordError", "expand", "raw_words", "shell_words", "split_words"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_OPERATORS = re.compile(r"&&|\|\||>>|<<|[|&;<>()`\n]")
_GLOB = "*?"


class ShellWordError(ValueError):
    """Text that can't be read as words; the message says why."""


@dataclass
class _Reader:
    """Reads one text from left to right."""

    text: str
    env: Mapping[str, str]
    escape: str
    split: bool = False  # whether unquoted blanks end a word
    operators_count: bool = False  # whether operators count, and values of variables are split too
    position: int = 0
    words: list[str] = field(default_factory=list)
    operators: set[int] = field(default_factory=set)  # which of `words` are operators
    current: str | None = None

    def read(self) -> None:
        while self.position < len(self.text):
            self._step()
        self._end_word()

    def _step(self) -> None:
        char = self.text[self.position]
        if char == "'":
            self._add(self._single())
        elif char == '"':
            self._add(self._double())
        elif char == "$":
            self._variable_word()
        elif char == self.escape:
            self._add(self.text[self.position + 1 : self.position + 2])
            self.position += 2
        elif self.operators_count and (match := _OPERATORS.match(self.text, self.position)):
            self._end_word()
            self.operators.add(len(self.words))
            self.words.append(match[0])
            self.position = match.end()
        elif self.operators_count and (char in _GLOB or (char == "~" and self.current is None)):
            raise ShellWordError(f"an unquoted {char!r} is for a shell to replace")
        elif self.split and char.isspace():
            self._end_word()
            self.position += 1
        else:
            self._add(char)
            self.position += 1

    def _add(self, text: str) -> None:
        self.current = (self.current or "") + text

    def _end_word(self) -> None:
        if self.current is not None:
            self.words.append(self.current)
            self.current = None

    def _variable_word(self) -> None:
        value = self._variable()
        if not self.operators_count:
            self._add(value)
            return
        # An unquoted value is split at blanks; one that is empty makes no word at all.
        parts = re.split(r"\s+", value)
        for number, part in enumerate(parts):
            if number:
                self._end_word()
            if part:
                self._add(part)

    def _single(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise ShellWordError("a single quote has no end")
        text = self.text[self.position + 1 : end]
        self.position = end + 1
        return text

    def _double(self) -> str:
        self.position += 1
        result = ""
        while self.position < len(self.text):
            char = self.text[self.position]
            if char == '"':
                self.position += 1
                return result
            following = self.text[self.position + 1 : self.position + 2]
            if char == "$":
                result += self._variable()
            elif char == self.escape and following and following in f'"${self.escape}':
                result += following
                self.position += 2
            elif self.operators_count and char == "`":
                raise ShellWordError("'`' runs another command")
            else:
                result += char
                self.position += 1
        raise ShellWordError("a double quote has no end")

    def _variable(self) -> str:
        self.position += 1
        following = self.text[self.position : self.position + 1]
        if following == "{":
            return self._braced()
        if self.operators_count and following == "(":
            raise ShellWordError("'$(' runs another command")
        match = _NAME.match(self.text, self.position)
        if not match:
            return "$"
        self.position = match.end()
        return self.env.get(match[0], "")

    def _braced(self) -> str:
        match = _NAME.match(self.text, self.position + 1)
        if not match:
            raise ShellWordError("'${' isn't followed by a name")
        name = match[0]
        self.position = match.end()
        rest = re.compile(r"(:?[-+?])|}").match(self.text, self.position)
        if not rest:
            unknown = self.text[self.position : self.position + 2] or "the end"
            raise ShellWordError(
                f"'${{{name}' is followed by {unknown!r}; known are :- :+ :? and }}"
            )
        self.position = rest.end()
        if rest[0] == "}":
            return self.env.get(name, "")
        return self._modified(name, rest[0], self._until_brace())

    def _modified(self, name: str, modifier: str, word: str) -> str:
        value = self.env.get(name)
        present = bool(value) if modifier.startswith(":") else value is not None
        if modifier.endswith("+"):
            return word if present else ""
        if present:
            return value or ""
        if modifier.endswith("?"):
            raise ShellWordError(f"{name} has no value: {word or 'it is required'}")
        return word

    def _until_brace(self) -> str:
        result = ""
        while self.position < len(self.text):
            char = self.text[self.position]
            if char == "}":
                self.position += 1
                return result
            if char == "$":
                result += self._variable()
            elif char == "'":
                result += self._single()
            elif char == '"':
                result += self._double()
            elif char == self.escape:
                result += self.text[self.position + 1 : self.position + 2]
                self.position += 2
            else:
                result += char
                self.position += 1
        raise ShellWordError("'${' has no '}'")


def expand(text: str, env: Mapping[str, str], escape: str = "\\") -> str:
    """Replace variables and remove quotes; blanks stay.

    Raises:
        ShellWordError: A quote or brace has no end, or a modifier isn't known.

    Example:
        >>> expand("${BASE:-python:3.13}-$KIND'$x'", {"KIND": "slim"})
        'python:3.13-slim$x'
    """
    reader = _Reader(text, env, escape)
    reader.read()
    return "".join(reader.words)


def split_words(text: str, env: Mapping[str, str], escape: str = "\\") -> list[str]:
    """Split at blanks outside of quotes, and expand each word.

    Raises:
        ShellWordError: See :func:`expand`.

    Example:
        >>> split_words('a "b $C" d', {"C": "c"})
        ['a', 'b c', 'd']
    """
    reader = _Reader(text, env, escape, split=True)
    reader.read()
    return reader.words


def shell_words(text: str, env: Mapping[str, str]) -> list[list[str]]:
    """Read a command line as a shell would, as far as that needs no shell: commands that ``&&`` joins, each as its words.

    Raises:
        ShellWordError: It needs a shell; the message says for what.

    Example:
        >>> shell_words('pip install $FLAGS && pip install "a>=1"', {"FLAGS": "-q b"})
        [['pip', 'install', '-q', 'b'], ['pip', 'install', 'a>=1']]
    """
    reader = _Reader(text, env, "\\", split=True, operators_count=True)
    reader.read()
    commands: list[list[str]] = [[]]
    for number, word in enumerate(reader.words):
        if number not in reader.operators:
            commands[-1].append(word)
        elif word == "&&":
            commands.append([])
        else:
            quoted = ": write a version's comparison in quotes" if word in "<>" else ""
            raise ShellWordError(f"{word!r} is an operator of a shell{quoted}")
    if not all(commands):
        raise ShellWordError("'&&' isn't between two commands")
    return commands


def raw_words(text: str, escape: str = "\\") -> list[str]:
    r"""Split at blanks outside of quotes, and leave the words as they are written, for ``ENV`` and ``LABEL``.

    Example:
        >>> raw_words(r'a="b c" d=e\ f')
        ['a="b c"', 'd=e\\ f']
    """
    mark = re.escape(escape)
    # A quote without an end is left to `expand`, which says what is wrong.
    word = re.compile(rf"(?:{mark}.|\"(?:{mark}.|[^\"])*\"|'[^']*'|[^\s])+", re.DOTALL)
    return word.findall(text)


@dataclass(frozen=True)
class Expander:
    """Expands parts of an instruction with the variables that it sees.

    Attributes:
        env: The variables.
        escape: The file's escape character.
    """

    env: Mapping[str, str]
    escape: str = "\\"

    def whole(self, text: str) -> str:
        """Return a text, expanded as one word; see :func:`expand`."""
        return expand(text, self.env, self.escape)

    def words(self, text: str) -> list[str]:
        """Return the words of a text, each expanded; see :func:`split_words`."""
        return split_words(text, self.env, self.escape)

    def pairs(self, text: str) -> list[tuple[str, str]]:
        """Return ``name=value`` pairs, expanded; or one pair of a name and all that follows it, if the first word has no ``=``.

        Raises:
            ShellWordError: See :func:`expand`; or a later word has no ``=``.

        Example:
            >>> Expander({"B": "2"}).pairs('a=1 b="$B 3"'), Expander({}).pairs("a b c")
            ([('a', '1'), ('b', '2 3')], [('a', 'b c')])
        """
        words = raw_words(text, self.escape)
        if words and "=" not in words[0]:
            name, _, value = text.partition(" ")
            if not value.strip():
                raise ShellWordError(f"{name} isn't followed by '=' and a value")
            return [(self.whole(name), self.whole(value.strip()))]
        pairs = []
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise ShellWordError(
                    f"{word!r} isn't name=value; put a value with blanks into quotes"
                )
            pairs.append((self.whole(name), self.whole(value)))
        return pairs
