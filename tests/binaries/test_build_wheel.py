"""The builder of the wheel, without building Go."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import build_wheel
import pytest
from gobuild.compiler import BuildError

SOURCES = ("pyproject.toml", "hatch_build.py", "go/main.go", "src/oamkit_binaries/__init__.py")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    root = tmp_path / "binaries"
    for name in SOURCES:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"this is {name}")
    return root


def test_the_key_stays_when_nothing_changes(sources: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sources, tmp_path / "elsewhere")
    assert build_wheel.wheel_key(sources, "1.26.8") == build_wheel.wheel_key(copy, "1.26.8")


@pytest.mark.parametrize("name", SOURCES)
def test_the_key_changes_with_each_source(sources: Path, name: str) -> None:
    before = build_wheel.wheel_key(sources)
    (sources / name).write_text("something else")
    assert build_wheel.wheel_key(sources) != before


def test_the_key_changes_with_a_new_file_and_with_the_go_version(sources: Path) -> None:
    keys = {build_wheel.wheel_key(sources, "1.26.8"), build_wheel.wheel_key(sources, "1.27.0")}
    (sources / "go" / "more.go").write_text("package main")
    assert len(keys | {build_wheel.wheel_key(sources, "1.26.8")}) == 3


def test_the_key_leaves_out_what_python_writes_beside_its_sources(sources: Path) -> None:
    before = build_wheel.wheel_key(sources)
    compiled = sources / "src" / "oamkit_binaries" / "__pycache__" / "x.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"\0")
    assert build_wheel.wheel_key(sources) == before


def test_every_file_that_the_wheel_needs_is_an_input() -> None:
    root = build_wheel.ROOT
    inputs = {file for pattern in build_wheel.INPUTS for file in root.glob(pattern)}
    for name in ("go/go.sum", "gobuild/module.py", "src/oamkit_binaries/py.typed"):
        assert root / name in inputs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("OAMKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a small Python program stand in for pip."""

    def replace(code: str) -> None:
        monkeypatch.setattr(build_wheel, "pip", lambda _: [sys.executable, "-c", code])

    return replace


BUILDS = """import pathlib, sys
out = pathlib.Path(next(a for a in sys.argv if a.startswith("--wheel-dir=")).partition("=")[2])
out.mkdir(parents=True)
print("  Collecting hatchling")
print("  oamkit-binaries: 10 s: 3 of at most 7 packages compiled", flush=True)
(out / "oamkit_binaries-1-py3-none-any.whl").write_bytes(b"wheel")
"""


def test_the_wheel_is_built_once_and_its_path_is_all_that_goes_to_standard_output(
    cache: Path, stand_in: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(BUILDS)
    build_wheel.main()
    first = capsys.readouterr()
    assert Path(first.out.strip()).read_bytes() == b"wheel"
    assert Path(first.out.strip()).is_relative_to(cache)
    assert "3 of at most 7 packages compiled" in first.err
    assert "hatchling" not in first.err

    stand_in("raise SystemExit('built again')")
    build_wheel.main()
    assert capsys.readouterr() == (first.out, "")


def test_a_copy_serves_who_has_the_same_sources_but_another_cache(
    cache: Path,
    tmp_path: Path,
    stand_in: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build_wheel, "DIST", tmp_path / "dist")
    (tmp_path / "dist" / "of-other-sources").mkdir(parents=True)
    stand_in(BUILDS)
    build_wheel.main(dist=True)
    copied = Path(capsys.readouterr().out.strip())
    assert copied.read_bytes() == b"wheel"
    assert [file for file in (tmp_path / "dist").iterdir() if file.is_dir()] == [copied.parent]

    shutil.rmtree(cache)
    stand_in("raise SystemExit('built again')")
    build_wheel.main()
    assert capsys.readouterr().out.strip() == str(copied)

    monkeypatch.setattr(build_wheel, "wheel_key", lambda *_: "of-other-sources")
    with pytest.raises(SystemExit, match="built again"):
        build_wheel.main()


def test_a_failed_build_shows_the_error_and_leaves_nothing(
    cache: Path, stand_in: Callable[[str], None]
) -> None:
    stand_in("print('noise'); print('  oamkit-binaries: error: no room'); raise SystemExit(1)")
    with pytest.raises(SystemExit, match="no room") as caught:
        build_wheel.main()
    assert "noise" not in str(caught.value)
    assert [file.name for file in (cache / "wheels").iterdir()] == [".lock"]


def test_an_unexplained_failure_shows_the_last_lines(
    cache: Path, stand_in: Callable[[str], None]
) -> None:
    stand_in("print('pip gave up: no network'); raise SystemExit(1)")
    with pytest.raises(SystemExit, match="pip gave up: no network"):
        build_wheel.main()


def test_what_a_killed_build_left_behind_is_deleted_and_old_wheels_go(tmp_path: Path) -> None:
    (tmp_path / "new-killed").mkdir()
    for age in range(5):
        folder = tmp_path / f"key{age}"
        folder.mkdir()
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    build_wheel.clean(tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["key0", "key1", "key2"]


def test_two_builders_at_once_build_once(cache: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    pip = f"open({str(count)!r}, 'a').write('x'); {BUILDS}"
    code = (
        "import build_wheel, sys; "
        f"build_wheel.pip = lambda _: [sys.executable, '-c', {pip!r}]; "
        "build_wheel.main()"
    )
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=build_wheel.ROOT,
            env={**os.environ, "OAMKIT_CACHE": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    printed = {builder.communicate(timeout=60)[0] for builder in builders}
    assert len(printed) == 1
    assert count.read_text() == "x"


def test_an_interrupted_build_takes_its_programs_along_and_leaves_nothing(
    cache: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    pip = (
        "import pathlib, subprocess; child = subprocess.Popen(['sleep', '60']); "
        f"file = pathlib.Path({str(started)!r}); new = file.with_suffix('.new'); "
        "new.write_text(str(child.pid)); new.rename(file); child.wait()"
    )
    code = (
        "import build_wheel, sys; "
        f"build_wheel.pip = lambda _: [sys.executable, '-c', {pip!r}]; "
        "build_wheel.main()"
    )
    builder = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=build_wheel.ROOT,
        env={**os.environ, "OAMKIT_CACHE": str(cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not started.exists() and builder.poll() is None:
        time.sleep(0.01)
    builder.send_signal(signal.SIGINT)
    assert "stopped" in builder.communicate(timeout=30)[1]
    assert [file.name for file in (cache / "wheels").iterdir()] == [".lock"]
    child = int(started.read_text())
    while _runs(child):
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Say whether a process is there and not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_an_unusable_cache_folder_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OAMKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(SystemExit, match="Set OAMKIT_CACHE"):
        build_wheel.main()


def test_a_python_without_pip_gets_one_in_a_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_wheel.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(
        build_wheel.subprocess,
        "run",
        lambda argv, **_: subprocess.CompletedProcess(argv, 0),
    )
    assert build_wheel.pip(tmp_path)[0] == str(tmp_path / "venv" / "bin" / "python")


def test_a_python_without_pip_and_venv_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_wheel.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(build_wheel.sys, "executable", shutil.which("false"))
    with pytest.raises(BuildError, match="apt install python3-venv"):
        build_wheel.pip(tmp_path)


def test_the_cache_folder_is_the_one_of_the_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    from oamkit import paths

    monkeypatch.delenv("OAMKIT_CACHE", raising=False)
    assert build_wheel.cache() == paths.cache()
