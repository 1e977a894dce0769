"""Runs the ``cue`` program: bound in time, memory and output, without a network, and blind to the user's settings."""

from __future__ import annotations

import contextlib
import importlib
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from oamkit.cue.errors import CueLimitError
from oamkit.cue.limits import DEFAULT, Limits
from oamkit.errors import MissingToolError

__all__ = ["Program", "Run", "find"]

NOWHERE = Path("/dev/null/cue")
"""A folder that nobody can make, for calls that have none: CUE keeps nothing then, and finds no settings and no logins."""
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Run:
    """A call that has ended.

    Attributes:
        returncode: 0 if CUE found nothing wrong.
        stdout: The result.
        stderr: CUE's messages.
        seconds: How long it took.
    """

    returncode: int
    stdout: str
    stderr: str
    seconds: float


def find() -> Path:
    """Return the path of the program: that of the wheel oamkit-binaries, or else the one on the ``PATH``.

    Raises:
        MissingToolError: It is in neither place.
    """
    override = os.environ.get("OAMKIT_BINARIES")
    if override and (Path(override) / "cue").exists():
        return Path(override) / "cue"
    with contextlib.suppress(ImportError, OSError):
        return Path(importlib.import_module("oamkit_binaries").path("cue"))
    found = shutil.which("cue")
    if found is None:
        raise MissingToolError(
            "The program cue isn't there.",
            hint="Install the wheel oamkit-binaries ('make' in the project's folder does it), or put cue on the PATH.",
            docs="cue.md",
        )
    return Path(found)


@dataclass(frozen=True, slots=True)
class Program:
    """The program, ready to be called from any number of threads.

    Args:
        path: Where it is; found when it is first needed if ``None``.
    """

    path: Path | None = None

    def run(
        self,
        arguments: Sequence[str],
        *,
        input: str = "",
        cwd: Path | None = None,
        home: Path = NOWHERE,
        limits: Limits = DEFAULT,
    ) -> Run:
        """Call it.

        Args:
            arguments: What comes after ``cue``.
            input: Its standard input.
            cwd: Its working folder; ours by default.
            home: A private folder for what CUE may want to keep.
            limits: What it may take.

        Raises:
            CueLimitError: It took more than that.
            MissingToolError: It isn't there.
        """
        begin = time.monotonic()
        process = subprocess.Popen(
            [self.path or find(), *arguments],
            env=_environ(home, limits),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            with contextlib.suppress(ProcessLookupError):
                limits.bind(process.pid)
            out, err = _talk(
                process, input.encode(errors="replace"), begin + limits.seconds, limits
            )
            process.wait(max(0.1, begin + limits.seconds - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _too_long(limits) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError):
                    _there(pipe).close()
        errors = err.decode(errors="replace")
        if process.returncode < 0 or _went_down(process.returncode, errors):
            raise CueLimitError(
                f"CUE was stopped: it wanted more than {limits.memory >> 20} MiB of memory.",
                hint="Is there a comprehension that makes very many values, or a text that doubles itself?",
            )
        return Run(
            process.returncode, out.decode(errors="replace"), errors, time.monotonic() - begin
        )


def _environ(home: Path, limits: Limits) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "CUE_CACHE_DIR": str(home / "cache"),
        "CUE_CONFIG_DIR": str(home / "config"),
        "CUE_REGISTRY": "none",
        **limits.environ(),
    }


def _talk(
    process: subprocess.Popen[bytes], data: bytes, deadline: float, limits: Limits
) -> tuple[bytes, bytes]:
    """Write the input and read both outputs at once, until all is said or a limit is reached."""
    stdin, stdout, stderr = map(_there, (process.stdin, process.stdout, process.stderr))
    read: dict[IO[bytes], bytearray] = {stdout: bytearray(), stderr: bytearray()}
    rest = memoryview(data)
    with selectors.DefaultSelector() as selector:
        for pipe in read:
            selector.register(pipe, selectors.EVENT_READ)
        if rest:
            os.set_blocking(stdin.fileno(), False)
            selector.register(stdin, selectors.EVENT_WRITE)
        else:
            stdin.close()
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise _too_long(limits)
            for key, _ in ready:
                pipe = _there(key.fileobj if not isinstance(key.fileobj, int) else None)
                if pipe is stdin:
                    rest = rest[_write(stdin, rest) :]
                    chunk = bytes(rest[:1])
                else:
                    chunk = os.read(pipe.fileno(), CHUNK)
                    read[pipe] += chunk
                if not chunk:
                    selector.unregister(pipe)
                    pipe.close()
            if sum(map(len, read.values())) > limits.output:
                raise CueLimitError(
                    f"CUE was stopped: its result has more than {limits.output >> 10} KiB.",
                    hint="Evaluate a part of it: give an expression.",
                )
    return bytes(read[stdout]), bytes(read[stderr])


def _write(pipe: IO[bytes], data: memoryview) -> int:
    """Write what the pipe takes; all of it, if nobody reads any more."""
    try:
        return os.write(pipe.fileno(), data[:CHUNK])
    except BrokenPipeError:
        return len(data)


def _there(pipe: object) -> IO[bytes]:
    return pipe  # type: ignore[return-value]  # all three are pipes here


def _too_long(limits: Limits) -> CueLimitError:
    return CueLimitError(
        f"CUE was stopped: it took longer than {limits.seconds:g} s.",
        hint="Is there a disjunction of disjunctions, or a comprehension over very many values?",
    )


def _went_down(returncode: int, stderr: str) -> bool:
    """Whether the program ended as Go programs do that get no more memory: CUE's own exit code is 1."""
    return returncode == 2 and any(
        sign in stderr for sign in ("out of memory", "cannot allocate memory", "fatal error", "SIG")
    )
