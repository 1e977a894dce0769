"""The one seam through which the kit runs other programs.

Code that runs a program takes a :class:`Runner`. :class:`SubprocessRunner` really runs it; :class:`FakeRunner` answers from a
table, for tests; :class:`RecordingRunner` passes on to another one and remembers the calls. Nothing here uses a shell.
"""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, Required, TypedDict, Unpack

from oamkit.errors import CommandError, MissingToolError

__all__ = [
    "Completed",
    "FakeRunner",
    "Options",
    "Progress",
    "RecordingRunner",
    "Runner",
    "SubprocessRunner",
]

Progress = Callable[[str], None]

STDERR_LINES = 20
"""How many last lines of standard error a :class:`~oamkit.errors.CommandError` keeps."""

INTERRUPTED_SECONDS = 5.0
"""How long a program may tidy up after Ctrl-C before it is killed."""


@dataclass(frozen=True)
class Completed:
    """A program that has ended.

    Attributes:
        argv: The program and its arguments.
        returncode: Its exit code.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
        duration: Seconds that it ran.
    """

    argv: tuple[str, ...]
    returncode: int = 0
    stdout: str = ""
    stderr: str = ""
    duration: float = 0.0


class Options(TypedDict, total=False):
    """What else a :class:`Runner` is told, by name; for those that pass it on."""

    timeout: Required[float]
    input: str | None
    env: Mapping[str, str] | None
    cwd: Path | None
    check: bool
    secrets: Sequence[str]
    progress: Progress | None


class Runner(Protocol):
    """Runs a program and waits for its end."""

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        timeout: float,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = True,
        secrets: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Completed:
        """Run a program.

        Args:
            argv: The program and its arguments; never a shell's command line.
            timeout: Seconds after which it is killed.
            input: Text for its standard input; nothing by default.
            env: Its whole environment; ours by default.
            cwd: Its working folder; ours by default.
            check: Whether an exit code other than 0 raises.
            secrets: Texts that are masked in errors.
            progress: Gets each line that it writes, to either output, as soon as it is there; for programs that take long.

        Raises:
            CommandError: It ended with another exit code than 0 (with ``check``), or took too long.
            MissingToolError: There is no such program.
        """
        ...  # pragma: no cover - a protocol


class SubprocessRunner:
    r"""Runs programs for real.

    Example:
        >>> SubprocessRunner().run(["echo", "hello"], timeout=5).stdout
        'hello\n'
    """

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        timeout: float,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = True,
        secrets: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Completed:
        """See :meth:`Runner.run`."""
        words = tuple(str(word) for word in argv)
        start = time.monotonic()
        try:
            with _started(words, input, env, cwd) as process:
                if progress is None:
                    stdout, stderr = process.communicate(input, timeout)
                else:
                    stdout, stderr = _followed(process, input, timeout, progress)
        except FileNotFoundError as error:
            if cwd is not None and not cwd.is_dir():
                raise
            raise MissingToolError(
                f"The program {words[0]} isn't there.",
                hint="Run 'oamkit doctor': it says what is missing and how to install it.",
            ) from error
        except subprocess.TimeoutExpired as error:
            said = error.stderr.decode(errors="replace") if error.stderr else ""
            raise CommandError(
                _mask(words, secrets),
                returncode=None,
                stderr=_tail(_mask_text(said, secrets)),
                duration=time.monotonic() - start,
            ) from error
        result = Completed(words, process.returncode, stdout, stderr, time.monotonic() - start)
        if check:
            raise_for_code(result, secrets)
        return result


@contextmanager
def _started(
    words: tuple[str, ...], input: str | None, env: Mapping[str, str] | None, cwd: Path | None
) -> Iterator[subprocess.Popen[str]]:
    """Start a program; however the ``with`` block is left, the program has ended then."""
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        text=True,
        errors="replace",
    )
    with process:
        try:
            yield process
        except KeyboardInterrupt:
            # The terminal has told the program too: it may tidy up.
            with suppress(subprocess.TimeoutExpired):
                process.wait(INTERRUPTED_SECONDS)
            process.kill()
            raise
        except BaseException:
            process.kill()
            raise


def _followed(
    process: subprocess.Popen[str], input: str | None, timeout: float, progress: Progress
) -> tuple[str, str]:
    """Wait for a program's end, passing on its lines from this thread; return its two outputs."""
    lines: queue.SimpleQueue[tuple[int, str | None]] = queue.SimpleQueue()
    outputs: tuple[list[str], list[str]] = ([], [])

    def read(number: int, stream: IO[str] | None) -> None:
        if stream is not None:
            with stream:
                for line in stream:
                    lines.put((number, line))
        lines.put((number, None))

    readers = [
        threading.Thread(target=read, args=(number, stream), daemon=True)
        for number, stream in enumerate((process.stdout, process.stderr))
    ]
    # A program that the killed one has started may keep them open: they are the readers' now, nobody waits to close them.
    process.stdout = process.stderr = None
    for reader in readers:
        reader.start()
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(input or "")
    deadline, open_streams = time.monotonic() + timeout, len(readers)
    while open_streams:
        try:
            number, line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            said = "".join(outputs[1]).encode()
            raise subprocess.TimeoutExpired(process.args, timeout, stderr=said) from None
        if line is None:
            open_streams -= 1
        else:
            outputs[number].append(line)
            progress(line.rstrip("\n"))
    process.wait(max(0.0, deadline - time.monotonic()))
    return "".join(outputs[0]), "".join(outputs[1])


def raise_for_code(result: Completed, secrets: Sequence[str] = ()) -> None:
    """Raise a :class:`~oamkit.errors.CommandError` if the program ended with another exit code than 0."""
    if result.returncode != 0:
        raise CommandError(
            _mask(result.argv, secrets),
            returncode=result.returncode,
            stderr=_tail(_mask_text(result.stderr or result.stdout, secrets)),
            duration=result.duration,
        )


@dataclass
class RecordingRunner:
    """Passes every call on to another runner and remembers it.

    Attributes:
        inner: The runner that does the work.
        calls: The ``argv`` of each call so far.
    """

    inner: Runner = field(default_factory=SubprocessRunner)
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, argv: Sequence[str | Path], **options: Unpack[Options]) -> Completed:
        """See :meth:`Runner.run`."""
        self.calls.append(tuple(str(word) for word in argv))
        return self.inner.run(argv, **options)


Answer = Completed | Callable[[tuple[str, ...]], Completed]


@dataclass
class FakeRunner:
    """Answers from a table instead of running anything.

    Attributes:
        answers: From the first words of a command to its answer; the longest match wins. A command that matches nothing
            raises :class:`~oamkit.errors.MissingToolError`, as a machine without the program does.

    Example:
        >>> fake = FakeRunner({("docker", "info"): Completed((), stdout="ok")})
        >>> fake.run(["docker", "info", "--format", "json"], timeout=1).stdout
        'ok'
    """

    answers: dict[tuple[str, ...], Answer] = field(default_factory=dict)

    def run(self, argv: Sequence[str | Path], **options: Unpack[Options]) -> Completed:
        """See :meth:`Runner.run`."""
        words = tuple(str(word) for word in argv)
        for length in range(len(words), 0, -1):
            answer = self.answers.get(words[:length])
            if answer is not None:
                result = answer(words) if callable(answer) else answer
                result = Completed(
                    words, result.returncode, result.stdout, result.stderr, result.duration
                )
                progress = options.get("progress")
                if progress is not None:
                    for line in (result.stdout + result.stderr).splitlines():
                        progress(line)
                if options.get("check", True):
                    raise_for_code(result, options.get("secrets", ()))
                return result
        raise MissingToolError(f"The program {words[0]} isn't there.")


def _mask_text(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def _mask(argv: Sequence[str], secrets: Sequence[str]) -> tuple[str, ...]:
    return tuple(_mask_text(word, secrets) for word in argv)


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-STDERR_LINES:])
