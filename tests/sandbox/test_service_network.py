"""Services and names as programs see them that know nothing of the sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

UNSHARE = ("unshare", "-Urnm")


def namespaces_are_allowed() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.sandbox
@pytest.mark.skipif(not namespaces_are_allowed(), reason="this machine refuses user namespaces")
def test_cluster_ips_and_service_names_work_for_ordinary_programs(tmp_path: Path) -> None:
    script = Path(__file__).with_name("service_network.py")
    done = subprocess.run(
        [*UNSHARE, sys.executable, script, tmp_path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert dict(line.split() for line in done.stdout.splitlines()) == {
        "web": "one",
        "web.default": "two",
        "10.96.0.7": "one",
        "db": "two",
        "db-0.db": "two",
        "bare": "ConnectionRefusedError",
        "nothing": "gaierror",
        "example.com": "gaierror",
    }
