"""Where the cluster runs, and what the places do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from oamkit import cluster, provider
from oamkit.cluster import active
from oamkit.cluster.programs import ProgramRunner
from oamkit.cluster.providers.kubeconfig import KubeconfigProvider
from oamkit.cluster.providers.sandbox import SandboxProvider
from oamkit.errors import ClusterError, CommandError, ImageError, InputError
from oamkit.process import Completed, FakeRunner, RecordingRunner
from oamkit.provider import Choice, ProviderName, choose

DOCKER = FakeRunner({("docker", "info"): Completed((), stdout='{"ServerVersion": "28.2.2"}')})
PODMAN = FakeRunner({("podman", "info"): Completed((), stdout='{"host": {"arch": "amd64"}}')})
NO_DOCKER = FakeRunner()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    provider.forget()
    yield
    provider.forget()


@pytest.mark.parametrize(
    ("name", "environ", "runner", "expected"),
    [
        ("kubeconfig", {"OAMKIT_PROVIDER": "kind"}, DOCKER, "kubeconfig, because you asked for it"),
        (
            None,
            {"OAMKIT_PROVIDER": "Sandbox "},
            DOCKER,
            "sandbox, because the variable OAMKIT_PROVIDER says so",
        ),
        (None, {}, DOCKER, "kind, because on this machine Docker answers"),
        (None, {}, PODMAN, "kind, because on this machine Podman answers"),
        ("", {}, NO_DOCKER, "sandbox, because no Docker answers on this machine"),
    ],
)
def test_the_choice_and_its_reason(
    name: str | None, environ: dict[str, str], runner: FakeRunner, expected: str
) -> None:
    assert str(choose(name, environ=environ, runner=runner)) == expected


@pytest.mark.parametrize(
    "said",
    [
        Completed((), returncode=1, stderr="cannot connect"),
        Completed((), stdout='{"ServerVersion": "", "ServerErrors": ["cannot connect"]}'),
        Completed((), stdout="no JSON"),
    ],
)
def test_a_docker_client_without_an_engine_is_no_docker(said: Completed) -> None:
    broken = FakeRunner({("docker", "info"): said})
    assert choose(environ={}, runner=broken).name is ProviderName.SANDBOX


def test_what_was_used_before_is_used_again() -> None:
    provider.select(Choice(ProviderName.KUBECONFIG, "you asked for it"))
    assert choose(environ={}, runner=DOCKER).name is ProviderName.KUBECONFIG


@pytest.mark.parametrize(("name", "variable"), [("minikube", ""), ("", "minikube")])
def test_a_place_that_is_none_is_refused(name: str, variable: str) -> None:
    with pytest.raises(InputError, match="expected one of sandbox, kind, kubeconfig"):
        choose(name, environ={"OAMKIT_PROVIDER": variable}, runner=NO_DOCKER)


def test_kubeconfig_needs_a_file(tmp_path: Path) -> None:
    choice = Choice(ProviderName.KUBECONFIG, "the test says so")
    place = KubeconfigProvider(choice, NO_DOCKER, {"KUBECONFIG": str(tmp_path / "none")})
    with pytest.raises(ClusterError, match="no kubeconfig"):
        place.ensure()


def test_kubeconfig_that_is_no_kubeconfig_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("current-context: nowhere\n")
    choice = Choice(ProviderName.KUBECONFIG, "the test says so")
    place = KubeconfigProvider(choice, NO_DOCKER, {"KUBECONFIG": str(file)})
    with pytest.raises(ClusterError, match="can't be used"):
        place.ensure()
    assert not place.status().running


def test_kubeconfig_url_can_be_named(tmp_path: Path) -> None:
    environ = {"OAMKIT_URL": "http://192.0.2.7/"}
    choice = Choice(ProviderName.KUBECONFIG, "the test says so")
    assert KubeconfigProvider(choice, NO_DOCKER, environ).url() == "http://192.0.2.7"


@pytest.mark.parametrize(
    ("provider_id", "command"),
    [
        ("kind://docker/mine/mine-worker", "kind load docker-image flask-sample:v1 --name mine"),
        ("aws:///eu/i-0", "docker push flask-sample:v1"),
    ],
)
def test_kubeconfig_brings_images_to_kind_s_nodes_and_to_a_registry_for_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider_id: str, command: str
) -> None:
    (tmp_path / "config").touch()
    nodes = {"items": [{"spec": {"providerID": provider_id}}]}
    monkeypatch.setattr(
        "oamkit.cluster.providers.kubeconfig.connect",
        lambda _: SimpleNamespace(request=lambda *_: nodes),
    )
    answers = {
        ("docker", "info"): DOCKER.answers["docker", "info"],
        ("docker", "image", "inspect"): Completed(()),
        tuple(command.split()[:2]): Completed(()),
    }
    runner = RecordingRunner(FakeRunner(answers))
    choice = Choice(ProviderName.KUBECONFIG, "the test says so")
    place = KubeconfigProvider(choice, runner, {"KUBECONFIG": str(tmp_path / "config")})
    assert place.load_image("flask-sample:v1").changed
    assert tuple(command.split()) in runner.calls


@pytest.fixture
def sandbox(home: Path) -> SandboxProvider:
    return SandboxProvider(Choice(ProviderName.SANDBOX, "the test says so"))


def test_a_sandbox_that_was_never_started(sandbox: SandboxProvider) -> None:
    assert not sandbox.status().running
    assert not sandbox.delete().changed
    with pytest.raises(ClusterError, match="never started"):
        sandbox.kubeconfig()
    with pytest.raises(ClusterError, match="doesn't run"):
        sandbox.url()


def test_an_image_that_was_never_built(sandbox: SandboxProvider) -> None:
    with pytest.raises(ImageError, match="no image flask-sample:v9") as caught:
        sandbox.load_image("flask-sample:v9")
    assert "none yet" in caught.value.hint


def test_the_public_verbs_pass_on_to_the_place_in_use(home: Path) -> None:
    calls: list[str] = []
    place = SimpleNamespace(
        name=ProviderName.SANDBOX,
        status=lambda: calls.append("status"),
        delete=lambda: calls.append("delete"),
        ensure=lambda: calls.append("ensure"),
        load_image=calls.append,
        url=lambda: "http://localhost:8080",
    )
    with active.substituted(place):  # type: ignore[arg-type]
        cluster.ensure()
        cluster.status()
        cluster.load_image("flask-sample:v1")
        cluster.delete()
        assert cluster.url() == "http://localhost:8080/"
        assert cluster.url("/a") == "http://localhost:8080/a"
    assert calls == ["ensure", "status", "flask-sample:v1", "delete"]


@pytest.mark.binaries
def test_scripts_find_the_kit_s_own_programs(tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\nkind version\n")
    script.chmod(0o700)
    done = ProgramRunner().run([script], timeout=30, env={"PATH": "/bin"})
    assert done.stdout.startswith("kind v")


@pytest.mark.binaries
def test_an_error_of_the_kit_s_own_program_shows_its_bare_name(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        ProgramRunner().run(["kubectl", "no-such-verb"], timeout=30, env={"HOME": str(tmp_path)})
    assert caught.value.argv == ("kubectl", "no-such-verb")
