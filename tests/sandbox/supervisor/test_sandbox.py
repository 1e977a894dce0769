"""The control plane as real processes: crashes, kills, ports, disks, and what is left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import stat
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.sandbox import (
    API_ONLY,
    CONTROL_PLANE,
    Bench,
    eventually,
    listening,
    read_json,
    sockets_of,
)

from oamkit.errors import SandboxError
from oamkit.sandbox import lifecycle, prepare, procfs
from oamkit.sandbox.config import Layout
from oamkit.sandbox.pki import Pki, leaves
from oamkit.sandbox.state import Phase, State

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]


def state_of(bench: Bench) -> State:
    state = bench.sandbox().status()
    assert state is not None
    return state


def test_up_is_done_when_all_components_are_ready(shared: Bench) -> None:
    state = state_of(shared)
    assert {each.name: each.phase for each in state.components} == dict.fromkeys(
        CONTROL_PLANE, Phase.READY
    )
    assert shared.api(state).status("/api/v1/namespaces/default/serviceaccounts/default") == 200
    assert state.versions["kubernetes"].startswith("v1.")


def test_a_second_up_changes_nothing(shared: Bench) -> None:
    before = [(each.pid, each.restarts) for each in state_of(shared).components]
    shared.sandbox().up()
    assert [(each.pid, each.restarts) for each in state_of(shared).components] == before


def test_who_is_not_authenticated_learns_nothing_but_whether_the_server_lives(
    shared: Bench,
) -> None:
    api = f"https://127.0.0.1:{state_of(shared).ports.api}"
    context = ssl.create_default_context(cafile=shared.folder / "pki" / "ca.crt")
    with urllib.request.urlopen(f"{api}/readyz", context=context, timeout=5) as answer:
        assert answer.read() == b"ok"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{api}/version", context=context, timeout=5)


def test_ingresses_are_traefiks_business(shared: Bench) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{state_of(shared).ports.http}/", timeout=5)
    found = shared.api(state_of(shared)).get("/apis/networking.k8s.io/v1/ingressclasses/traefik")
    assert found is not None
    assert found["metadata"]["annotations"] == {
        "ingressclass.kubernetes.io/is-default-class": "true"
    }


def test_nothing_listens_but_on_the_loopback_address(shared: Bench) -> None:
    ours = {inode for pid, _ in shared.processes() for inode in sockets_of(pid)}
    found = [address for inode, address in listening().items() if inode in ours]
    ports = state_of(shared).ports
    assert sorted(found) == sorted(
        ("0100007F", port) for port in (ports.api, ports.http, ports.https)
    )


def test_no_socket_is_abstract_since_those_are_open_to_every_user(shared: Bench) -> None:
    found = []
    for pid, _ in shared.processes():
        ours = sockets_of(pid)
        for line in (Path("/proc") / str(pid) / "net" / "unix").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[6]) in ours and len(fields) > 7:
                found.append(fields[7])
    assert any(path.endswith("etcd-peer.sock") for path in found)
    assert not [path for path in found if path.startswith("@")]


def test_only_the_owner_may_look_at_its_files(shared: Bench) -> None:
    assert stat.S_IMODE(shared.folder.stat().st_mode) == 0o700
    open_to_others = [
        each
        for folder in (shared.folder, shared.folder / "pki", shared.folder / "logs")
        for each in folder.iterdir()
        if each.is_file() and each.stat().st_mode & 0o077  # the folder guards sockets
    ]
    assert open_to_others == []


def test_a_thousand_requests_leave_no_connection_behind(shared: Bench) -> None:
    port = state_of(shared).ports.http
    daemon = shared.daemon()

    def request(_: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(12)

    before = len(sockets_of(daemon))
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(request, range(1000))) == {b"HTTP/1.1 404"}
    eventually(lambda: len(sockets_of(daemon)) <= before)


@pytest.mark.parametrize("name", CONTROL_PLANE)
def test_a_component_that_crashes_is_started_again(shared: Bench, name: str) -> None:
    def part() -> tuple[int | None, Phase, int]:
        each = next(each for each in state_of(shared).components if each.name == name)
        return each.pid, each.phase, each.restarts

    pid, _, restarts = part()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: part()[1:] == (Phase.READY, restarts + 1))
    eventually(lambda: state_of(shared).phase is Phase.READY)
    assert part()[0] != pid


def test_after_a_sigkill_of_everything_up_brings_every_object_back(shared: Bench) -> None:
    state = state_of(shared)
    shared.put(state, "kept")
    processes = shared.processes()
    for pid, _ in processes:
        with contextlib.suppress(ProcessLookupError):  # the end of the first one takes others along
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(procfs.alive(*each) for each in processes))
    assert shared.sandbox().status() is None
    again = shared.sandbox().up()
    assert again.ports == state.ports
    assert shared.has(again, "kept")


def test_a_kill_of_the_daemon_takes_everything_with_it(shared: Bench) -> None:
    processes = shared.processes()
    os.kill(shared.daemon(), signal.SIGKILL)
    eventually(lambda: not any(procfs.alive(*each) for each in processes), within=5)
    shared.sandbox().up()


def test_a_daemon_that_hangs_is_ended_by_force(
    shared: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "STOP_SECONDS", 0.5)
    processes = shared.processes()
    os.kill(shared.daemon(), signal.SIGSTOP)
    assert shared.sandbox().down()
    eventually(lambda: not any(procfs.alive(*each) for each in processes), within=5)
    shared.sandbox().up()


def test_certificates_that_end_soon_are_renewed_while_it_runs(shared: Bench) -> None:
    state = state_of(shared)
    pki = Pki(shared.folder / "pki")
    for leaf in leaves(state.layout):
        pki.cert(leaf.name).unlink()
    pki.ensure(leaves(state.layout), now=datetime.now(UTC) - timedelta(days=340))
    before = pki.cert("apiserver").read_bytes()
    shared.sandbox().up()
    assert pki.cert("apiserver").read_bytes() != before
    assert pki.ensure(leaves(state.layout)) == ()

    def served() -> bool:
        pem = ssl.get_server_certificate(("127.0.0.1", state.ports.api))
        return pem.strip() == pki.cert("apiserver").read_text().strip()

    assert served()


def test_another_port_than_the_running_ones_is_refused(shared: Bench) -> None:
    with pytest.raises(SandboxError, match="runs already, with its http port"):
        shared.sandbox().up(http_port=1234)


def test_down_leaves_no_process_no_socket_no_listener(shared: Bench) -> None:
    state, processes = state_of(shared), shared.processes()
    assert shared.sandbox().down()
    assert not any(procfs.alive(*each) for each in processes)
    for port in (state.ports.api, state.ports.http, state.ports.https):
        with socket.socket() as connection:
            assert connection.connect_ex(("127.0.0.1", port)) != 0
    assert not shared.sandbox().down()
    assert read_json(shared.folder / "state.json")["phase"] == "stopped"
    shared.sandbox().up()


def test_reset_deletes_every_object(shared: Bench) -> None:
    shared.put(state_of(shared), "lost")
    shared.sandbox().reset()
    assert not shared.has(shared.sandbox().up(), "lost")


def test_a_taken_port_is_passed_over_unless_it_was_asked_for(bench: Bench) -> None:
    sandbox = bench.sandbox(components=API_ONLY)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SandboxError, match=f"Port {taken}"):
            sandbox.up(api_port=taken)
        assert sandbox.status() is None
        state = sandbox.up()
    assert state.ports.api != taken
    assert f"https://127.0.0.1:{state.ports.api}" in sandbox.kubeconfig.read_text()


def test_two_ups_at_once_end_with_one_sandbox(bench: Bench) -> None:
    programs = [bench.script("up().ports") for _ in range(2)]
    outputs = [program.communicate(timeout=60)[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0], outputs
    assert outputs[0] == outputs[1]
    assert state_of(bench).phase is Phase.READY


@pytest.mark.parametrize("stage", ["certificates", "daemon", "etcd"])
def test_an_up_that_is_killed_half_way_is_made_good_by_the_next(bench: Bench, stage: str) -> None:
    sign = {
        "certificates": bench.folder / "pki" / "ca.crt",
        "daemon": bench.folder / "plan.json",
        "etcd": bench.folder / "etcd" / "member",
    }[stage]
    program = bench.script("up()")
    eventually(sign.exists)
    program.kill()
    program.communicate()
    assert bench.sandbox(components=API_ONLY).up().phase is Phase.READY


def test_down_ends_a_sandbox_that_is_still_starting(bench: Bench) -> None:
    program = bench.script("up()")
    eventually((bench.folder / "plan.json").exists)
    program.kill()
    program.communicate()
    bench.sandbox().down()
    assert bench.sandbox().status() is None


def test_the_loopback_layout_needs_no_namespaces(bench: Bench) -> None:
    sandbox = bench.sandbox(layout=Layout.LOOPBACK)
    state = sandbox.up()
    processes = bench.processes()
    ours = {inode for pid, _ in processes for inode in sockets_of(pid)}
    assert {listening()[inode][0] for inode in ours & listening().keys()} == {"0100007F"}
    bench.put(state, "kept")
    os.kill(bench.daemon(), signal.SIGKILL)
    assert bench.has(sandbox.up(), "kept")
    assert not any(procfs.alive(*each) for each in processes)
    assert sandbox.down()


def test_a_layout_that_does_not_fit_the_objects_is_refused(bench: Bench) -> None:
    bench.sandbox(layout=Layout.LOOPBACK, components=API_ONLY).up()
    bench.sandbox().down()
    with pytest.raises(SandboxError, match="made in the layout 'loopback'"):
        bench.sandbox(layout=Layout.NAMESPACED, components=API_ONLY).up()


def test_a_folder_that_cannot_be_written_to_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.home.mkdir(exist_ok=True)
    (bench.home / "data").mkdir()
    (bench.home / "data" / "sandbox").write_text("a file in the way")
    with pytest.raises(SandboxError, match="can't be written to") as caught:
        bench.sandbox().up()
    assert "OAMKIT_HOME" in caught.value.hint
    (bench.home / "data" / "sandbox").unlink()


def test_too_little_disk_is_said_before_anything_is_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "NEEDED_BYTES", 2**60)
    with pytest.raises(SandboxError, match="MB of disk left") as caught:
        bench.sandbox().up()
    assert caught.value.code == "sandbox-disk-full"


def test_the_components_of_a_missing_program_are_not_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "etcd").write_text("#!/nowhere/at/all\n")
    (tmp_path / "etcd").chmod(0o755)
    monkeypatch.setenv("OAMKIT_BINARIES", str(tmp_path))
    with pytest.raises(SandboxError, match="etcd can't be started"):
        bench.sandbox().up()
    assert bench.sandbox().status() is None
