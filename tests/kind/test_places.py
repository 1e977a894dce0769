"""The images for Binder and JupyterHub: built, and run as these services run them, by an ordinary user in an unprivileged container."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.kind.place import ROOT, KindPlace, eventually

LAB, HUB = "oamkit.test/lab", "oamkit.test/hub"
TOKEN = "a-learner-s-token"
Exec = Callable[..., str]


@pytest.fixture(scope="module")
def lab_image(place: KindPlace) -> Iterator[str]:
    """The image of ``binder/Dockerfile``, with the programs from where ``make binaries`` leaves them."""
    place.run(sys.executable, ROOT / "binaries" / "build_wheel.py", "--dist", timeout=1200)
    _build(place, ROOT, "binder/Dockerfile", LAB, place.base)
    yield LAB
    place.docker("image", "rm", "--force", LAB)
    if place.engine is not None:
        place.docker("builder", "prune", "--force")


@pytest.fixture(scope="module")
def hub_image(lab_image: str, place: KindPlace) -> Iterator[str]:
    """The image of ``deploy/jupyterhub/Dockerfile``."""
    _build(place, ROOT / "deploy" / "jupyterhub", "Dockerfile", HUB, lab_image)
    yield HUB
    place.docker("image", "rm", "--force", HUB)


@pytest.fixture
def start(place: KindPlace) -> Iterator[Callable[..., Exec]]:
    """Starts a container without privileges, and returns what runs a program in it."""
    started: list[str] = []

    def start(image: str, *command: str, options: tuple[str, ...] = ()) -> Exec:
        argv = [
            "run",
            "--detach",
            "--memory",
            "3g",
            "--security-opt",
            "no-new-privileges",
            *options,
        ]
        if place.engine is not None:
            argv += ["--network", "none"]  # its base image has all packages
        container = place.docker(*argv, image, *command).strip()
        started.append(container)

        def run(*inside: str, **keywords: object) -> str:
            argv = ["docker", "exec", "--interactive", container, *inside]
            return place.run(*argv, timeout=600, **keywords)  # type: ignore[arg-type]

        return run

    yield start
    for container in started:
        place.docker("rm", "--force", "--volumes", container)


def test_the_course_runs_in_binder_s_container(lab_image: str, start: Callable[..., Exec]) -> None:
    run = start(lab_image, options=("--env", f"JUPYTER_TOKEN={TOKEN}"))
    _is_without_privileges(run)
    url = "http://127.0.0.1:8888/api/contents/notebooks/en"
    eventually(lambda: _status(run, url) == "403", what="JupyterLab answers, but to no stranger")
    assert _status(run, f"{url}?token=another") == "403"
    assert _status(run, f"{url}?token={TOKEN}") == "200"

    told = run("oamkit", "course", "06")
    assert "Hello World from Flask" in told
    assert "loopback" in run("oamkit", "sandbox", "status")


def test_a_hub_starts_the_image_for_two_people_and_lets_neither_in_at_the_other_s(
    hub_image: str, start: Callable[..., Exec]
) -> None:
    """A real JupyterHub, with no proxy before it; both servers are processes of one container, as what starts one is the image's program."""
    # A volume at the home folder is empty at first.
    home = ("--tmpfs", "/home/learner:uid=1000,gid=1000")
    run = start(hub_image, "sleep", "infinity", options=home)
    _is_without_privileges(run)
    hub = Path(__file__).with_name("hub.py").read_text(encoding="utf-8")
    assert run("python", "-", input=hub).splitlines()[-1] == "both at home, neither at the other's"


STATUS = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(error)
"""


def _status(run: Exec, url: str) -> str:
    return run("python", "-c", STATUS, url).strip()


def _is_without_privileges(run: Exec) -> None:
    assert run("id", "--user").strip() == "1000"
    lines = run("cat", "/proc/self/status").splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    wanted = {"CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    assert {name: status[name] for name in wanted} == wanted


def _build(place: KindPlace, context: Path, file: str, tag: str, base: str) -> None:
    """Build by BuildKit, which alone reads ``Dockerfile.dockerignore``; Debian's client has it built in."""
    ours = place.engine is not None
    # The machine's own network: what is installed comes from Debian's archive by the machine's own settings.
    argv = ["/usr/bin/docker", "build", "--network", "host"] if ours else ["docker", "build"]
    argv += ["--build-arg", f"BASE={base}", "--tag", tag, "--file", str(context / file)]
    place.run(*argv, context, timeout=1200, DOCKER_BUILDKIT="1")
