from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "create-cluster.sh"

FAKE_KIND = """\
#!/bin/sh
echo "kind $*" >>"$LOG"
case "$1 $2" in
  "create cluster")
    cat >"$CONFIG"
    if [ -n "$STOLEN" ] && [ "$(grep -c "kind create" "$LOG")" = 1 ]; then
      echo "$4" >>"$CLUSTERS"
      echo "Error response from daemon: Bind for 127.0.0.1:80 failed: port is already allocated" >&2
      exit 1
    fi
    [ -z "$KIND_FAILS" ] || { echo "$KIND_FAILS" >&2; exit 1; }
    echo "$4" >>"$CLUSTERS" ;;
  "delete cluster") grep -vx "$4" "$CLUSTERS" >"$CLUSTERS.new"; mv "$CLUSTERS.new" "$CLUSTERS" ;;
esac
"""
# A cluster is half there while HALF names a file that isn't there yet; creating it makes the file.
FAKE_DOCKER = """\
#!/bin/sh
echo "docker $*" >>"$LOG"
case "$1" in
  info) [ -z "$DOCKER_DOWN" ] && echo "$ROOTLESS" ;;
  ps)
    name=${*##*io.x-k8s.kind.cluster=}; name=${name%% *}
    if grep -qx "$name" "$CLUSTERS" && { [ -z "$STOPPED" ] || [ "$2" = --all ]; }; then echo "$name-control-plane"; fi ;;
  start) [ -z "$START_FAILS" ] ;;
  exec)
    case "$*" in
      *" touch "*) : >"$MARK" ;;
      *" test "* | *storageclass*) [ -e "$MARK" ] ;;
      *"get nodes"*) echo node/x ;;
    esac ;;
  image) [ -z "$IMAGE_MISSING" ] ;;
  load) [ -z "$LOAD_FAILS" ] && printf '%s\\n' "$LOADED" ;;
esac
"""

Create = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def free_ports() -> tuple[str, str]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1]), str(two.getsockname()[1])


@pytest.fixture
def create(tmp_path: Path, free_ports: tuple[str, str]) -> Create:
    """Runs the script with a fake kind and a fake docker; 80 and 443 may be taken on this machine."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("kind", FAKE_KIND), ("docker", FAKE_DOCKER)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in ("clusters", "log"):
        (tmp_path / name).touch()

    def run(
        *arguments: str, default_ports: bool = False, without: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        if without:
            (programs / without).unlink()
        ports = (
            [] if default_ports else ["--http-port", free_ports[0], "--https-port", free_ports[1]]
        )
        return subprocess.run(
            [_bash(), SCRIPT, *ports, *arguments],
            capture_output=True, text=True, timeout=30, check=False,
            env={
                "PATH": f"{programs}:/usr/bin:/bin",
                "LOG": str(tmp_path / "log"),
                "CLUSTERS": str(tmp_path / "clusters"),
                "CONFIG": str(tmp_path / "config"),
                "MARK": str(tmp_path / "complete"),
                "HOME": str(tmp_path),
                **env,
            },
        )  # fmt: skip

    return run


def _bash() -> str:
    bash = shutil.which("bash")
    assert bash
    return bash


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


def test_the_cluster_has_the_course_s_shape(
    create: Create, tmp_path: Path, free_ports: tuple[str, str]
) -> None:
    done = create()
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((tmp_path / "config").read_text())
    [node] = config["nodes"]
    assert node["role"] == "control-plane"
    assert node["labels"] == {"ingress-ready": "true"}
    assert [
        (port["containerPort"], str(port["hostPort"]), port["listenAddress"])
        for port in node["extraPortMappings"]
    ] == [(80, free_ports[0], "127.0.0.1"), (443, free_ports[1], "127.0.0.1")]
    [call] = [call for call in calls(tmp_path) if "create" in call]
    assert call.startswith("kind create cluster --name oamkit --image kindest/node:v1.37.0@sha256:")
    assert "is there: HTTP at 127.0.0.1" in done.stderr


def test_a_second_call_changes_nothing(create: Create, tmp_path: Path) -> None:
    assert create().returncode == 0
    done = create()
    assert done.returncode == 0
    assert "is there already" in done.stderr
    assert len([call for call in calls(tmp_path) if "create" in call]) == 1


def test_a_cluster_whose_name_only_begins_alike_is_another(create: Create, tmp_path: Path) -> None:
    (tmp_path / "clusters").write_text("oamkit-2\nmy.oamkit\n")
    assert create().returncode == 0
    assert any("create" in call for call in calls(tmp_path))


def test_workers_name_image_and_retain_are_passed_on(create: Create, tmp_path: Path) -> None:
    assert (
        create("--workers", "2", "--name", "x-1", "--image", "me/node:1", "--retain").returncode
        == 0
    )
    config = yaml.safe_load((tmp_path / "config").read_text())
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    [call] = [call for call in calls(tmp_path) if "create" in call]
    assert "--name x-1 --image me/node:1" in call


def test_an_archive_is_loaded_first(create: Create, tmp_path: Path) -> None:
    archive = tmp_path / "node image.tar"
    archive.touch()
    assert create("--from-archive", str(archive), "--image", "me/node:1").returncode == 0
    order = [call for call in calls(tmp_path) if "load" in call or "create" in call]
    assert order[0] == f"docker load --input {archive}"
    assert "create" in order[1]


@pytest.mark.parametrize(
    ("env", "message"),
    [("IMAGE_MISSING", "doesn't hold the image"), ("LOAD_FAILS", "docker can't load")],
)
def test_an_archive_that_does_not_help_is_named(
    create: Create, tmp_path: Path, env: str, message: str
) -> None:
    (tmp_path / "a.tar").touch()
    done = create("--from-archive", str(tmp_path / "a.tar"), **{env: "yes"})
    assert done.returncode == 1
    assert message in done.stderr
    assert not any("create" in call for call in calls(tmp_path))


def test_a_dry_run_shows_all_and_does_nothing(create: Create, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.touch()
    done = create("--dry-run", "--from-archive", str(archive), "--workers", "1", default_ports=True)
    assert done.returncode == 0
    assert done.stdout.startswith(
        f"$ docker load --input {archive}\n$ kind create cluster --name oamkit "
    )
    config = done.stdout.partition("<<CONFIG\n")[2].removesuffix("CONFIG\n")
    ports = yaml.safe_load(config)["nodes"][0]["extraPortMappings"]
    assert [port["hostPort"] for port in ports] == [80, 443]
    assert calls(tmp_path) == []


def test_a_taken_port_is_named_before_anything_is_made(create: Create, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = create("--http-port", port)
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert "--http-port PORT" in done.stderr
    assert not any("create" in call for call in calls(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--http-port", "0"], "--http-port must be a port"),
        (["--https-port", "65536"], "--https-port must be a port"),
        (["--http-port", "80;id"], "--http-port must be a port"),
        (["--http-port", "81", "--https-port", "81"], "must differ"),
        (["--workers", "10"], "--workers must be a number from 0 to 9"),
        (["--workers", "-1"], "--workers must be a number"),
        (["--name", "Oam Kit"], "--name must be small letters"),
        (["--name", "-x"], "--name must be small letters"),
        (["--name"], "--name needs a value"),
        (["--image", ""], "--image needs a value"),
        (["--from-archive", "/not/there"], "can't be read"),
        (["--foo"], "unknown option '--foo'"),
        (["stray"], "unknown option 'stray'"),
    ],
)
def test_wrong_use_is_said_and_nothing_is_called(
    create: Create, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = create(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Hint: " in done.stderr
    assert calls(tmp_path) == []


def test_help_names_every_option(create: Create) -> None:
    done = create("--help")
    assert done.returncode == 0
    for option in (
        "name",
        "image",
        "mirror",
        "logs",
        "from-archive",
        "http-port",
        "https-port",
        "workers",
        "retain",
        "dry-run",
    ):
        assert f"--{option}" in done.stdout


def test_a_machine_without_kind_is_told_what_to_do(create: Create) -> None:
    done = create(without="kind")
    assert done.returncode == 1
    assert "kind isn't installed" in done.stderr
    assert "oamkit sandbox up" in done.stderr


def test_docker_that_does_not_answer_is_told(create: Create) -> None:
    done = create(DOCKER_DOWN="yes")
    assert done.returncode == 1
    assert "docker doesn't answer" in done.stderr


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("something", "oamkit doctor"),
        ("write /x: no space left on device", "The disk is full"),
        ("failed to create fsnotify watcher: too many open files", "fs.inotify.max_user_watches"),
        ("failed to pull image kindest/node", "--mirror"),
        ("failed to lock config file", "remove the file"),
    ],
)
def test_a_failure_of_kind_is_explained_and_its_logs_are_kept(
    create: Create, tmp_path: Path, said: str, hint: str
) -> None:
    done = create("--logs", str(tmp_path / "logs"), KIND_FAILS=said)
    assert done.returncode == 1
    assert "kind can't make the cluster oamkit" in done.stderr
    assert hint in done.stderr
    order = [call.split()[1] for call in calls(tmp_path) if call.startswith("kind")]
    assert order == ["create", "export", "delete"]
    assert "delete" not in [call.split()[1] for call in calls(tmp_path) if "--retain" in call]


def test_failed_nodes_stay_if_that_is_asked_for(create: Create, tmp_path: Path) -> None:
    assert create("--retain", KIND_FAILS="yes").returncode == 1
    assert not any(call.startswith("kind delete") for call in calls(tmp_path))


def test_a_port_that_is_stolen_while_kind_works_is_tried_again(
    create: Create, tmp_path: Path
) -> None:
    done = create(STOLEN="yes")
    assert done.returncode == 0, done.stderr
    assert "port 80 was taken just now" in done.stderr
    order = [call.split()[1] for call in calls(tmp_path) if call.startswith("kind")]
    assert order == ["create", "delete", "create"]


def test_without_a_wish_a_free_port_is_found_and_told(create: Create, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)):  # whatever is taken here: what is chosen is free
        done = create(default_ports=True)
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((tmp_path / "config").read_text())
    for mapping in config["nodes"][0]["extraPortMappings"]:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", mapping["hostPort"])) != 0
        assert f"127.0.0.1:{mapping['hostPort']}" in done.stderr


def test_without_root_the_lowest_ports_are_left_out(create: Create, tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    assert create(default_ports=True, ROOTLESS="  rootless").returncode == 0
    config = yaml.safe_load((tmp_path / "config").read_text())
    assert all(mapping["hostPort"] >= limit for mapping in config["nodes"][0]["extraPortMappings"])


def test_stopped_nodes_are_started(create: Create, tmp_path: Path) -> None:
    assert create().returncode == 0
    done = create(STOPPED="yes")
    assert done.returncode == 0, done.stderr
    assert "docker start oamkit-control-plane" in calls(tmp_path)
    assert create(STOPPED="yes", START_FAILS="yes").returncode == 1


def test_a_cluster_that_is_half_there_is_made_anew(create: Create, tmp_path: Path) -> None:
    (tmp_path / "clusters").write_text("oamkit\n")
    done = create()
    assert done.returncode == 0, done.stderr
    assert "only half there" in done.stderr
    order = [call.split()[1] for call in calls(tmp_path) if call.startswith("kind")]
    assert order == ["delete", "create"]


def test_a_locked_kubeconfig_is_told_before_anything_is_made(
    create: Create, tmp_path: Path
) -> None:
    (tmp_path / ".kube").mkdir()
    lock = tmp_path / ".kube" / "config.lock"
    lock.touch()
    done = create()
    assert done.returncode == 1
    assert f"remove the file {lock}" in done.stderr
    assert not any("create" in call for call in calls(tmp_path))
    lock.unlink()
    assert create().returncode == 0


def test_podman_is_used_where_only_it_answers(create: Create, tmp_path: Path) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.rename(tmp_path / "bin" / "podman")
    done = create(PATH=f"{tmp_path / 'bin'}:{_without_docker(tmp_path)}")
    assert done.returncode == 0, done.stderr


def test_podman_gets_the_names_that_kind_asks_it_for(create: Create, tmp_path: Path) -> None:
    """What ``podman load`` (4.3) says of an archive of ``docker save``: short names become its own, kind asks for Docker Hub's."""
    (tmp_path / "bin" / "docker").rename(tmp_path / "bin" / "podman")
    (tmp_path / "a.tar").touch()
    loaded = "Loaded image: localhost/kindest/node:v1\nLoaded image: localhost/python:3\nLoaded image: quay.io/me/x:1"
    done = create(
        *("--from-archive", str(tmp_path / "a.tar")),
        LOADED=loaded,
        KIND_EXPERIMENTAL_PROVIDER="podman",
    )
    assert done.returncode == 0, done.stderr
    assert [call for call in calls(tmp_path) if call.startswith("docker tag")] == [
        "docker tag localhost/kindest/node:v1 docker.io/kindest/node:v1",
        "docker tag localhost/python:3 docker.io/library/python:3",
    ]


def _without_docker(tmp_path: Path) -> str:
    """A folder with the few programs that the script needs; this machine may have a docker beside them."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in (
        "bash",
        "cat",
        "sort",
        "grep",
        "wc",
        "mktemp",
        "rm",
        "tee",
        "sleep",
        "mv",
        "sh",
        "sed",
        "head",
    ):
        (folder / name).symlink_to(shutil.which(name) or name)
    return str(folder)


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}")
    if shellcheck is None:
        pytest.skip("shellcheck isn't installed (dependency group lint)")
    done = subprocess.run([shellcheck, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_node_image_is_that_of_kind_s_own_version() -> None:
    """The digest is compiled into kind; where its source is at hand, the two are compared."""
    sources = sorted(
        Path.home().glob("go/pkg/mod/sigs.k8s.io/kind@v0.33.0/pkg/apis/config/defaults/image.go")
    )
    if not sources:
        pytest.skip("kind's source isn't in the module cache")
    [line] = [line for line in sources[0].read_text().splitlines() if "const Image" in line]
    assert line.partition('"')[2].rstrip('"') in SCRIPT.read_text()
