"""What both layouts promise; run by ``runtime_driver.py``. Each function is a test of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.errors import SandboxError
from oamkit.sandbox.cri import ContainerState, Mount

if TYPE_CHECKING:
    from runtime_driver import World

SERVER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port})"


async def the_exit_code_is_kept(world: World) -> None:
    ended = await world.run("sh", "-c", "exit 3")
    assert (ended.status.exit_code, ended.status.signal, ended.status.reason) == (3, None, "Error")
    assert ended.status.started_at is not None
    assert ended.status.finished_at is not None
    assert ended.status.started_at <= ended.status.finished_at


async def success_is_completed(world: World) -> None:
    ended = await world.run("true")
    assert (ended.status.exit_code, ended.status.reason) == (0, "Completed")


async def a_signal_ends_a_program_with_128_and_its_number(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    await world.runtime.signal_container(pod.config.uid, "main", signal.SIGKILL)
    status = await world.runtime.wait_container(pod.config.uid, "main", 0)
    assert (status.exit_code, status.signal, status.reason) == (137, 9, "Error")


async def a_program_can_handle_sigterm(world: World) -> None:
    pod = await world.pod()
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    await world.start(pod, "sh", "-c", script)
    await world.until_output(pod, "up")
    await world.runtime.signal_container(pod.config.uid, "main", signal.SIGTERM)
    status = await world.runtime.wait_container(pod.config.uid, "main", 0)
    assert status.exit_code == 7
    assert world.output(pod) == "up\nbye\n"


async def killing_the_main_process_kills_all(world: World) -> None:
    pod = await world.pod()
    script = "setsid sleep 12345 & (setsid sleep 12346 &); echo up; wait"
    await world.start(pod, "sh", "-c", script)
    await world.until_output(pod, "up")
    await world.runtime.signal_container(pod.config.uid, "main", signal.SIGKILL)
    await world.runtime.wait_container(pod.config.uid, "main", 0)
    assert not world.running("sleep 1234")


async def signalling_what_has_ended_is_fine(world: World) -> None:
    ended = await world.run("true")
    await world.runtime.signal_container(ended.pod.config.uid, "main", signal.SIGTERM)


async def a_missing_program_cannot_run(world: World) -> None:
    ended = await world.run("no-such-program")
    assert ended.status.state is ContainerState.EXITED
    assert (ended.status.exit_code, ended.status.reason) == (127, "ContainerCannotRun")
    assert ended.status.message == 'exec: "no-such-program": executable file not found in $PATH'
    assert ended.status.started_at is None


async def a_missing_path_cannot_run(world: World) -> None:
    ended = await world.run("/nowhere/program")
    assert (ended.status.exit_code, ended.status.reason) == (127, "ContainerCannotRun")
    expected = 'exec: "/nowhere/program": stat /nowhere/program: no such file or directory'
    assert ended.status.message == expected


async def a_file_that_is_no_program_cannot_run(world: World) -> None:
    (world.rootfs / "notes.txt").write_text("not a program\n")
    ended = await world.run("/notes.txt")
    assert (ended.status.exit_code, ended.status.reason) == (126, "ContainerCannotRun")
    assert ended.status.message.endswith('/notes.txt": permission denied')


async def a_log_line_has_time_stream_and_tag(world: World) -> None:
    ended = await world.run("sh", "-c", "echo out; echo err >&2")
    text = (ended.pod.config.directory / "main.log").read_text()
    for line in text.splitlines():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) F \w+", line)
    assert sorted(ended.log) == [("stderr", "F", b"err"), ("stdout", "F", b"out")]


async def a_line_that_is_written_in_parts_is_logged_in_parts(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sh", "-c", "printf 'name? '; read name; echo $name", stdin=True)
    await world.until(lambda: world.log(pod), "a first part")
    assert world.log(pod) == [("stdout", "P", b"name? ")]
    session = await world.runtime.attach(pod.config.uid, "main")
    assert session.stdin is not None
    session.stdin.write(b"oam\n")
    assert await session.wait() == 0
    await session.close()
    assert world.log(pod) == [("stdout", "P", b"name? "), ("stdout", "F", b"oam")]


async def bytes_that_are_no_text_stay_as_they_are(world: World) -> None:
    program = "import os; os.write(1, bytes(range(256)) * 3)"
    ended = await world.run(world.python, "-c", program)
    data = b"".join(text + (b"\n" if tag == "F" else b"") for _, tag, text in ended.log)
    assert data == bytes(range(256)) * 3


async def much_output_is_complete(world: World) -> None:
    program = "import sys\nfor n in range(50_000): print(n, 'x' * 20)"
    ended = await world.run(world.python, "-c", program)
    lines = world.output(ended.pod).splitlines()
    assert len(lines) == 50_000
    assert lines[-1] == "49999 " + "x" * 20
    assert all(len(text) <= 16 * 1024 for _, _, text in ended.log)


async def the_environment_is_only_what_is_given(world: World) -> None:
    ended = await world.run("env")
    names = {line.partition("=")[0] for line in world.output(ended.pod).splitlines()}
    ours = (
        {"OAMKIT_LOOPBACK", "OAMKIT_POD_UID", "PYTHONPATH"} if world.layout == "loopback" else set()
    )
    assert names - ours == {"PATH", "HOME", "GREETING"}


async def without_stdin_a_program_reads_nothing(world: World) -> None:
    ended = await world.run("cat")
    assert (ended.status.exit_code, ended.log) == (0, [])


async def attach_shows_new_output_and_leaves_the_container_alone(world: World) -> None:
    pod = await world.pod()
    script = "echo early; while read line; do echo got $line; done; exit 5"
    await world.start(pod, "sh", "-c", script, stdin=True)
    await world.until_output(pod, "early")
    first = await world.runtime.attach(pod.config.uid, "main")
    second = await world.runtime.attach(pod.config.uid, "main")
    assert first.stdin is not None
    first.stdin.write(b"one\n")
    assert await first.stdout.readline() == b"got one\n"
    assert await second.stdout.readline() == b"got one\n"
    await first.close()
    await first.close()
    assert second.stdin is not None
    second.stdin.write(b"two\n")
    assert await second.stdout.readline() == b"got two\n"
    await world.runtime.signal_container(pod.config.uid, "main", signal.SIGKILL)
    assert await second.wait() == 137
    await second.close()


async def stdin_once_ends_with_the_first_client(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "cat", stdin=True, stdin_once=True)
    session = await world.runtime.attach(pod.config.uid, "main")
    assert session.stdin is not None
    session.stdin.write(b"all there is")
    session.stdin.close()
    assert await session.stdout.read() == b"all there is"
    assert await session.wait() == 0
    await session.close()


async def what_has_ended_cannot_be_attached_to(world: World) -> None:
    ended = await world.run("true")
    error = await _refusal(world.runtime.attach(ended.pod.config.uid, "main"))
    assert "doesn't run" in error.message


async def a_terminal_has_a_size_and_one_stream(world: World) -> None:
    pod = await world.pod()
    script = "test -t 0 && test -t 2 && echo is a terminal; read x; stty size; echo err >&2"
    await world.start(pod, "sh", "-c", script, stdin=True, tty=True)
    await world.until_output(pod, "is a terminal")
    session = await world.runtime.attach(pod.config.uid, "main")
    assert session.stderr is None
    await session.resize(132, 43)
    assert session.stdin is not None
    session.stdin.write(b"\n")
    assert await session.stdout.read() == b"\r\n43 132\r\nerr\r\n"
    assert await session.wait() == 0
    await session.close()
    assert {stream for stream, _, _ in world.log(pod)} == {"stdout"}


async def exec_has_the_containers_environment_and_exit_codes(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    script = "echo $GREETING; echo problem >&2; exit 9"
    assert await world.exec(pod, "sh", "-c", script) == (9, b"hello\n", b"problem\n")
    assert await world.exec(pod, "sh", "-c", "kill -TERM $$") == (143, b"", b"")


async def exec_passes_input_on_to_its_end(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    data = os.urandom(300_000)
    assert await world.exec(pod, "cat", input=data) == (0, data, b"")


async def exec_has_a_terminal(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    session = await world.runtime.exec(
        pod.config.uid, "main", ["sh", "-c", "read x; stty size; tty; exit 4"], stdin=True, tty=True
    )
    assert session.stderr is None
    await session.resize(100, 40)
    assert session.stdin is not None
    session.stdin.write(b"\n")
    output = await session.stdout.read()
    assert re.fullmatch(rb"\r\n40 100\r\n/dev/pts/\d+\r\n", output), output
    assert await session.wait() == 4
    await session.close()


async def exec_of_a_missing_program_is_refused(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    started = world.runtime.exec(pod.config.uid, "main", ["no-such"], stdin=False, tty=False)
    error = await _refusal(started)
    assert error.message == 'exec: "no-such": executable file not found in $PATH'


async def exec_ends_with_its_session(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    session = await world.runtime.exec(
        pod.config.uid, "main", ["sleep", "54321"], stdin=False, tty=False
    )
    await world.until(lambda: world.running("sleep 54321"), "a process")
    await session.close()
    await world.until(lambda: not world.running("sleep 54321"), "the end of the process")


async def exec_ends_with_its_container(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    session = await world.runtime.exec(
        pod.config.uid, "main", ["sleep", "54321"], stdin=False, tty=False
    )
    await world.runtime.signal_container(pod.config.uid, "main", signal.SIGKILL)
    assert await world.soon(session.wait()) == 137
    await session.close()


async def exec_needs_a_running_container(world: World) -> None:
    ended = await world.run("true")
    started = world.runtime.exec(ended.pod.config.uid, "main", ["true"], stdin=False, tty=False)
    error = await _refusal(started)
    assert "doesn't run" in error.message


async def a_port_of_a_pod_can_be_connected_to(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, world.python, "-c", SERVER.format(port=8080))
    assert b"200 OK" in await world.fetch(pod, 8080)
    try:
        await world.runtime.connect(pod.config.uid, 8081)
    except OSError:
        return
    raise AssertionError("something listens on port 8081")


async def pods_with_one_port_do_not_clash_and_reach_each_other(world: World) -> None:
    port = 80 if world.layout == "namespaced" else 8080
    pods = [await world.pod() for _ in range(2)]
    for pod in pods:
        await world.start(pod, world.python, "-c", SERVER.format(port=port))
    for pod in pods:
        assert b"200 OK" in await world.fetch(pod, port)
    fetch = f"import urllib.request as u; print(u.urlopen('http://{pods[1].ip}:{port}/').status)"
    code, out, err = await world.exec(pods[0], world.python, "-c", fetch)
    assert (code, out) == (0, b"200\n"), err


async def a_container_over_its_memory_limit_is_killed(world: World) -> None:
    program = "data = []\nwhile True: data.append(bytearray(8 << 20))\n"
    program = f"import time\n{program.replace('data.append', 'time.sleep(0.02); data.append')}"
    ended = await world.run(world.python, "-c", program, memory_limit=100 << 20)
    assert (ended.status.reason, ended.status.exit_code) == ("OOMKilled", 137)


async def a_container_within_its_memory_limit_is_left_alone(world: World) -> None:
    program = "import time; data = bytearray(60 << 20); time.sleep(1.3)"
    ended = await world.run(world.python, "-c", program, memory_limit=100 << 20)
    assert ended.status.reason == "Completed"


async def containers_outlive_the_agent(world: World) -> None:
    agent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("runtime_driver.py")),
        world.layout,
        str(world.folder),
        "--agent",
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdout is not None
    assert await agent.stdout.readline() == b"started\n"
    agent.kill()
    await agent.wait()

    runtime = world.runtime = world.new_runtime()
    await runtime.start()
    (pod,) = await runtime.pods()
    assert pod.config.uid == "of-a-killed-agent"
    assert [each.state for each in pod.containers] == [ContainerState.RUNNING]
    again = await runtime.start_pod(pod.config)
    assert again.ip == pod.ip
    code, out, _ = await world.exec(pod, "echo", "still here")
    assert (code, out) == (0, b"still here\n")
    waiting = asyncio.create_task(runtime.wait_container(pod.config.uid, "main", 0))
    await runtime.signal_container(pod.config.uid, "main", signal.SIGTERM)
    assert (await world.soon(waiting)).exit_code == 7
    assert world.output(pod) == "up\nbye\n"


async def what_ended_without_an_agent_is_known_to_the_next_one(world: World) -> None:
    ended = await world.run("sh", "-c", "exit 6")
    runtime = world.runtime = world.new_runtime()
    await runtime.start()
    (pod,) = await runtime.pods()
    assert pod.containers == (ended.status,)


async def another_process_with_the_same_pid_is_not_taken_for_ours(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "100")
    path = pod.config.directory / "runtime/main.0/status.json"
    status = path.read_text()
    other = json.loads(status)
    for name in ("shim", "main"):
        other[name] = (os.getpid(), other[name][1])  # alive, but it started at another time
    path.write_text(json.dumps(other))
    (known,) = await world.runtime.pods()
    assert known.containers[0].state is ContainerState.EXITED
    await world.runtime.signal_container(pod.config.uid, "main", signal.SIGKILL)
    path.write_text(status)


async def a_container_dies_with_its_monitor(world: World) -> None:
    pod = await world.pod()
    await world.start(pod, "sleep", "98765")
    status = json.loads((pod.config.directory / "runtime/main.0/status.json").read_text())
    os.kill(status["shim"][0], signal.SIGKILL)
    ended = await world.soon(world.runtime.wait_container(pod.config.uid, "main", 0))
    assert (ended.exit_code, ended.reason) == (137, "Error")
    assert "monitor" in ended.message
    await world.until(lambda: not world.running("sleep 98765"), "the end of the container")


async def verbs_can_be_repeated(world: World) -> None:
    pod = await world.pod()
    assert (await world.runtime.start_pod(pod.config)).ip == pod.ip
    first = await world.start(pod, "sleep", "100")
    assert (await world.start(pod, "sleep", "100")).id == first.id
    await world.runtime.remove_pod(pod.config.uid)
    await world.runtime.remove_pod(pod.config.uid)
    assert await world.runtime.pods() == ()


async def a_restart_is_a_new_attempt(world: World) -> None:
    pod = await world.pod()
    first = await world.run("false", pod=pod)
    second = await world.run("true", pod=pod, attempt=1)
    (known,) = await world.runtime.pods()
    assert known.containers == (first.status, second.status)


async def an_address_is_not_given_out_again_at_once(world: World) -> None:
    first = await world.pod()
    await world.runtime.remove_pod(first.config.uid)
    second = await world.pod()
    assert second.ip != first.ip
    world.runtime = world.new_runtime()
    await world.runtime.start()
    third = await world.pod()
    assert third.ip not in (first.ip, second.ip)


async def volumes_appear_at_their_path(world: World) -> None:
    volume = world.folder / "volume"
    volume.mkdir(exist_ok=True)
    (volume / "greeting").write_text("from the volume\n")
    program = "print(open('/data/greeting').read(), end=''); open('/data/answer', 'w').write('ok')"
    mounts = (Mount(volume, "/data"),)
    ended = await world.run(world.python, "-c", program, mounts=mounts)
    assert world.output(ended.pod) == "from the volume\n"
    assert (volume / "answer").read_text() == "ok"


async def the_image_stays_as_it_is(world: World) -> None:
    before = sorted(path.name for path in world.rootfs.iterdir())
    program = "open('note', 'w').write('x')"
    ended = await world.run(world.python, "-c", program, working_dir="/work/deep")
    assert ended.status.exit_code == 0, ended.log
    assert sorted(path.name for path in world.rootfs.iterdir()) == before


async def what_a_program_has_locked_is_removed_all_the_same(world: World) -> None:
    script = "mkdir -p locked/deep && touch locked/deep/x && ln -s / locked/link && chmod 0 locked/deep locked"
    ended = await world.run("sh", "-c", script, working_dir="/work/here")
    assert ended.status.exit_code == 0
    await world.runtime.remove_pod(ended.pod.config.uid)
    assert not (ended.pod.config.directory / "runtime").exists()


async def twenty_pods_start_at_once(world: World) -> None:
    async def one() -> str:
        pod = await world.pod()
        status = await world.start(pod, "sleep", "100")
        assert status.state is ContainerState.RUNNING
        return pod.ip

    assert len(set(await asyncio.gather(*(one() for _ in range(20))))) == 20


async def _refusal(awaitable: Awaitable[object]) -> SandboxError:
    """Return the error of what must fail."""
    try:
        await awaitable
    except SandboxError as error:
        return error
    raise AssertionError("it was done")
