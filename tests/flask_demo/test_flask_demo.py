from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from oamkit.images.builder import build
from oamkit.images.model import Image
from oamkit.images.result import BuildResult
from oamkit.images.store import ImageStore

DEMO = Path(__file__).resolve().parents[2] / "flask-demo"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    return ImageStore(tmp_path_factory.mktemp("flask-demo") / "images")


@pytest.fixture(scope="module")
def built(store: ImageStore) -> BuildResult:
    return build(DEMO, tag="flask-sample:v1", store=store)


def load(folder: str, name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEMO / folder / name).read_text()))


@contextmanager
def running(image: Image, store: ImageStore) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs the image's own command on a free port of the loopback, in place of the container's port 80."""
    root = store.unpack(image)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program, *arguments = image.config.cmd
    arguments = [f"--bind={address}" if a.startswith("--bind=") else a for a in arguments]
    argv = [root / "usr/local/bin/python", root / "usr/local/bin" / program, *arguments]
    with subprocess.Popen(
        argv,
        cwd=root / image.config.working_dir.lstrip("/"),
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process, f"http://{address}/"
        finally:
            if process.poll() is None:
                process.kill()


def fetch(url: str, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.timeout(300)
def test_the_built_image_says_hello_and_stops_gracefully(
    built: BuildResult, store: ImageStore
) -> None:
    with running(built.image, store) as (process, url):
        assert fetch(url, process) == "Hello World from Flask"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


@pytest.mark.timeout(300)
def test_the_image_is_what_the_course_asks_for(built: BuildResult) -> None:
    config = built.image.config
    assert built.image.reference == "docker.io/library/flask-sample:v1"
    assert config.exposed_ports == ("80/tcp",)
    assert config.cmd[:2] == ("gunicorn", "--bind=0.0.0.0:80")
    user, _, group = config.user.partition(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.timeout(300)
def test_a_second_build_comes_from_the_cache(built: BuildResult, store: ImageStore) -> None:
    again = build(DEMO, tag="flask-sample:v1", store=store)
    assert again.made == 0
    assert again.image.digest == built.image.digest
    assert again.seconds < 5


@pytest.mark.timeout(300)
def test_another_base_can_be_chosen(built: BuildResult, store: ImageStore) -> None:
    other = build(DEMO, tag="other", build_args={"BASE": "python:3.12"}, store=store)
    assert other.made == 0  # both are this machine's Python
    assert other.image.config.labels["org.opencontainers.image.base.name"].endswith("python:3.12")


def test_every_requirement_is_pinned() -> None:
    lines = (DEMO / "requirements.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert {"flask", "gunicorn"} <= {line.partition("==")[0] for line in packages}
    assert all(line.partition("==")[2] for line in packages)


@pytest.mark.parametrize("folder", ["config", "config-2020"])
def test_definitions_are_named_as_what_they_refer_to(folder: str) -> None:
    definitions = load(folder, "definition.yaml")
    assert [item["kind"] for item in definitions] == [
        "WorkloadDefinition",
        "TraitDefinition",
        "TraitDefinition",
    ]
    for item in definitions:
        assert item["spec"]["definitionRef"]["name"] == item["metadata"]["name"]
    group = "networking.k8s.io" if folder == "config" else "extensions"
    names = [item["metadata"]["name"] for item in definitions]
    assert names == ["deployments.apps", f"ingresses.{group}", "services"]


@pytest.mark.parametrize("folder", ["config", "config-2020"])
def test_the_component_wraps_a_whole_deployment(folder: str) -> None:
    [component] = load(folder, "component.yaml")
    assert (component["kind"], component["metadata"]["name"]) == ("Component", "web")
    workload = component["spec"]["workload"]
    assert (workload["apiVersion"], workload["kind"]) == ("apps/v1", "Deployment")
    template = workload["spec"]["template"]
    assert (
        workload["spec"]["selector"]["matchLabels"]
        == template["metadata"]["labels"]
        == {"app": "web"}
    )
    assert template["spec"]["containers"] == [
        {"name": "web", "image": "flask-sample:v1", "ports": [{"name": "web", "containerPort": 80}]}
    ]


def test_the_files_of_2020_are_as_they_were() -> None:
    [component] = load("config-2020", "component.yaml")
    assert "parameters" not in component["spec"]
    [application] = load("config-2020", "appconfig.yaml")
    assert application["metadata"]["name"] == "example"
    [part] = application["spec"]["components"]
    service, ingress = (item["trait"] for item in part["traits"])
    assert (service["kind"], service["metadata"]["name"]) == ("Service", "web")
    assert service["spec"] == {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    assert ingress["apiVersion"] == "extensions/v1beta1"
    assert "metadata" not in ingress
    [path] = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path == {"path": "/", "backend": {"serviceName": "web", "servicePort": 80}}


def test_today_s_ingress_is_that_of_a_current_kubernetes() -> None:
    [application] = load("config", "appconfig.yaml")
    [part] = application["spec"]["components"]
    _, ingress = (item["trait"] for item in part["traits"])
    assert ingress["apiVersion"] == "networking.k8s.io/v1"
    [path] = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["pathType"] == "Prefix"
    assert path["backend"] == {"service": {"name": "web", "port": {"number": 80}}}


def test_today_s_parameters_are_optional() -> None:
    [component] = load("config", "component.yaml")
    assert [item["name"] for item in component["spec"]["parameters"]] == ["image", "replicas"]
    assert not any(item.get("required") for item in component["spec"]["parameters"])
