"""What the doctor says of machines that lack something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from oamkit import provider
from oamkit.diagnosis import Machine, State, doctor
from oamkit.errors import MissingToolError
from oamkit.process import Completed, FakeRunner

VERSION = json.dumps({"clientVersion": {"gitVersion": "v1.37.2"}})
MEMORY = "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n"
INOTIFY = {"max_user_watches": "524288\n", "max_user_instances": "512\n"}


@dataclass(frozen=True)
class Fake(Machine):
    """A machine on which all is well, apart from what a test changes."""

    runner: Any = field(
        default_factory=lambda: FakeRunner({("/kit/kubectl",): Completed((), stdout=VERSION)})
    )
    environ: Any = field(default_factory=dict)
    system: str = "Linux"
    python: tuple[int, ...] = (3, 13, 1)
    tools: tuple[str, ...] = ("git",)
    missing: tuple[str, ...] = ()
    taken: tuple[int, ...] = ()
    for_root: bool = False
    disk: int = 50 * 10**9
    read_only: bool = False
    refused: str | None = None
    memory: str = MEMORY
    inotify: Any = field(default_factory=lambda: INOTIFY)
    processor: str = "x86_64"
    version: str = "Linux version 6.1.0"

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.tools else None

    def read(self, path: str) -> str:
        texts = {"/proc/meminfo": self.memory, "/proc/version": self.version}
        return texts.get(path) or self.inotify.get(Path(path).name, "")

    def free_disk(self, folder: Path) -> int:
        return self.disk

    def may_write(self, folder: Path) -> bool:
        return not self.read_only

    def port_error(self, port: int) -> str:
        if self.for_root and port < 1024:
            return "Permission denied"
        return "Address already in use" if port in self.taken else ""

    def namespaces_refused(self) -> str | None:
        return self.refused

    def program(self, name: str) -> Path:
        if name in self.missing:
            raise MissingToolError(f"The program {name} isn't there.", hint="Run 'make'.")
        return Path("/kit") / name


@pytest.fixture(autouse=True)
def _clean(home: Path) -> Iterator[None]:
    provider.forget()
    yield
    provider.forget()


def test_a_good_machine_is_called_good() -> None:
    diagnosis = doctor(Fake())
    assert diagnosis.ok
    assert {check.state for check in diagnosis.checks} == {State.OK}
    assert str(diagnosis).endswith("The course can run here.")
    assert "Kubernetes v1.37.2" in diagnosis["programs"].found


@pytest.mark.parametrize(
    ("machine", "code", "state", "words"),
    [
        (Fake(python=(3, 10, 2)), "python", State.FAIL, "Python 3.10.2"),
        (Fake(tools=()), "git", State.WARN, "Install git"),
        (Fake(missing=("kubectl",)), "programs", State.FAIL, "Run 'make'"),
        (Fake(missing=("traefik",)), "programs", State.FAIL, "traefik isn't there"),
        (
            Fake(runner=FakeRunner({("/kit/kubectl",): Completed((), stdout="no JSON")})),
            *("programs", State.FAIL, "kubectl doesn't work"),
        ),
        (Fake(disk=10**8), "disk", State.FAIL, "Make room"),
        (Fake(disk=10**9), "disk", State.WARN, "1.0 GB free"),
        (Fake(read_only=True), "disk", State.FAIL, "OAMKIT_HOME"),
        (Fake(memory="MemAvailable: 500000 kB\n"), "memory", State.WARN, "0.5 GB"),
        (Fake(memory=""), "memory", State.OK, "not known"),
        (
            Fake(inotify={**INOTIFY, "max_user_instances": "8"}),
            *("inotify", State.WARN, "sysctl fs.inotify"),
        ),
        (Fake(refused="AppArmor says no"), "namespaces", State.WARN, "AppArmor says no"),
        (
            Fake(refused="seccomp", for_root=True),
            *("low-ports", State.FAIL, "net.ipv4.ip_unprivileged_port_start=0"),
        ),
        (Fake(system="Darwin"), "namespaces", State.WARN, "Use kind"),
        (Fake(taken=(80,)), "ports", State.OK, "port 80 (HTTP) is in use"),
        (Fake(environ={"HTTPS_PROXY": "http://proxy"}), "proxies", State.WARN, "no_proxy"),
        (
            Fake(environ={"https_proxy": "http://proxy", "no_proxy": "localhost,127.0.0.1"}),
            *("proxies", State.OK, "not for this machine"),
        ),
        (Fake(environ={"KUBECONFIG": "/none"}), "kubeconfig", State.WARN, "/none"),
        (Fake(environ={"OAMKIT_PROVIDER": "minikube"}), "provider", State.FAIL, "minikube"),
        (Fake(tools=("git", "docker")), "docker", State.OK, "no engine answers"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    machine: Fake, code: str, state: State, words: str
) -> None:
    diagnosis = doctor(machine)
    check = diagnosis[code]
    assert check.state is state
    assert words in f"{check.found} {check.fix}"
    assert diagnosis.ok is (state is not State.FAIL)
    if state is State.FAIL:
        assert str(diagnosis).endswith(f"Mend first: {code}.")


@pytest.mark.parametrize(
    "machine",
    [
        Fake(refused="seccomp"),
        Fake(for_root=True),
        Fake(refused="seccomp", for_root=True, environ={"OAMKIT_PROVIDER": "kind"}),
    ],
    ids=["free for all", "namespaces have their own", "kind has containers"],
)
def test_ports_for_root_matter_only_where_pods_have_this_machine_s(machine: Fake) -> None:
    assert "low-ports" not in [check.code for check in doctor(machine).checks]


def test_docker_is_preferred_where_it_answers() -> None:
    diagnosis = doctor(_with_docker())
    assert "kind" in diagnosis["provider"].found
    assert diagnosis["docker"].found == "Docker 28.2.2 answers"
    assert {check.state for check in diagnosis.checks} == {State.OK}


def _with_docker(**changes: Any) -> Fake:
    """A machine on which Docker answers; ``info`` changes what it tells, the rest the machine."""
    info: dict[str, Any] = {
        "ServerVersion": "28.2.2",
        "CgroupVersion": "2",
        "MemTotal": 8 * 10**9,
        "DockerRootDir": "/var/lib/docker",
        "Architecture": "x86_64",
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "CPUShares": True,
        "MemoryLimit": True,
    }
    info |= changes.pop("info", {})
    answers = {
        ("docker", "info"): Completed((), stdout=json.dumps(info)),
        ("/kit/kubectl",): Completed((), stdout=VERSION),
    }
    return Fake(runner=FakeRunner(answers), tools=("git", "docker"), **changes)


ROOTLESS = {"SecurityOptions": ["name=rootless"]}
WSL2 = "Linux version 5.15.90.1-microsoft-standard-WSL2"


@pytest.mark.parametrize(
    ("machine", "code", "state", "words"),
    [
        (_with_docker(info={"ServerVersion": "19.3.9"}), "docker-version", State.WARN, "20.10"),
        (_with_docker(info={"CgroupVersion": "1"}), "docker-cgroups", State.WARN, "cgroup v2"),
        (
            _with_docker(info={"CgroupVersion": "1"}, version=WSL2),
            *("docker-cgroups", State.WARN, "wsl --shutdown"),
        ),
        (_with_docker(info={"MemTotal": 10**9}), "docker-memory", State.WARN, "at least 4 GB"),
        (_with_docker(disk=4 * 10**9), "docker-disk", State.WARN, "docker system prune"),
        (
            _with_docker(info={"DockerRootDir": "/var/snap/docker/common"}),
            *("docker-snap", State.WARN, "TMPDIR"),
        ),
        (_with_docker(info=ROOTLESS), "docker-rootless", State.OK, "from 1024 up"),
        (
            _with_docker(info={**ROOTLESS, "CPUShares": False}),
            *("docker-rootless", State.WARN, "delegate"),
        ),
        (
            _with_docker(environ={"HTTP_PROXY": "http://127.0.0.1:3128", "no_proxy": "localhost"}),
            *("docker-proxy", State.WARN, "nodes can't reach"),
        ),
        (_with_docker(version=WSL2), "wsl", State.OK, "WSL 2"),
        (Fake(version="Linux version 4.4.0-19041-Microsoft"), "wsl", State.WARN, "--set-version"),
        (
            _with_docker(processor="arm64"),
            *("docker-architecture", State.WARN, "emulated"),
        ),
        (
            Fake(
                tools=("git", "docker"),
                runner=FakeRunner(
                    {
                        ("docker", "info"): Completed(
                            (), returncode=1, stderr="permission denied while trying to connect"
                        ),
                        ("/kit/kubectl",): Completed((), stdout=VERSION),
                    }
                ),
            ),
            *("docker", State.WARN, "usermod -aG docker"),
        ),
    ],
)
def test_what_keeps_kind_from_working_is_named_with_what_to_do(
    machine: Fake, code: str, state: State, words: str
) -> None:
    diagnosis = doctor(machine)
    assert diagnosis.ok
    assert diagnosis[code].state is state
    assert words in f"{diagnosis[code].found} {diagnosis[code].fix}"


def test_nothing_is_said_of_containers_where_there_are_none() -> None:
    codes = [check.code for check in doctor(Fake()).checks]
    assert not [code for code in codes if code.startswith("docker-")]
    assert "docker" in codes


def test_programs_can_read_it() -> None:
    document = json.loads(doctor(Fake(disk=0)).to_json())
    assert document["ok"] is False
    assert {"code", "state", "found", "fix"} == set(document["checks"][0])


def test_a_port_that_somebody_listens_on_is_seen() -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert "in use" in Machine().port_error(listener.getsockname()[1])


def test_notebooks_get_a_table() -> None:
    page = doctor(Fake(environ={"KUBECONFIG": "<b>"})).to_html()
    assert page.startswith("<table>")
    assert "&lt;b&gt;" in page


def test_a_home_that_cannot_be_made_is_one_of_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OAMKIT_HOME", str(tmp_path / "file" / "home"))
    found = doctor(Fake())["disk"]
    assert found.state is State.FAIL
    assert "can't be made: Not a directory" in found.found
