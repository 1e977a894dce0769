"""A hostile template hangs nothing and takes no more than it may."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import pytest

from oamkit import cue
from oamkit.cue.program import Program, find
from oamkit.errors import MissingToolError

pytestmark = pytest.mark.binaries

DOUBLING = 'a0: "0123456789abcdef"\n' + "".join(
    f'a{n + 1}: "\\(a{n})\\(a{n})"\n' for n in range(40)
)
MANY = 'import "list"\nx: [for i in list.Range(0, 100000000, 1) {a: i}]\n'
SLOW = "x: " + " & ".join(
    "(" + "|".join(f"{{a{i}: {j}}}" for j in range(12)) + ")" for i in range(12)
)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process from outside")
@pytest.mark.parametrize("source", [DOUBLING, MANY], ids=["doubling", "many"])
def test_memory_is_bound(source: str) -> None:
    before = _peak()
    with pytest.raises(cue.CueLimitError, match="more than 256 MiB of memory"):
        cue.evaluate(source, limits=cue.Limits(memory=256 << 20))
    program = find().stat().st_size
    assert _peak() <= max(before, (256 << 20) + program)


def test_time_is_bound_and_nothing_is_left_running() -> None:
    before, begin = _children(), time.monotonic()
    with pytest.raises(cue.CueLimitError, match=r"longer than 0\.5 s"):
        cue.evaluate(SLOW, limits=cue.Limits(seconds=0.5))
    assert time.monotonic() - begin < 5
    assert _children() <= before


def _children() -> set[int]:
    """The processes, ended but not collected ones too, that this one has started."""
    threads = Path("/proc/self/task").iterdir()
    return {int(pid) for each in threads for pid in (each / "children").read_text().split()}


def test_output_is_bound() -> None:
    source = 'import "strings"\nx: strings.Repeat("a", 1000000)'
    assert len(cue.evaluate(source)["x"]) == 1_000_000
    with pytest.raises(cue.CueLimitError, match="more than 100 KiB"):
        cue.evaluate(source, limits=cue.Limits(output=100 << 10))


def test_input_of_any_size_is_taken() -> None:
    text = 'x: "' + "a" * (4 << 20) + '"\n'
    done = Program().run(["export", "-"], input=text)
    assert (done.returncode, len(done.stdout) > 4 << 20) == (0, True)


def test_input_that_is_not_read_is_no_fault() -> None:
    assert Program().run(["version"], input="x" * (1 << 20)).returncode == 0


def test_the_environment_of_the_user_is_not_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = find()
    for name in ("HOME", "CUE_CACHE_DIR", "CUE_CONFIG_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("CUE_REGISTRY", "127.0.0.1:1")
    monkeypatch.setenv("CUE_EXPERIMENT", "nonsense")
    assert Program(path).run(["export", "-"], input="a: 1").returncode == 0
    shown = Program(path).run(["help", "environment"])
    assert shown.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "oamkit_binaries", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="cue isn't there"):
        find()
