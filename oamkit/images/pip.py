"""Running pip for an image.

pip runs with the image's own ``python``, on this machine, as the user: that is as much trust as ``pip install`` by hand asks for. It takes its index,
certificates and proxy from the user's own configuration and environment. What it leaves behind is then made independent of this build's
folder (:mod:`oamkit.images.relocate`), and modules are compiled with hash-based ``.pyc`` files (PEP 552), which don't hang on times.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from oamkit.errors import ImageError
from oamkit.images.interpreter import Interpreter
from oamkit.images.pip_command import PipInstall
from oamkit.images.rootpath import remove_tree, resolve_in_root
from oamkit.process import SubprocessRunner

__all__ = ["compile_modules", "install_pip", "run_pip"]

# What isn't shown: where this machine's pip looks (`Looking in indexes: …`) is nobody's business who reads a published report; a package is
# named once, when it is downloaded; and how pip goes about building one tells a learner nothing.
SILENT = ("Looking in ", "Collecting ", "Requirement already satisfied", "Installing collected ",  # no message
          "Installing build ", "Getting requirements ", "Preparing metadata ", "Building wheel", "Created wheel ", "Stored in ")  # fmt: skip # no message
SHOWN_LINES = 15  # of a failed command's output
COMPILE_SECONDS = 600.0


Progress = Callable[[str], None]


def _environment(root: Path, interpreter: Interpreter, extra: Mapping[str, str]) -> dict[str, str]:
    """The user's environment, without what would lead Python or pip elsewhere, and the Dockerfile's variables."""
    kept = {
        name: value
        for name, value in {**os.environ, **extra}.items()
        if not name.startswith("PYTHON")
    }
    for name in (
        "VIRTUAL_ENV",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_PYTHON",
        "PIP_LOG",
        "PIP_REPORT",
    ):
        kept.pop(name, None)
    programs = root / interpreter.prefix.relative_to("/") / "bin"
    return {
        **kept,
        "HOME": os.environ.get("HOME", str(Path.home())),
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PIP_USER": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
    }


def _python(root: Path, interpreter: Interpreter) -> Path:
    return root / interpreter.prefix.relative_to("/") / "bin" / "python"


def _stream(
    arguments: list[str],
    *,
    root: Path,
    interpreter: Interpreter,
    cwd: Path,
    env: Mapping[str, str],
    progress: Progress,
) -> None:
    """Run the image's Python and pass its output on, line by line.

    Raises:
        ImageError: It ended with an error; its last lines are in the message.
    """
    last: deque[str] = deque(maxlen=SHOWN_LINES)
    with subprocess.Popen(
        [
            _python(root, interpreter),
            "-P",
            *arguments,
        ],  # -P: modules in the working folder aren't pip's
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            for line in process.stdout:
                text = line.rstrip().replace(str(root), "")
                last.append(text)
                if not text.lstrip().startswith(SILENT):
                    progress(f"  {text}")
        except BaseException:
            process.kill()  # e.g. Ctrl-C: nothing goes on behind the user's back
            raise
    if process.returncode:
        shown = "\n".join(f"  {line}" for line in last)
        raise ImageError(
            f"pip ended with exit code {process.returncode}:\n{shown}",
            hint="Read pip's last lines above; a package that isn't found may need another index (PIP_INDEX_URL) or a connection.",
            code="image-pip",
        )


def install_pip(root: Path, interpreter: Interpreter) -> None:
    """Put pip into a new image, by the standard library's ``ensurepip``.

    Raises:
        ImageError: This Python comes without it.
    """
    try:
        _stream(
            ["-m", "ensurepip", "--default-pip"],
            root=root,
            interpreter=interpreter,
            cwd=root,
            env=_environment(root, interpreter, {}),
            progress=lambda _: None,
        )
    except ImageError as error:
        raise ImageError(
            f"The Python {interpreter.executable} can't put pip into an image: {error.message}",
            hint="On Debian and Ubuntu install the package python3-venv; else use a Python of python.org, pyenv or uv.",
            code="image-ensurepip",
        ) from error
    site_packages = root / interpreter.site_packages.relative_to("/")
    for folder in sorted(site_packages.rglob("__pycache__")):
        remove_tree(folder)  # pip runs seldom in an image: half of its size isn't worth it


def run_pip(
    install: PipInstall,
    *,
    root: Path,
    working_dir: str,
    interpreter: Interpreter,
    env: Mapping[str, str],
    progress: Progress,
) -> None:
    """Run one ``pip install``.

    Args:
        install: What to install.
        root: The image's root file system, which it changes.
        working_dir: The image's working folder.
        interpreter: The image's interpreter.
        env: Variables of the Dockerfile.
        progress: Gets each line of the output.

    Raises:
        ImageError: pip failed; its last lines are in the message.
    """
    arguments = [
        _located(word, root) if may_be_path else word for word, may_be_path in install.arguments
    ]
    _stream(
        [
            "-m",
            "pip",
            "install",
            "--no-compile",
            "--progress-bar=off",
            "--no-warn-script-location",
            *arguments,
        ],
        root=root,
        interpreter=interpreter,
        cwd=resolve_in_root(root, working_dir),
        env=_environment(root, interpreter, {**env, **dict(install.env)}),
        progress=progress,
    )


def _located(word: str, root: Path) -> str:
    """Replace an absolute path of the image by where it lies now."""
    for scheme in ("file://", ""):
        path = word.removeprefix(scheme)
        if word.startswith(scheme) and path.startswith("/"):
            return scheme + str(resolve_in_root(root, path))
    return word


def compile_modules(root: Path, names: Iterable[str], interpreter: Interpreter) -> None:
    """Compile modules, so that containers start fast though their files are read-only."""
    modules = [
        str(root / name)
        for name in sorted(names)
        if name.endswith(".py") and "site-packages/" in name
    ]
    python = _python(root, interpreter)
    # A module that can't be compiled, e.g. a template, is no failure: pip itself passes over it too.
    SubprocessRunner().run(
        [
            python,
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            root,
            "-p",
            "/",
            "-i",
            "-",
        ],
        input="\n".join(modules),
        env=_environment(root, interpreter, {}),
        cwd=root,
        timeout=COMPILE_SECONDS,
        check=False,
    )
