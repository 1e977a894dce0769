"""Where kubectl, helm and kind are on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from oamkit.errors import CommandError, MissingToolError
from oamkit.process import Completed, Options, Runner, SubprocessRunner

__all__ = ["ProgramRunner", "find"]

OURS = ("cue", "helm", "kind", "kubectl")


def find(name: str) -> Path:
    """Return the path of a program: the kit's own build of it, or else the one on the ``PATH``.

    The kit's own comes first, so that kubectl is never more than one minor version away from the sandbox's server
    (https://kubernetes.io/releases/version-skew-policy/#kubectl).

    Args:
        name: E.g. ``"kubectl"``.

    Raises:
        MissingToolError: It is in neither place.
    """
    from oamkit.sandbox import programs

    try:
        return programs.find(name)
    except MissingToolError:
        found = shutil.which(name)
        if found is None:
            raise
        return Path(found)


class ProgramRunner:
    """Runs the kit's own kubectl, helm and kind by their bare names, and lets scripts find them by theirs.

    Args:
        inner: The runner that does the work.
    """

    def __init__(self, inner: Runner | None = None) -> None:
        self._inner = inner or SubprocessRunner()

    def run(self, argv: Sequence[str | Path], **options: Unpack[Options]) -> Completed:
        """See :meth:`oamkit.process.Runner.run`. An error shows the bare name: that is what a person types."""
        name, *rest = argv
        program = find(str(name)) if name in OURS else name
        if program is name:
            env = options.get("env")
            options["env"] = _with_ours_on_the_path(os.environ if env is None else env)
        try:
            return self._inner.run([program, *rest], **options)
        except CommandError as error:
            raise error.told(argv=[str(name), *error.argv[1:]]) from error


def _with_ours_on_the_path(environ: Mapping[str, str]) -> dict[str, str]:
    """Put the kit's own programs last on the ``PATH``: what a person has installed is taken first by what a person may run."""
    folders = [environ.get("PATH", os.defpath)]
    with contextlib.suppress(MissingToolError):
        folders.append(str(find("kind").parent))
    return {**environ, "PATH": os.pathsep.join(folders)}
