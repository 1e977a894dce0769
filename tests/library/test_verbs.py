"""The verbs that run other programs or fetch pages, without a cluster."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oamkit import apply, fetch, helm, images, kubectl, provider
from oamkit.cluster import active
from oamkit.errors import CommandError, InputError, WaitTimeoutError
from oamkit.process import Completed, FakeRunner, RecordingRunner
from oamkit.provider import Choice, ProviderName


@contextmanager
def _place(runner: Any, url: str = "", kubeconfig: Path = Path("/nowhere")) -> Iterator[None]:
    place = SimpleNamespace(
        name=ProviderName.SANDBOX, url=lambda: url, kubeconfig=lambda: kubeconfig
    )
    with active.substituted(place, runner):  # type: ignore[arg-type]
        yield


@pytest.fixture
def answers() -> list[tuple[int, str]]:
    """What the web server answers, one after the other; the last one for ever."""
    return [(200, "Hello World from Flask")]


@pytest.fixture
def web(answers: list[tuple[int, str]]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


UNREACHED = (
    'Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook '
    '"mutate.example": failed to call webhook: Post "https://hook.default.svc:443/": dial tcp 10.96.0.9:443: connect: connection refused'
)


def _hooked(refusals: int) -> tuple[FakeRunner, list[str]]:
    """A kubectl whose webhook is reached only after some refusals, and what was run."""
    ran: list[str] = []

    def answer(argv: tuple[str, ...]) -> Completed:
        ran.append(argv[1])
        if len(ran) <= refusals:
            return Completed(argv, 1, "", UNREACHED)
        return Completed(argv, 0, "configmap/settings created\n", "")

    return FakeRunner({("kubectl",): answer}), ran


def test_apply_waits_for_a_webhook_that_nodes_have_not_heard_of_yet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
    runner, ran = _hooked(refusals=2)
    with _place(runner):
        assert [change.verb for change in apply(settings)] == ["created"]
    assert ran == ["apply"] * 3
    assert capsys.readouterr().out.count("the webhook mutate.example doesn't answer yet …") == 1
    # What can't be run twice isn't; and what never answers is told in the end.
    runner, ran = _hooked(refusals=1)
    with _place(runner), pytest.raises(CommandError, match="failed calling webhook"):
        kubectl("create", "-f", "settings.yaml")
    assert ran == ["create"]
    monkeypatch.setattr("oamkit.cluster.kubectl.REACH_SECONDS", 0.6)
    runner, ran = _hooked(refusals=99)
    with _place(runner), pytest.raises(CommandError) as caught:
        apply(settings)
    assert len(ran) > 1
    assert "whether it runs" in caught.value.hint


def test_fetch_asks_the_cluster_s_ingress(web: str, capsys: pytest.CaptureFixture[str]) -> None:
    with _place(FakeRunner(), web):
        answer = fetch("/")
    assert str(answer) == "Hello World from Flask"
    assert (answer.status, answer.attempts) == (200, 1)
    assert capsys.readouterr().out == f"$ curl {web}/\n"


def test_fetch_tries_until_the_answer_is_the_expected_one(
    web: str, answers: list[tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    answers[:0] = [(502, "Bad Gateway"), (502, "Bad Gateway"), (404, "404 page not found\n")]
    assert fetch(f"{web}/", timeout=10).attempts == 4
    shown = capsys.readouterr().out.splitlines()
    assert shown[1:] == ["  HTTP 502: Bad Gateway …", "  HTTP 404: 404 page not found …"]


def test_fetch_can_wait_for_something_to_be_gone(web: str, answers: list[tuple[int, str]]) -> None:
    answers.append((404, "gone"))
    assert fetch(web, status=404, timeout=10).text == "gone"


def test_fetch_gives_up_at_its_deadline_and_says_what_it_saw() -> None:
    with pytest.raises(WaitTimeoutError, match=r"no answer: .*[Rr]efused") as caught:
        fetch("http://127.0.0.1:9", timeout=0.5)
    assert "events()" in caught.value.hint


def test_fetch_waits_for_a_text(web: str) -> None:
    with pytest.raises(WaitTimeoutError, match="with 'Goodbye' in it"):
        fetch(web, contains="Goodbye", timeout=0.4)


def test_fetch_reads_no_files() -> None:
    with pytest.raises(InputError, match="http URL"):
        fetch("file:///etc/passwd")


CHART = "charts/oam-kubernetes-runtime"
RELEASE = {"name": "oam", "revision": "2", "chart": "oam-kubernetes-runtime-0.1.0"}


@pytest.fixture
def chart(project_root: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> str:
    monkeypatch.chdir(project_root)
    # Without an API server; with one, test_server.py shows it.
    monkeypatch.setattr("oamkit.cluster.helm._renew_kinds", lambda _: None)
    return CHART


def test_helm_installs_what_is_not_there(chart: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = iter(["[]", json.dumps([{**RELEASE, "revision": "1"}])])
    runner = RecordingRunner(
        FakeRunner(
            {
                ("helm", "list"): lambda _: Completed((), stdout=next(found)),
                ("helm", "install"): Completed(()),
            }
        )
    )
    with _place(runner):
        release = helm.install(
            *("oam", chart),
            namespace="oam-system",
            create_namespace=True,
            values={"image.tag": "v1,2", "replicaCount": 2, "rbac.create": True},
        )
    assert str(release) == (
        "release oam in namespace oam-system: installed, revision 1 of oam-kubernetes-runtime-0.1.0"
    )
    assert capsys.readouterr().out.strip() == (
        "$ helm install oam charts/oam-kubernetes-runtime --namespace oam-system --create-namespace "
        "--set-string 'image.tag=v1\\,2' --set replicaCount=2 --set rbac.create=true --wait --timeout 120s"
    )


@pytest.mark.parametrize(
    ("values", "argument"), [({}, "--reset-values"), ({"replicaCount": 2}, "--set replicaCount=2")]
)
def test_helm_upgrades_what_is_there_and_forgets_the_values_of_before(
    chart: str, capsys: pytest.CaptureFixture[str], values: dict[str, int], argument: str
) -> None:
    answers = {
        ("helm", "list"): Completed((), stdout=json.dumps([RELEASE])),
        ("helm", "upgrade"): Completed(()),
    }
    with _place(FakeRunner(answers)):
        release = helm.install("oam", chart, namespace="oam-system", values=values)
    assert release.verb == "upgraded"
    assert capsys.readouterr().out.strip() == (
        f"$ helm upgrade oam charts/oam-kubernetes-runtime --namespace oam-system {argument} --wait --timeout 120s"
    )


def test_helm_uninstalls_once(chart: str) -> None:
    found = iter([json.dumps([RELEASE]), "[]"])
    answers: dict[tuple[str, ...], Any] = {
        ("helm", "list"): lambda _: Completed((), stdout=next(found)),
        ("helm", "uninstall"): Completed(()),
    }
    with _place(FakeRunner(answers)):
        assert helm.uninstall("oam", namespace="oam-system").verb == "uninstalled"
        assert helm.uninstall("oam", namespace="oam-system").verb == "not there"


def test_helm_takes_over_a_role_that_came_back_after_an_uninstall(chart: str) -> None:
    refusal = (
        'Error: INSTALLATION FAILED: unable to continue with install: ClusterRole "oam" in namespace "" '
        "exists and cannot be imported into the current release: invalid ownership metadata"
    )
    found = iter(["[]", json.dumps([{**RELEASE, "revision": "1"}])])

    def install(argv: tuple[str, ...]) -> Completed:
        return Completed(()) if "--take-ownership" in argv else Completed((), 1, stderr=refusal)

    answers: dict[tuple[str, ...], Any] = {
        ("helm", "list"): lambda _: Completed((), stdout=next(found)),
        ("helm", "install"): install,
    }
    with _place(FakeRunner(answers)):
        assert helm.install("oam", chart, namespace="oam-system").verb == "installed"


def test_helm_names_what_to_look_at_when_it_fails(chart: str) -> None:
    answers = {
        ("helm", "list"): Completed((), stdout="[]"),
        ("helm", "install"): Completed((), returncode=1, stderr="context deadline exceeded"),
    }
    with _place(FakeRunner(answers)), pytest.raises(CommandError, match="deadline") as caught:
        helm.install("oam", chart)
    assert "pods" in caught.value.hint


def test_a_folder_without_a_chart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Chart\.yaml is missing"):
        helm.install("oam", tmp_path)


ENGINE_ASKED = ("docker", "info")
ENGINE = Completed((), stdout='{"ServerVersion": "28.2.2"}')


@pytest.fixture
def docker() -> Iterator[RecordingRunner]:
    provider.select(Choice(ProviderName.KIND, "the test says so"))
    inner = FakeRunner(
        {
            ENGINE_ASKED: ENGINE,
            ("docker", "build"): Completed(()),
            ("docker", "image", "inspect"): Completed(
                (), stdout="sha256:0123456789abcdef 2000000\n"
            ),
        }
    )
    yield RecordingRunner(inner)
    provider.forget()


def test_images_are_built_by_docker_for_kind(
    docker: RecordingRunner, project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project_root)
    image = images.build(
        "flask-demo", "flask-sample:v1", build_args={"BASE": "python:3.12-slim"}, runner=docker
    )
    assert docker.calls[1] == (
        *("docker", "build", "--tag", "flask-sample:v1", "--build-arg", "BASE=python:3.12-slim"),
        "flask-demo",
    )
    assert image.size == 2_000_000
    assert "2.0 MB" in str(image)


def test_a_docker_build_that_fails_is_explained(docker: RecordingRunner, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    failed = Completed((), returncode=1, stderr="no space left")
    inner = FakeRunner({ENGINE_ASKED: ENGINE, ("docker", "build"): failed})
    with pytest.raises(CommandError, match="no space left") as caught:
        images.build(tmp_path, "flask-sample:v1", runner=inner)
    assert "OAMKIT_PROVIDER=sandbox" in caught.value.hint


def test_a_folder_without_a_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such Dockerfile"):
        images.build(tmp_path, "flask-sample:v1")
