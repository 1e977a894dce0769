"""The one error tree of the kit.

Catch :class:`OamKitError` for all of it, or a branch::

    OamKitError                 something the kit can explain
    ├── InputError              a file, field or argument that a person wrote is wrong
    │   └── CueError            … CUE in particular (oamkit.cue); CueLimitError: it takes too much
    ├── CommandError            a program that was run ended with an error
    ├── MissingToolError        a program or package that a step needs isn't installed
    ├── ImageError              an image can't be built, found or unpacked
    ├── ClusterError            a cluster can't be made, reached or stopped
    │   └── SandboxError        … the sandbox in particular
    ├── ApiError                the Kubernetes API refused a request
    ├── RenderError             an ApplicationConfiguration can't be rendered
    └── WaitTimeoutError        what was waited for didn't happen in time

Each carries a stable ``code`` (to search for), a ``message`` (what happened), a ``hint`` (what to do next), optionally the
page of the documentation that explains it, and the exception that caused it as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

__all__ = [
    "ApiError",
    "ClusterError",
    "CommandError",
    "ImageError",
    "InputError",
    "MissingToolError",
    "OamKitError",
    "RenderError",
    "SandboxError",
    "WaitTimeoutError",
]


def translate_by(translate: Callable[[str], str]) -> None:
    """Let errors be shown in another language. Their ``message`` and ``str()`` stay English, for logs and comparisons."""
    _translators[:] = [translate]


def _translate(text: str) -> str:
    for translate in _translators:
        return translate(text)
    return text


_translators: list[Callable[[str], str]] = []


class OamKitError(Exception):
    """Something went wrong that the kit can explain.

    Args:
        message: What happened, in one sentence that names the thing it happened to.
        hint: What to do next; ``""`` where nothing better is known than to read the message.
        code: A stable identifier, e.g. ``"sandbox-port-taken"``; the class's own code by default.
        docs: A page below ``docs/`` that explains more, e.g. ``"sandbox.md#ports"``.

    Example:
        >>> error = OamKitError("The file config/app.yaml is empty.", hint="Write an object into it.")
        >>> print(error)
        The file config/app.yaml is empty.
        Hint: Write an object into it.
        >>> error.code
        'oamkit'
    """

    default_code: ClassVar[str] = "oamkit"

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, docs: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code
        self.docs = docs

    def __str__(self) -> str:
        lines = [self.message]
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        if self.docs:
            lines.append(f"More: docs/{self.docs}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: an error that explains itself needs none."""
        return [f"{type(self).__name__}: {self.shown()}"]

    def shown(self) -> str:
        """Return what ``str()`` gives in the language that the kit speaks."""
        lines = [_translate(self.message)]
        if self.hint:
            lines.append(_translate(f"Hint: {self.hint}"))
        if self.docs:
            lines.append(_translate(f"More: docs/{self.docs}"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        parts = [f"<strong>{escape(_translate(self.message))}</strong>"]
        if self.hint:
            parts.append(f"<br>→ {escape(_translate(self.hint))}")
        parts.append(f"<br><small><code>{escape(self.code)}</code></small>")
        return f'<div role="alert">{"".join(parts)}</div>'


class InputError(OamKitError):
    """A file, field or argument that a person wrote is wrong.

    Args:
        message: What is wrong and what was expected.
        file: The file it stands in.
        line: Its line, from 1.
        column: Its column, from 1.
        field: The path of the field, e.g. ``"spec.components[0].componentName"``.

    Example:
        >>> print(InputError("expected a string, got 3", file=Path("app.yaml"), line=7))
        app.yaml:7: expected a string, got 3
    """

    default_code = "bad-input"

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str = "",
        hint: str = "",
        code: str | None = None,
        docs: str = "",
    ) -> None:
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        where = ": ".join(part for part in (place, field) if part)
        super().__init__(
            f"{where}: {message}" if where else message, hint=hint, code=code, docs=docs
        )
        self.file = Path(file) if file is not None else None
        self.line = line
        self.column = column
        self.field = field


class CommandError(OamKitError):
    """A program that was run ended with an error, or took too long.

    Args:
        argv: The program and its arguments, secrets masked.
        returncode: Its exit code; ``None`` when it was stopped because it took too long.
        stderr: The last lines of what it wrote to standard error.
        duration: Seconds that it ran.
    """

    default_code = "command-failed"

    def __init__(
        self,
        argv: Sequence[str],
        *,
        returncode: int | None,
        stderr: str = "",
        duration: float = 0.0,
        hint: str = "",
        code: str | None = None,
        docs: str = "",
    ) -> None:
        import shlex

        end = (
            f"took too long after {duration:.1f} s"
            if returncode is None
            else f"ended with exit code {returncode} after {duration:.1f} s"
        )
        message = f"$ {shlex.join(argv)}\n{end}"
        if stderr.strip():
            message += ":\n" + stderr.strip()
        super().__init__(message, hint=hint, code=code, docs=docs)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr = stderr
        self.duration = duration

    def told(
        self, *, argv: Sequence[str] | None = None, stderr: str | None = None, hint: str = ""
    ) -> CommandError:
        """Return the same error as its caller tells it.

        Args:
            argv: The command as a person would type it; as it was run by default.
            stderr: The lines that tell what was wrong; the last ones of standard error by default.
            hint: What to do next.

        Example:
            >>> error = CommandError(["/opt/bin/helm", "list"], returncode=1)
            >>> error.told(argv=["helm", "list"], hint="Is there a cluster?").argv
            ('helm', 'list')
        """
        return CommandError(
            self.argv if argv is None else argv,
            returncode=self.returncode,
            stderr=self.stderr if stderr is None else stderr,
            duration=self.duration,
            hint=hint,
        )


class MissingToolError(OamKitError):
    """A program or package that a step needs isn't installed."""

    default_code = "missing-tool"


class ImageError(OamKitError):
    """An image can't be built, found or unpacked."""

    default_code = "image"


class ClusterError(OamKitError):
    """A cluster can't be made, reached or stopped."""

    default_code = "cluster"


class SandboxError(ClusterError):
    """The sandbox can't be started, reached or stopped."""

    default_code = "sandbox"


class ApiError(OamKitError):
    """The Kubernetes API refused a request.

    Args:
        status: The HTTP status code, e.g. ``404``.
        reason: The reason of the API's ``Status`` object, e.g. ``"NotFound"``; ``""`` if there was none.
        message: The message of the ``Status`` object.
        details: The ``details`` of the ``Status`` object.
    """

    default_code = "api"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        details: dict[str, Any] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.details = details or {}


class RenderError(OamKitError):
    """An ApplicationConfiguration can't be rendered into Kubernetes objects."""

    default_code = "render"


class WaitTimeoutError(OamKitError):
    """What was waited for didn't happen in time.

    Args:
        message: What was waited for, and how long.
        last_state: What was seen last, in words.
        events: The newest events that concern it, oldest first.
    """

    default_code = "wait-timeout"

    def __init__(
        self, message: str, *, last_state: str = "", events: Sequence[str] = (), hint: str = ""
    ) -> None:
        text = message
        if last_state:
            text += f"\nLast seen: {last_state}"
        if events:
            text += "\nNewest events:\n" + "\n".join(f"  {event}" for event in events)
        super().__init__(text, hint=hint)
        self.last_state = last_state
        self.events = tuple(events)
