"""Whether this machine allows namespaces, and the words for why not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from oamkit.errors import CommandError
from oamkit.process import Completed, FakeRunner, RecordingRunner
from oamkit.sandbox.probe import namespaces_refused

ROOT = Path(__file__).parents[2]


def refusing(stderr: str) -> FakeRunner:
    return FakeRunner({("unshare",): Completed((), returncode=1, stderr=stderr)})


def fake_proc(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.sandbox
def test_it_is_quick_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    runner = RecordingRunner()
    start = time.monotonic()
    namespaces_refused(runner)
    assert time.monotonic() - start < 10  # 0.1 s on an idle machine
    assert len(runner.calls) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sandbox
@pytest.mark.skipif(namespaces_refused() is not None, reason="refused here anyway")
def test_a_sysctl_that_forbids_them_is_named() -> None:
    program = (
        "from pathlib import Path\n"
        "Path('/proc/sys/user/max_user_namespaces').write_text('0')\n"
        "from oamkit.sandbox.probe import namespaces_refused\n"
        "print(namespaces_refused())"
    )
    done = subprocess.run(
        ["unshare", "-Ur", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )
    assert "user.max_user_namespaces is 0" in done.stdout, done.stderr


def test_apparmor_is_named(tmp_path: Path) -> None:
    name = "sys__kernel__apparmor_restrict_unprivileged_userns"
    proc = fake_proc(tmp_path, **{name: "1\n"})
    why = namespaces_refused(refusing("unshare: write failed /proc/self/uid_map: denied"), proc)
    assert why is not None
    assert "AppArmor" in why
    assert "uid_map" in why


def test_a_seccomp_filter_is_named(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, self__status="Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n")
    why = namespaces_refused(refusing("unshare: unshare failed: Operation not permitted"), proc)
    assert why is not None
    assert "Docker" in why


def test_an_unknown_cause_keeps_the_words_of_the_program(tmp_path: Path) -> None:
    assert namespaces_refused(refusing("a\nunshare: odd\n"), tmp_path) == "unshare: odd"


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    why = namespaces_refused(FakeRunner(), tmp_path)
    assert why is not None
    assert "util-linux" in why


def test_taking_too_long_is_a_refusal(tmp_path: Path) -> None:
    def too_long(argv: tuple[str, ...]) -> Completed:
        raise CommandError(argv, returncode=None)

    why = namespaces_refused(FakeRunner({("unshare",): too_long}), tmp_path)
    assert why is not None
    assert "took more than" in why
