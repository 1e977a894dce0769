"""Set up everything that the Makefile's targets need, in ``.venv``, and say what this machine lacks.

    python3 scripts/bootstrap.py course     what the course needs
    python3 scripts/bootstrap.py dev        that, and what tests and linters need

With ``OAMKIT_SETUP_PYTHON=1`` (``make PYTHON=…``) an environment of another Python is made anew; otherwise it stays.

It uses nothing but Python's standard library, and is quick when there is nothing to do: each step is done again only
when its inputs have changed (their hashes are kept in ``.venv/oamkit-setup.json``).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / "oamkit-setup.json"
FOR_IMAGE = ROOT / "build" / "image" / "cue"
MINIMUM_PYTHON = (3, 11)
FREE_GIGABYTES = 3  # the environment and the wheel; a cold build checks for more by itself


class SetupError(Exception):
    """This machine lacks something; the message says what, and how to get it."""


def check_machine() -> None:
    """Look for what must be there before anything can be set up.

    Raises:
        SetupError: Something is missing. All of it is named at once.
    """
    problems = []
    if sys.version_info < MINIMUM_PYTHON:
        wanted = ".".join(map(str, MINIMUM_PYTHON))
        problems.append(
            f"Python {wanted} or later is needed, this is {sys.version.split()[0]} ({sys.executable}).\n"
            f"  Install it (Debian, Ubuntu: apt install python3; macOS: brew install python), "
            f"or name it: make PYTHON=python3.12 course"
        )
    try:
        import ensurepip  # noqa: F401 - only whether it is there
        import venv  # noqa: F401
    except ImportError:
        problems.append(
            "Python's module 'venv' is missing.\n  Debian, Ubuntu: apt install python3-venv"
        )
    if shutil.which("git") is None:
        problems.append(
            "git is missing.\n  Debian, Ubuntu: apt install git; macOS: xcode-select --install"
        )
    if os.name != "posix":
        problems.append(
            "Only Linux and macOS are supported.\n  On Windows use WSL 2 (wsl --install) and run make in there"
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < FREE_GIGABYTES:
        problems.append(
            f"{FREE_GIGABYTES} GB of free disk are needed below {ROOT}, there are {free:.1f}.\n  Make room, or clone elsewhere"
        )
    if problems:
        raise SetupError("\n".join(f"✗ {problem}" for problem in problems))


def digest(*paths: Path, also: str = "") -> str:
    """Return a hash of files' contents and of a text."""
    result = hashlib.sha256(also.encode())
    for path in paths:
        result.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return result.hexdigest()


class Setup:
    """The steps, each of which is left out when its inputs are those of last time."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.python_is_named = bool(os.environ.get("OAMKIT_SETUP_PYTHON"))
        self.python = VENV / "bin" / "python"
        self.stamps: dict[str, str] = {}

    def run(self) -> None:
        """Do all steps."""
        check_machine()
        self.environment()
        self.packages()
        self.programs()
        self.project()

    def environment(self) -> None:
        """Make ``.venv`` with the running Python."""
        version = sys.version
        if STAMPS.exists() and self.python.exists():
            try:
                self.stamps = json.loads(STAMPS.read_text())
            except ValueError:
                self.stamps = {}
        # An environment that was once made with a Python that somebody named stays, until another one is named.
        if self.stamps.get("python") and (
            not self.python_is_named or self.stamps["python"] == version
        ):
            return
        self.stamps = {}
        self.say(f"making {VENV.name} with Python {sys.version.split()[0]}")
        self.call([sys.executable, "-m", "venv", "--clear", str(VENV)])
        self.done("python", version)

    def packages(self) -> None:
        """Install what the lock names, by uv, which the lock of its own brings."""
        uv_lock = ROOT / "requirements" / "bootstrap.lock"
        if self.stamps.get("uv") != digest(uv_lock):
            self.call(
                [
                    str(self.python),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--require-hashes",
                    "--requirement",
                    str(uv_lock),
                ]
            )
            self.done("uv", digest(uv_lock))
        # What the tests need includes what the course needs, so that going back and forth costs nothing.
        dev = ROOT / "requirements" / "dev.lock"
        if self.stamps.get("packages") == digest(dev):
            return
        lock = ROOT / "requirements" / f"{self.kind}.lock"
        if self.stamps.get("packages") == digest(lock):
            return
        count = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
        self.say(f"installing the {count} packages of {lock.relative_to(ROOT)}")
        # sync also takes away what isn't in the lock: our own two packages come back below.
        self.uv("sync", "--require-hashes", str(lock))
        for stamp in ("programs", "project"):
            self.stamps.pop(stamp, None)
        self.call([str(self.python), "-m", "pip", "--version"], quiet=True)
        self.done("packages", digest(lock))

    def programs(self) -> None:
        """Build (or take from the cache) and install the wheel with Kubernetes, kubectl, helm, kind and cue."""
        done = subprocess.run(
            [str(self.python), str(ROOT / "binaries" / "build_wheel.py")],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SetupError(
                "✗ The wheel oamkit-binaries couldn't be built; the lines above say why."
            )
        wheel = done.stdout.strip().splitlines()[-1]
        if self.stamps.get("programs") != wheel:
            self.say(f"installing {Path(wheel).name}")
            self.uv("install", "--no-deps", "--reinstall", wheel)
            FOR_IMAGE.unlink(missing_ok=True)
            self.done("programs", wheel)
        if not FOR_IMAGE.exists():
            self.program_for_the_image()

    def program_for_the_image(self) -> None:
        """Put the program where the runtime's image takes it from, under the name that makes it cue; a link where that works."""
        [program] = VENV.glob("lib/python*/site-packages/oamkit_binaries/bin/oamkit-binaries")
        FOR_IMAGE.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(program, FOR_IMAGE)
        except OSError:
            shutil.copy2(program, FOR_IMAGE)

    def project(self) -> None:
        """Install oamkit itself, so that its code is taken from this folder."""
        stamp = digest(ROOT / "pyproject.toml")
        if self.stamps.get("project") == stamp:
            return
        self.uv("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        self.done("project", stamp)

    def uv(self, *arguments: str) -> None:
        """Run ``uv pip`` for ``.venv``, with the package index or folder of wheels that pip is set up to use."""
        # uv doesn't read pip's settings; a learner behind a mirror has set only those.
        environment = dict(os.environ)
        settings = {
            "UV_DEFAULT_INDEX": self.pip_setting("index-url"),
            "UV_INDEX": self.pip_setting("extra-index-url"),
            # pip parts them by spaces, and overlooks those that aren't there.
            "UV_FIND_LINKS": ",".join(
                place
                for place in self.pip_setting("find-links").split()
                if "://" in place or Path(place).exists()
            ),
        }
        for variable, value in settings.items():
            if value:
                environment.setdefault(variable, value)
        action, *rest = arguments
        self.call(
            [
                str(VENV / "bin" / "uv"),
                "pip",
                action,
                "--quiet",
                *(["--no-index"] if self.pip_setting("no-index") in ("1", "true", "yes") else []),
                "--python",
                str(self.python),
                *rest,
            ],
            env=environment,
        )

    def pip_setting(self, name: str) -> str:
        """Return what pip is told by a variable or by its configuration; empty if nothing."""
        return self.pip_settings.get(f":env:.{name}") or self.pip_settings.get(f"global.{name}", "")

    @functools.cached_property
    def pip_settings(self) -> dict[str, str]:
        """All of pip's settings, e.g. ``global.index-url``, or ``:env:.index-url`` from a variable."""
        asked = subprocess.run(
            [str(self.python), "-m", "pip", "config", "list"],
            capture_output=True,
            text=True,
            check=False,
        )
        pairs = (line.partition("=") for line in asked.stdout.splitlines())
        return {name: value.strip("'") for name, _, value in pairs}

    def call(
        self, argv: list[str], *, env: dict[str, str] | None = None, quiet: bool = False
    ) -> None:
        """Run a program; its output goes where ours does."""
        done = subprocess.run(
            argv, env=env, check=False, stdout=subprocess.DEVNULL if quiet else None
        )
        if done.returncode != 0:
            raise SetupError(f"✗ This failed with exit code {done.returncode}:\n  {' '.join(argv)}")

    def say(self, text: str) -> None:
        """Print a progress line."""
        print(f"  setup: {text}", flush=True)

    def done(self, step: str, stamp: str) -> None:
        """Remember that a step is done."""
        self.stamps[step] = stamp
        part = STAMPS.with_suffix(".part")
        part.write_text(json.dumps(self.stamps, indent=2))
        part.replace(STAMPS)


def main(argv: list[str]) -> int:
    """Set up; return the exit code."""
    kinds = ("course", "dev")
    if len(argv) != 1 or argv[0] not in kinds:
        print(f"usage: bootstrap.py {'|'.join(kinds)}", file=sys.stderr)
        return 2
    start = time.monotonic()
    try:
        Setup(argv[0]).run()
    except SetupError as error:
        print(f"\noamkit can't be set up on this machine yet:\n\n{error}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on", file=sys.stderr)
        return 130
    seconds = time.monotonic() - start
    if seconds > 5:
        print(f"  setup: done in {seconds:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
