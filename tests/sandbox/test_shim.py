"""The monitor of a container, without a runtime above it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oamkit.errors import SandboxError
from oamkit.sandbox import linux
from oamkit.sandbox.cri import ContainerState
from oamkit.sandbox.shim_client import BOOT, Container
from oamkit.sandbox.shim_program import Failure, find_program
from oamkit.sandbox.shim_streams import Log, frame, take_frames

if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Spec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="monitors are for Linux")


def spec(folder: Path, *argv: str) -> Spec:
    return {
        "id": "",
        "argv": list(argv),
        "env": {"PATH": "/usr/bin:/bin"},
        "working_dir": str(folder),
        "stdin": False,
        "stdin_once": False,
        "tty": False,
        "isolated": False,
        "namespaces": [],
        "rootfs": "/",
        "host_paths": [],
        "files": {},
        "mounts": [],
        "read_only": False,
        "log": str(folder / "log"),
        "memory_limit": 0,
    }


@pytest.fixture
def container(tmp_path: Path) -> Container:
    folder = tmp_path / "main.0"
    folder.mkdir()
    return Container(folder)


@given(st.lists(st.tuples(st.integers(0, 7), st.binary(max_size=50))), st.integers(1, 20))
def test_frames_survive_any_way_of_cutting_the_stream(
    frames: list[tuple[int, bytes]], size: int
) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in frames)
    received = bytearray()
    taken = []
    for start in range(0, len(stream), size):
        received += stream[start : start + size]
        taken += take_frames(received)
    assert (taken, received) == (frames, bytearray())


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=20))
def test_a_log_gives_back_what_was_written(chunks: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        log = Log(str(path))
        for chunk in chunks:
            log.write("stdout", chunk)
        data = b""
        for line in path.read_bytes().split(b"\n")[:-1]:
            _, stream, tag, text = line.split(b" ", 3)
            assert stream == b"stdout"
            data += text + (b"\n" if tag == b"F" else b"")
        log.close()
    assert data == b"".join(chunks)


def test_a_full_disk_does_not_stop_the_program() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    log = Log("/dev/full")
    log.write("stdout", b"lost\n")
    log.close()


@pytest.mark.parametrize(
    ("name", "exit_code", "words"),
    [
        ("missing", 127, 'exec: "missing": executable file not found in $PATH'),
        ("plain", 126, 'exec: "plain": permission denied'),
        ("./missing", 127, 'exec: "./missing": stat ./missing: no such file or directory'),
        ("./folder", 126, 'exec: "./folder": is a directory'),
    ],
)
def test_what_cannot_be_executed_has_a_shells_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, exit_code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Failure, match=re.escape(words)) as raised:
        find_program(name, str(tmp_path))
    assert raised.value.exit_code == exit_code


def test_an_executable_text_without_an_interpreter_cannot_run(
    container: Container, tmp_path: Path
) -> None:
    for name, text in (("odd", "#!/no/such/interpreter\n"), ("text", "just words\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    async def run(name: str) -> tuple[int | None, str]:
        one = Container(container.folder.with_name(f"{name}.0"))
        one.folder.mkdir()
        await one.start(spec(tmp_path, str(tmp_path / name)))
        status = await one.wait()
        return status.exit_code, status.message

    assert asyncio.run(run("odd"))[0] == 127
    code, message = asyncio.run(run("text"))
    assert code == 126
    assert "exec format error" in message


def test_a_monitor_is_small_and_starts_quickly(container: Container, tmp_path: Path) -> None:
    async def run() -> int:
        start = time.monotonic()
        await container.start(spec(tmp_path, "sleep", "60"))
        assert time.monotonic() - start < 5  # 0.05 s on an idle machine
        status = container.status()
        assert status is not None
        assert status.state is ContainerState.RUNNING
        monitor, _ = json.loads((container.folder / "status.json").read_text())["shim"]
        memory = linux.resident_memory(monitor)
        container.signal(9)
        await container.wait()
        return memory

    assert asyncio.run(run()) < 8 << 20


def test_a_monitor_that_cannot_start_says_why(container: Container, tmp_path: Path) -> None:
    broken = spec(tmp_path, "true")
    broken["log"] = str(tmp_path / "no/such/folder/log")
    with pytest.raises(SandboxError, match="No such file or directory") as raised:
        asyncio.run(container.start(broken))
    assert "shim.log" in raised.value.hint


def test_an_unknown_container_cannot_be_waited_for(container: Container) -> None:
    with pytest.raises(SandboxError, match="isn't known"):
        asyncio.run(container.wait())


@pytest.mark.parametrize("arguments", [[], ["start"], ["dance", "now"]])
def test_wrong_arguments_show_how_to_call_it(arguments: list[str]) -> None:
    done = subprocess.run([*BOOT, "shim", *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_an_exec_whose_client_leaves_at_once_ends() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        done = subprocess.run([*BOOT, "shim", "exec"], stdin=theirs.fileno(), timeout=20)
    assert done.returncode == 1


def test_another_process_with_the_same_pid_is_told_apart() -> None:
    started = linux.start_time(os.getpid())
    os.close(linux.open_process(os.getpid(), started))
    with pytest.raises(ProcessLookupError):
        linux.open_process(os.getpid(), started + 1)
