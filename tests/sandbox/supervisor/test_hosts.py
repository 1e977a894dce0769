"""The sandbox on hosts that aren't as one wishes: no privileges, a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.sandbox import API_ONLY

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]

NOBODY = 65534
IN_OWN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")

UP_AND_DOWN = f"""
from oamkit.sandbox.lifecycle import Sandbox
sandbox = Sandbox(components={API_ONLY!r})
state = sandbox.up()
print(state.phase, state.layout, sandbox.status().components[0].pid > 0)
sandbox.down()
"""

# A state folder on a disk of 60 MB, most of which something else takes once the sandbox runs.
FULL_DISK = f"""
import os, pathlib, subprocess, time
home = pathlib.Path(os.environ["OAMKIT_HOME"])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", home], check=True)
from oamkit.errors import SandboxError
from oamkit.sandbox import prepare
from oamkit.sandbox.lifecycle import Sandbox
sandbox = Sandbox(components={API_ONLY!r})
try:
    sandbox.up()
except SandboxError as error:
    print("before:", error.code, "|", error.message)
prepare.NEEDED_BYTES = 0
(home / "ballast").write_bytes(b"x" * (58 << 20))
try:
    sandbox.up()
except SandboxError as error:
    print("during:", error.code, "|", str(error).replace(chr(10), " "))
print("left:", sandbox.status())
(home / "ballast").unlink()
print("after:", sandbox.up().phase)
sandbox.down()
"""


def python(script: str, home: Path, *wrapper: str, interpreter: str = sys.executable) -> str:
    environment = {
        **os.environ,
        "OAMKIT_HOME": str(home),
        "OAMKIT_CACHE": str(home / "cache"),
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
    }
    done = subprocess.run(
        [*wrapper, interpreter, "-c", script],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for another user, who can't look into pytest's own folders."""
    folder = Path(tempfile.mkdtemp(prefix="oamkit-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_it_runs_without_any_privilege(home: Path) -> None:
    os.chown(home, NOBODY, NOBODY)
    setpriv = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    bare = (*setpriv, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
    usable = f"import os, sys; sys.exit(not os.access({sys.executable!r}, os.X_OK))"
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if subprocess.run([*bare, sys.executable, "-c", usable], check=False).returncode == 0:
        interpreter = sys.executable
    elif Path(system).exists():
        interpreter = system  # ours is in a folder that only root may enter
    else:
        pytest.skip("no interpreter that others may execute")
    assert python(UP_AND_DOWN, home, *bare, interpreter=interpreter).startswith("ready ")


def test_a_full_disk_is_said_and_made_good_when_there_is_room_again(home: Path) -> None:
    output = python(FULL_DISK, home, *IN_OWN_NAMESPACE)
    before, during, left, after = output.splitlines()
    assert before.startswith("before: sandbox-disk-full | ")
    assert during.startswith("during: sandbox-")
    assert "Make room" in during or "make room" in during
    assert left == "left: None"
    assert after == "after: ready"
