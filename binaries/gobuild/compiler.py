"""Runs ``go``: finds it, checks that there is room, builds the program and says how far it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gobuild.module import GO_DIR, Version, go_version, link_values, parse_go_version

__all__ = ["MARK", "BuildError", "Go", "find_go"]

MARK = "oamkit-binaries:"
"""Every line of progress starts with this, so that it can be told from a front end's own lines."""

INTERVAL = 10.0
"""Seconds between two lines of progress."""

NEEDED_GB = 4.0
"""Free space for a first build: 1.1 GB of modules, up to 2.5 GB of compiled packages, 0.3 GB for program and wheel."""


class BuildError(Exception):
    """The program can't be built; the message says why and what to do."""


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"{MARK} {text}", flush=True)


@dataclass(frozen=True)
class Go:
    """A Go toolchain.

    Attributes:
        program: The ``go`` command.
        version: Its version, e.g. ``(1, 26, 8)``.
    """

    program: str
    version: Version

    def environment(self) -> dict[str, str]:
        """Return the environment for ``go``: ours, without what would change the outcome from machine to machine."""
        return {
            **os.environ,
            "CGO_ENABLED": "0",  # a static program: no C compiler needed, runs with any C library
            "GOTOOLCHAIN": "local",  # this toolchain, never a download of another
            "GOWORK": "off",
            "GOFLAGS": "-mod=readonly",
        }

    def ask(self, *args: str) -> str:
        """Return what a quick ``go`` command prints.

        Raises:
            BuildError: It failed.
        """
        done = subprocess.run(
            [self.program, *args],
            cwd=GO_DIR,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError(f"'go {' '.join(args)}' failed:\n{done.stderr.strip()}")
        return done.stdout.strip()

    def target(self) -> tuple[str, str]:
        """Return the system and processor to build for, in Go's words; GOOS and GOARCH can change them."""
        system, processor = self.ask("env", "GOOS", "GOARCH").split()
        return system, processor

    def packages(self) -> list[dict[str, Any]]:
        """Return every package that the program is made of, as ``go list -deps -json`` has them; downloads modules.

        Raises:
            BuildError: A module can't be downloaded, or doesn't match go.sum.
        """
        fields = "ImportPath,Dir,Standard,Module"
        lines, errors = self._follow(
            ["list", "-deps", f"-json={fields}", "./..."],
            lambda seen: f"{sum('downloading' in line for line in seen)} modules downloaded",
        )
        if errors is not None:
            raise BuildError(f"The Go modules can't be read:\n{errors}")
        return list(_json_stream("".join(lines)))

    def build(self, output: Path, packages: Sequence[dict[str, Any]]) -> None:
        """Build the program.

        Args:
            output: The file to write; Go writes it whole or not at all.
            packages: What :meth:`packages` returned.

        Raises:
            BuildError: There is too little room, or Go refused the code.
        """
        names = {package["ImportPath"] for package in packages}

        def progress(seen: Sequence[str]) -> str:
            count = sum(line in names for line in seen)
            if seen and seen[-1].startswith("oamkit.dev/"):
                return f"{count} packages compiled, linking"
            return f"{count} of at most {len(names)} packages compiled"

        linked = " ".join(f"-X '{name}={value}'" for name, value in link_values().items())
        arguments = ["-v", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w {linked}"]
        _, errors = self._follow(["build", *arguments, "-o", str(output), "."], progress)
        if errors is not None:
            told = [line for line in errors.splitlines() if line not in names]
            raise BuildError("Go can't build the program:\n" + "\n".join(told))

    def check_space(self, *folders: Path) -> None:
        """Raise BuildError unless a first build finds room in Go's caches and in the folders given."""
        caches = [Path(line) for line in self.ask("env", "GOCACHE", "GOMODCACHE").splitlines()]
        for folder in (*caches, *folders):
            there = next(parent for parent in (folder, *folder.parents) if parent.exists())
            free = shutil.disk_usage(there).free / 1e9
            if free < NEEDED_GB and not any(folder.glob("*")):
                raise BuildError(
                    f"{folder} has {free:.1f} GB free, a first build needs {NEEDED_GB:.0f} GB. "
                    "Make room, or set GOCACHE and GOMODCACHE to folders on another disk."
                )

    def _follow(
        self, args: Sequence[str], describe: Callable[[Sequence[str]], str]
    ) -> tuple[list[str], str | None]:
        """Run ``go``, telling its progress from the lines it wrote to standard error.

        Returns:
            The lines of its standard output, and its standard error if it failed.
        """
        start = time.monotonic()
        out: list[str] = []
        seen: list[str] = []
        process = subprocess.Popen(
            [self.program, *args],
            cwd=GO_DIR,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        with process:
            readers = [
                threading.Thread(target=lambda: out.extend(process.stdout or ())),
                threading.Thread(
                    target=lambda: seen.extend(line.rstrip("\n") for line in process.stderr or ())
                ),
            ]
            for reader in readers:
                reader.start()
            try:
                while True:
                    try:
                        process.wait(INTERVAL)
                        break
                    except subprocess.TimeoutExpired:
                        say(f"{time.monotonic() - start:4.0f} s: {describe(seen)}")
            except BaseException:
                process.terminate()
                raise
            finally:
                for reader in readers:
                    reader.join()
        say(f"go {args[0]}: {describe(seen)} in {time.monotonic() - start:.0f} s")
        return out, None if process.returncode == 0 else "\n".join(seen)


def find_go(environ: dict[str, str] | None = None) -> Go | None:
    """Return the Go toolchain on the PATH, or ``None`` where there is none, or one that is too old for go.mod."""
    search = (os.environ if environ is None else environ).get("PATH")
    program = shutil.which("go", path=search)
    if program is None:
        return None
    try:
        version = parse_go_version(Go(program, (0, 0, 0)).ask("env", "GOVERSION"))
    except (BuildError, ValueError, OSError):
        return None
    return Go(program, version) if version >= go_version() else None


def _json_stream(text: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a text that holds one JSON object after another."""
    decoder = json.JSONDecoder()
    position = 0
    while (position := text.find("{", position)) >= 0:
        value, position = decoder.raw_decode(text, position)
        yield value
