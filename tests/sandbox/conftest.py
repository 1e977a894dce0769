"""Drivers that run cases against a container runtime; see ``runtime_driver.py``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
UNSHARE = ("unshare", "-Urnm", "--pid", "--fork", "--kill-child", "--mount-proc")
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


class Driver:
    """A process that runs cases."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        if self._read() != "ready":
            self.close()
            pytest.fail(f"the driver didn't start: {argv}")

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, case: str) -> None:
        """Run a case; its failure is the test's."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{case}\n")
        answer = self._read()
        assert answer, "the driver has ended"
        if problem := json.loads(answer):
            pytest.fail(problem, pytrace=False)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def new_driver() -> Iterator[Callable[..., Driver]]:
    """Starts drivers, as root, or as nobody in particular when the tests are run by root."""
    drivers: list[Driver] = []
    folders: list[Path] = []

    def new(layout: str, *files: str, unprivileged: bool = False) -> Driver:
        folder = Path(tempfile.mkdtemp(prefix="oamkit-test-", dir="/tmp"))
        folders.append(folder)
        prefix: list[str] = []
        python = sys.executable
        if unprivileged:
            if os.getuid() != 0:
                pytest.skip("the tests are unprivileged already")
            os.chown(folder, NOBODY, NOBODY)
            prefix += AS_NOBODY
            python = _python_for_all([*prefix, *UNSHARE])
        if layout == "namespaced":
            prefix += UNSHARE
        cases = [str(HERE / file) for file in files]
        argv = [*prefix, python, str(HERE / "runtime_driver.py"), layout, str(folder), *cases]
        drivers.append(Driver(argv))
        return drivers[-1]

    yield new
    for driver in drivers:
        driver.close()
    for folder in folders:
        shutil.rmtree(folder)


def _python_for_all(prefix: list[str]) -> str:
    """An interpreter that everyone may use, to run this project: the one of the tests may be in root's home."""
    check = f"import sys; sys.path.insert(0, {str(HERE.parents[1])!r}); import oamkit.sandbox.shim"
    for python in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([*prefix, python, "-c", check], capture_output=True, cwd="/")
        if done.returncode == 0:
            return python
    pytest.skip("no interpreter and checkout that an unprivileged user can read")
