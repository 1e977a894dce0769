"""What streams through the kubelet's API: logs, exec, attach, run, cp, port-forward."""

from __future__ import annotations

import hashlib
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config
from kubernetes import stream as kubernetes_stream
from support.cluster import (
    SLEEP,
    Cluster,
    Namespace,
    Terminal,
    eventually,
    pod,
    python,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.binaries]

TALK = """
import pathlib, time
print("begin")
for number in range(10**6):
    print("line", number)
    time.sleep(0.05)
    if pathlib.Path("/tmp/stop").exists():
        break
print("end")
"""
SERVE = """
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"x" * int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Page).serve_forever()
"""


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Iterator[Namespace]:
    """A Pod that answers at 127.0.0.1:8000, with a second container that says something once."""
    namespace = cluster.namespace()
    side = python(f"print('from the side')\n{SLEEP}", name="side")
    namespace.apply(pod("web", python(SERVE), side))
    namespace.ready("web")
    yield namespace
    cluster.run("kubectl", "delete", "namespace", namespace.name, "--wait=false")


def test_logs_follow_line_by_line_and_end_with_the_pod(ns: Namespace) -> None:
    ns.apply(pod("talker", python(TALK), restartPolicy="Never"))
    ns.ready("talker")
    with ns.started("logs", "-f", "talker") as follower:
        assert follower.stdout is not None
        assert [follower.stdout.readline() for _ in range(3)] == ["begin\n", "line 0\n", "line 1\n"]
        ns.kubectl("exec", "talker", "--", "touch", "/tmp/stop")
        rest = follower.stdout.read().splitlines()
        assert rest[-1] == "end"
        assert follower.wait(10) == 0
    assert ns.logs("talker", "--tail=1") == "end\n"
    assert len(ns.logs("talker", "--tail=5").splitlines()) == 5
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z end\n", ns.logs("talker", "--tail=1", "--timestamps"))
    time.sleep(1.1)  # --since counts in whole seconds
    assert ns.logs("talker", "--since=1s") == ""
    assert ns.logs("talker", "--since=1h").startswith("begin\nline 0\n")


def test_the_logs_of_the_run_before_are_kept(ns: Namespace) -> None:
    code = """
import pathlib, signal
mark = pathlib.Path("/state/mark")
print("second" if mark.exists() else "first")
if not mark.exists():
    mark.touch()
    exit(3)
signal.pause()
"""
    mount = [{"name": "state", "mountPath": "/state"}]
    ns.apply(
        pod("again", python(code, volumeMounts=mount), volumes=[{"name": "state", "emptyDir": {}}])
    )
    eventually(lambda: "second" in ns.says("logs", "again", check=False))
    assert ns.logs("again", "--previous") == "first\n"
    last = ns.get("pod", "again")["status"]["containerStatuses"][0]
    assert last["restartCount"] == 1
    assert last["lastState"]["terminated"]["exitCode"] == 3


def test_a_container_is_chosen_by_name(pods: Namespace) -> None:
    assert pods.logs("web", "-c", "side") == "from the side\n"
    assert "container nobody is not valid" in pods.refused("logs", "web", "-c", "nobody")
    assert "[pod/web/side] from the side" in pods.logs("web", "--all-containers", "--prefix")


def test_exec_passes_exit_codes_and_both_outputs_on(pods: Namespace) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    done = pods.kubectl("exec", "web", "-c", "main", "--", "python", "-c", code, check=False)
    assert (done.returncode, done.stdout) == (7, "out\n")
    assert done.stderr.startswith("err\n")
    assert "command terminated with exit code 7" in done.stderr


def test_exec_of_what_is_not_there_says_so(pods: Namespace) -> None:
    words = pods.refused("exec", "web", "-c", "main", "--", "no-such-program")
    assert "no-such-program" in words
    assert "not found" in words or "No such file" in words


def test_exec_hands_its_input_on_to_the_end(pods: Namespace) -> None:
    text = "many words\n" * 20_000
    done = pods.kubectl("exec", "-i", "web", "-c", "main", "--", "sha256sum", input=text)
    assert done.stdout.split()[0] == hashlib.sha256(text.encode()).hexdigest()


def test_five_megabytes_come_out_of_exec_as_they_are(pods: Namespace) -> None:
    code = "import sys; sys.stdout.write(''.join(f'{n:09d}\\n' for n in range(500_000)))"
    done = pods.kubectl("exec", "web", "-c", "main", "--", "python", "-c", code)
    assert done.stdout == "".join(f"{n:09d}\n" for n in range(500_000))


def test_a_shell_at_a_terminal_knows_its_size_and_hears_control_c(pods: Namespace) -> None:
    argv = ("kubectl", "-n", pods.name, "exec", "-it", "web", "-c", "main", "--", "sh")
    with Terminal(pods.cluster, *argv, rows=31, columns=97) as terminal:
        terminal.expect("# ")
        terminal.type("stty size\n")
        terminal.expect("31 97")
        terminal.type("sleep 600\n")
        terminal.expect("sleep 600")
        terminal.type("\x03")
        terminal.type("echo a''live\n")
        terminal.expect("alive")
        terminal.type("exit 5\n")
        assert terminal.ends() == 5


def test_attach_joins_a_running_container(ns: Namespace) -> None:
    code = "print('ready')\nfor line in open(0): print('heard', line, end='')"
    ns.apply(pod("echo", python(code, stdin=True, stdinOnce=True), restartPolicy="Never"))
    ns.ready("echo")
    with ns.started("attach", "-i", "echo") as attached:
        assert attached.stdin is not None
        attached.stdin.write("hello\n")
        attached.stdin.close()
        assert attached.stdout is not None
        assert "heard hello" in attached.stdout.read()
    ns.wait("pod/echo", "jsonpath={.status.phase}=Succeeded")


def test_run_it_rm_gives_a_terminal_and_leaves_no_pod(ns: Namespace) -> None:
    argv = ("run", "-it", "--rm", "try", "--image=flask-sample:v1", "--restart=Never")
    with Terminal(ns.cluster, "kubectl", "-n", ns.name, *argv, "--", "sh") as terminal:
        terminal.type("echo hel''lo\n")
        terminal.expect("hello")
        terminal.type("exit\n")
        assert terminal.ends() == 0
    assert ns.kubectl("get", "pods", "-o", "name").stdout == ""


def test_files_and_folders_are_copied_both_ways(pods: Namespace, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "big").write_bytes(bytes(range(256)) * 8192)
    (folder / "small").write_text("words")
    pods.kubectl("cp", str(folder), "web:/tmp/there", "-c", "main")
    digest = pods.kubectl("exec", "web", "-c", "main", "--", "sha256sum", "/tmp/there/deep/big")
    content = (folder / "deep" / "big").read_bytes()
    assert digest.stdout.split()[0] == hashlib.sha256(content).hexdigest()
    pods.kubectl("cp", "web:/tmp/there", str(tmp_path / "back"), "-c", "main")
    assert (tmp_path / "back" / "deep" / "big").read_bytes() == content
    assert (tmp_path / "back" / "small").read_text() == "words"


def test_port_forward_serves_one_request_after_another(pods: Namespace) -> None:
    with pods.started("port-forward", "pod/web", ":8000") as forward:
        assert forward.stdout is not None
        found = re.match(r"Forwarding from 127.0.0.1:(\d+) -> 8000", forward.stdout.readline())
        assert found
        for size in (1, 10, 100, 5_000_000, 1):
            url = f"http://127.0.0.1:{found[1]}/{size}"
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert len(answer.read()) == size
        assert forward.poll() is None
        forward.send_signal(signal.SIGINT)
        forward.wait(10)


def test_port_forward_to_a_port_where_nobody_listens_says_so(pods: Namespace) -> None:
    with pods.started("port-forward", "pod/web", ":8001") as forward:
        assert forward.stdout is not None
        found = re.match(r"Forwarding from 127.0.0.1:(\d+)", forward.stdout.readline())
        assert found
        with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as it comes
            urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=10)
        forward.terminate()
        assert "refused" in forward.stdout.read()


def test_port_forward_finds_the_pod_of_a_service(shop: Namespace) -> None:
    with shop.started("port-forward", "service/web", ":80") as forward:
        assert forward.stdout is not None
        found = re.match(r"Forwarding from 127.0.0.1:(\d+) -> 80", forward.stdout.readline())
        assert found
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=10) as answer:
            assert answer.read() == b"Hello World from Flask"


def test_the_python_client_streams_too(pods: Namespace) -> None:
    api = kubernetes_client.CoreV1Api(
        kubernetes_config.new_client_from_config(str(pods.cluster.kubeconfig))
    )
    with api.api_client:
        stream = kubernetes_stream.stream(
            api.connect_get_namespaced_pod_exec,
            "web",
            pods.name,
            container="main",
            command=["python", "-c", "print(input()[::-1]); exit(4)"],
            stdin=True,
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        stream.write_stdin("drow\n")
        stream.run_forever(timeout=20)
        assert stream.read_stdout() == "word\n"
        assert stream.returncode == 4
        stream.sock.shutdown()  # its own close() leaves the socket open
