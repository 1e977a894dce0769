"""JupyterLab for the course: only on loopback, behind a token, opening at the course's start page."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oamkit.cluster import kit
from oamkit.lesson import lessons

__all__ = ["Lab", "lab"]

SETTINGS = Path(__file__).parent / "jupyter"
"""What JupyterLab reads: the start page's extension, a kernel of this Python, and settings of its pages."""


@dataclass(frozen=True)
class Lab:
    """How JupyterLab is started.

    Attributes:
        argv: The command.
        environ: Its environment.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str]


def lab(
    lang: str = "en",
    *,
    browser: bool = True,
    root: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Lab:
    """Say how JupyterLab is started for the course.

    Args:
        lang: The language of the lessons, and of what the kit says.
        browser: Whether it opens one.
        root: Whether it is started by root, which JupyterLab wants to be told.
        environ: Environment variables; this process's by default.

    Raises:
        InputError: There are no lessons in that language.
    """
    lessons.folder(lang)
    argv = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={kit.root()}"]
    argv += ["--ServerApp.ip=127.0.0.1", "--LabApp.default_url=/lab"]
    # Loopback TCP can be reached by the machine's other users; kernels listen on Unix sockets.
    argv += ["--KernelManager.transport=ipc"]
    # Nothing is asked of the network, and no question about news stands between a learner and the first lesson.
    argv += [
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if not browser:
        argv.append("--no-browser")
    if root:
        argv.append("--allow-root")
    values = dict(os.environ if environ is None else environ)
    _prepend(values, "JUPYTER_CONFIG_PATH", SETTINGS)
    _prepend(values, "JUPYTER_PATH", SETTINGS / "share")
    # Its terminals find oamkit and kubectl, whether or not the virtual environment was activated.
    values.setdefault("PATH", os.defpath)
    _prepend(values, "PATH", Path(sys.executable).parent)
    values["OAMKIT_LANG"] = lang
    return Lab(tuple(argv), values)


def _prepend(values: dict[str, str], name: str, folder: Path) -> None:
    values[name] = os.pathsep.join(filter(None, [str(folder), values.get(name)]))
