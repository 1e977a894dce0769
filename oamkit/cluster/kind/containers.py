"""The commands of docker and kind that the provider gives, with errors that say what is wrong with the engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from oamkit import show
from oamkit.cluster.base import Part
from oamkit.cluster.kind.settings import KindSettings
from oamkit.engine import Engine, has_stopped, require_engine, stopped
from oamkit.errors import ClusterError, CommandError
from oamkit.process import Completed, Progress, Runner

__all__ = ["LABEL", "Containers"]

LABEL = "io.x-k8s.kind.cluster"
"""kind's label on its containers; its value is the cluster's name."""


class Containers:
    """The engine's and kind's commands for one cluster.

    Args:
        runner: Runs them.
        settings: The cluster's name.
        kubeconfig: The file that kind writes to.
    """

    def __init__(self, runner: Runner, settings: KindSettings, kubeconfig: Path) -> None:
        self._runner = runner
        self._settings = settings
        self._kubeconfig = kubeconfig
        self._found: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The engine.

        Raises:
            ClusterError: None answers.
        """
        self._found = self._found or require_engine(self._runner)
        return self._found

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        timeout: float = 30,
        progress: Progress | None = None,
        shown: Sequence[str | Path] = (),
        check: bool = True,
        kubeconfig: str = "",
        input: str | None = None,
    ) -> Completed:
        """Run a command for the engine in use.

        Args:
            argv: The command.
            timeout: Seconds.
            progress: Gets its lines.
            shown: The command as a person would type it, to be shown.
            check: Whether an exit code other than 0 raises.
            kubeconfig: Another ``KUBECONFIG`` than the provider's own.
            input: Text for its standard input.

        Raises:
            ClusterError: The engine has stopped.
            CommandError: The command failed.
        """
        if shown:
            show.command(shown)
        environ = {
            **os.environ,
            **self.engine.environ,
            "KUBECONFIG": kubeconfig or str(self._kubeconfig),
        }
        try:
            done = self._runner.run(
                argv, timeout=timeout, input=input, env=environ, progress=progress, check=check
            )
        except CommandError as error:
            if has_stopped(error.stderr):
                raise self._stopped(argv[0]) from error
            raise
        if done.returncode != 0 and has_stopped(done.stderr):
            raise self._stopped(argv[0])
        return done

    def docker(self, *argv: str | Path, timeout: float = 30, check: bool = True) -> Completed:
        """Run docker, or podman where that is the engine."""
        return self.run([self.engine.program, *argv], timeout=timeout, check=check)

    def nodes(self) -> tuple[Part, ...]:
        """Return the cluster's nodes, the control plane first, and how the engine finds them."""
        label = f"label={LABEL}={self._settings.cluster}"
        line = "{{.Names}}\t{{.State}}\t{{.Status}}"
        said = self.docker("ps", "--all", "--filter", label, "--format", line).stdout
        rows = (row.split("\t") for row in sorted(said.splitlines()))
        return tuple(Part(name, state, detail) for name, state, detail in rows)

    def complete(self) -> bool:
        """Whether the script has made the cluster to its end."""
        marker = ["exec", self._settings.node, "test", "-e", "/kind/oamkit-complete"]
        return self.docker(*marker, check=False).returncode == 0

    def has_image(self, tag: str) -> bool:
        """Whether the engine has an image."""
        name = self.engine.name_of(tag)
        return self.docker("image", "inspect", name, check=False).returncode == 0

    def _stopped(self, program: str | Path) -> ClusterError:
        self._found = None
        return stopped(str(program))
