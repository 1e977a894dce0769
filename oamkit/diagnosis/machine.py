"""What the checks may ask of this machine."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from oamkit.engine import Engine, find_engine
from oamkit.errors import OamKitError
from oamkit.process import Runner, SubprocessRunner

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """What the checks may ask. Tests give other answers.

    Attributes:
        runner: Runs programs.
        environ: Environment variables.
        system: ``"Linux"``, ``"Darwin"``, …
        python: Version of the interpreter.
        files: Where ``/proc`` is looked for.
        processor: ``"x86_64"``, ``"arm64"``, …
    """

    runner: Runner = field(default_factory=SubprocessRunner)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    system: str = field(default_factory=platform.system)
    python: tuple[int, ...] = sys.version_info[:3]
    files: Path = Path("/")
    processor: str = field(default_factory=platform.machine)

    @cached_property
    def engine(self) -> Engine | None:
        """The container engine; ``None`` if none answers."""
        return find_engine(self.runner, self.environ)

    def engine_refusal(self, program: str) -> str:
        """Return what an engine's client says, for the case that the engine doesn't answer."""
        try:
            done = self.runner.run([program, "info"], timeout=5, check=False)
        except OamKitError as error:
            return str(error)
        return done.stdout + done.stderr

    def which(self, name: str) -> str | None:
        """Return where a program of the ``PATH`` is."""
        return shutil.which(name, path=self.environ.get("PATH"))

    def read(self, path: str) -> str:
        """Return a file's content; ``""`` if it can't be read."""
        with contextlib.suppress(OSError):
            return (self.files / path.lstrip("/")).read_text(encoding="utf-8")
        return ""

    def free_disk(self, folder: Path) -> int:
        """Return how many bytes are free below a folder."""
        return shutil.disk_usage(folder).free

    def may_write(self, folder: Path) -> bool:
        """Return whether files can be made in a folder."""
        return os.access(folder, os.W_OK | os.X_OK)

    def port_error(self, port: int) -> str:
        """Return why a loopback port can't be listened on; ``""`` if it can."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                return str(error.strerror)
        return ""

    def namespaces_refused(self) -> str | None:
        """Return why unprivileged namespaces can't be made here; ``None`` if they can."""
        from oamkit.sandbox.probe import namespaces_refused

        return namespaces_refused()

    def program(self, name: str) -> Path:
        """Return where one of the kit's own programs is."""
        from oamkit.sandbox import programs

        return programs.find(name)
