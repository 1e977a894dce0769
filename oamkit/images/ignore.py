"""``.dockerignore``: what of a build's context doesn't exist for the build.

The rules are those of the Docker documentation, "Build context", ".dockerignore files": patterns as of Go's ``filepath.Match``, and ``**`` for any
number of folders; a pattern that matches a folder covers what is in it; ``!`` takes a match back; the last match counts.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from oamkit.errors import InputError

__all__ = ["IgnoreRules", "glob_regex"]


@dataclass(frozen=True)
class IgnoreRules:
    r"""The patterns of one file.

    Attributes:
        rules: Pattern and whether it takes matches back, in order.

    Example:
        >>> rules = IgnoreRules.parse(Path(".dockerignore"), "*.md\n!README.md\n**/__pycache__")
        >>> [rules.ignores(path) for path in ("a.md", "README.md", "app/__pycache__/x.pyc", "app/a.md")]
        [True, False, True, False]
    """

    rules: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def of_context(cls, context: Path, dockerfile: Path) -> IgnoreRules:
        """Read the file of a build: ``<Dockerfile>.dockerignore`` beside the Dockerfile, else ``.dockerignore`` in the context.

        Raises:
            InputError: A pattern is wrong, or the file is no text.
        """
        for path in (
            dockerfile.with_name(dockerfile.name + ".dockerignore"),
            context / ".dockerignore",
        ):
            if path.is_file():
                try:
                    return cls.parse(path, path.read_text(encoding="utf-8-sig"))
                except UnicodeDecodeError as error:
                    raise InputError("isn't text in UTF-8", file=path) from error
        return cls()

    @classmethod
    def parse(cls, path: Path, text: str) -> IgnoreRules:
        """Read patterns, one a line.

        Raises:
            InputError: A pattern is wrong.
        """
        rules = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("#"):
                continue
            pattern = line.strip()
            back = pattern.startswith("!")
            pattern = pattern.removeprefix("!").strip()
            if not pattern:
                if back:
                    raise InputError("'!' isn't followed by a pattern", file=path, line=number)
                continue
            clean = posixpath.normpath(pattern).lstrip("/")
            if clean in ("", "."):
                continue  # Docker leaves the context's root alone
            try:
                rules.append((glob_regex(clean), back))
            except re.error as error:
                message = f"the pattern {pattern!r} is wrong: {error}"
                raise InputError(message, file=path, line=number) from error
        return cls(tuple(rules))

    def ignores(self, path: str) -> bool:
        """Say whether a path, relative to the context and without a leading slash, is left out."""
        parts = path.split("/")
        candidates = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
        ignored = False
        for pattern, back in self.rules:
            if back == ignored and any(pattern.fullmatch(item) for item in candidates):
                ignored = not back
        return ignored


def glob_regex(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of Go's ``filepath.Match``, with ``**``, into a regular expression for the whole path.

    Raises:
        re.error: A class of characters is wrong.

    Example:
        >>> bool(glob_regex("a/*.py").fullmatch("a/b/c.py")), bool(glob_regex("a/**/*.py").fullmatch("a/b/c.py"))
        (False, True)
    """
    result = ""
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if pattern.startswith("**", position):
            position += 3 if pattern.startswith("**/", position) else 2
            result += ".*" if position >= len(pattern) else "(?:.*/)?"
            continue
        if char == "[":
            translated, position = _class(pattern, position)
            result += translated
            continue
        if char == "\\" and position + 1 < len(pattern):
            position += 1
            result += re.escape(pattern[position])
        else:
            result += {"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char)
        position += 1
    return re.compile(result, re.DOTALL)


def _class(pattern: str, start: int) -> tuple[str, int]:
    """Translate ``[…]``: characters and ranges, each of whose ends may be escaped; ``^`` at the front negates."""
    match = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL).match(pattern, start)
    if not match:
        raise re.error("'[' has no ']'")
    characters = re.findall(r"\\(.)|(.)", match[2], re.DOTALL)
    body = ""
    for escaped, plain in characters:
        body += "-" if plain == "-" else re.escape(escaped or plain)
    if "--" in body:
        raise re.error("a range of characters has no end")
    return f"(?!/)[{match[1]}{body}]", match.end()
