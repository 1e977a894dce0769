"""``oamkit render`` and ``oamkit diff``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.apiserver import ControlPlane
from typer.testing import CliRunner

from oamkit import apply, cli, delete, get, kubectl, render
from oamkit.errors import InputError

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "flask-demo"
RUNNER = CliRunner()


def _copy(tmp_path: Path, **changes: tuple[str, str]) -> Path:
    """A copy of the demo's files with a text replaced in some."""
    folder = tmp_path / "config"
    folder.mkdir()
    for file in (DEMO / "config").iterdir():
        text = file.read_text()
        if file.stem in changes:
            assert changes[file.stem][0] in text
            text = text.replace(*changes[file.stem])
        (folder / file.name).write_text(text)
    return folder


def _metadata(name: str, role: str, **labels: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "default",
        "labels": {
            **labels,
            "app.oam.dev/name": "example",
            "app.oam.dev/component": "web",
            "app.oam.dev/revision": "web-v1",
            "app.oam.dev/resourceType": role,
        },
        "annotations": {"app.oam.dev/generation": "1"},
        "ownerReferences": [
            {
                "apiVersion": "core.oam.dev/v1alpha2",
                "kind": "ApplicationConfiguration",
                "name": "example",
                "uid": "",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


@pytest.mark.parametrize(
    ("folder", "path_type"), [("config", "Prefix"), ("config-2020", "ImplementationSpecific")]
)
def test_the_demo_renders_to_what_the_runtime_applies(folder: str, path_type: str) -> None:
    deployment, service, ingress = render(DEMO / folder).objects
    template = yaml.safe_load((DEMO / folder / "component.yaml").read_text())["spec"]["workload"]
    assert deployment == {**template, "metadata": _metadata("web", "WORKLOAD", app="web")}
    assert service == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata("web", "TRAIT"),
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    name = ingress["metadata"]["name"]
    assert name == "web" if folder == "config" else name == "web-ingresses-5b9b9b4564"
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": path_type, "backend": backend}]
    assert ingress == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": _metadata(name, "TRAIT"),
        "spec": {"rules": [{"http": {"paths": paths}}]},
    }


def test_the_command_prints_documents_and_says_on_stderr_what_it_converted() -> None:
    done = RUNNER.invoke(cli.app, ["render", "-f", str(DEMO / "config-2020"), "-n", "shop"])
    assert done.exit_code == 0
    kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
    assert kinds == ["Deployment", "Service", "Ingress"]
    assert "namespace: shop" in done.stdout
    assert "was converted from extensions/v1beta1 to networking.k8s.io/v1" in done.stderr
    assert "Note: Without a cluster" in done.stderr


def test_files_can_be_named_one_by_one_and_applications_by_name() -> None:
    names = ["appconfig.yaml", "component.yaml", "definition.yaml"]
    files = [word for name in names for word in ("-f", str(DEMO / "config" / name))]
    assert RUNNER.invoke(cli.app, ["render", *files, "--name", "example"]).exit_code == 0
    failed = RUNNER.invoke(cli.app, ["render", *files, "--name", "exmaple"])
    assert isinstance(failed.exception, InputError)
    assert failed.exception.hint == "There is: example."
    twice = RUNNER.invoke(cli.app, ["render", *files, *files[:2]])
    assert "a second ApplicationConfiguration" in str(twice.exception)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"component": ("spec:", "spec: [")}, r"component\.yaml:\d+:\d+: this isn't YAML"),
        (
            {"appconfig": ("componentName: web", "componentName: wbe")},
            r'appconfig\.yaml:2: spec\.components\[0\]: .*components\.core\.oam\.dev "wbe" not found',
        ),
        (
            {
                "appconfig": (
                    "componentName: web",
                    "componentName: web\n      parameterValues: [{name: imgae, value: x}]",
                )
            },
            r'appconfig\.yaml:2: spec\.components\[0\]: .*"imgae"',
        ),
        (
            {"appconfig": ("componentName: web", "componentName: 3")},
            r"appconfig\.yaml:2: spec\.components\[0\]\.componentName: ",
        ),
        ({"component": ("- name: image", "- nam: image")}, r"component\.yaml:2: spec\.parameters"),
        (
            {"definition": ("spec:\n  definitionRef:", "spec: [1]\nx:\n  definitionRef:")},
            r"definition\.yaml:3: spec: expected an object",
        ),
        (
            {"appconfig": ("kind: ApplicationConfiguration", "kind: Application")},
            "expected an ApplicationConfiguration, found none",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_field(
    tmp_path: Path, changes: dict[str, tuple[str, str]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        render(_copy(tmp_path, **changes))


def test_the_program_ends_with_1_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["oamkit", "render", "-f", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "there is no such file or folder" in capsys.readouterr().err


def _diff(folder: Path) -> tuple[int, str, str]:
    done = RUNNER.invoke(cli.app, ["diff", "-f", str(folder)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def applied(server: object, plane: ControlPlane) -> Iterator[None]:
    """The demo's objects, as the runtime applied them; there's no application."""
    for obj in render(DEMO / "config").objects:
        del obj["metadata"]["ownerReferences"]
        plane.kubectl(
            *("apply", "--server-side", "--field-manager=oam-runtime", "-f", "-"),
            input=yaml.safe_dump(obj),
        )
    yield
    for kind in ("deployment", "service", "ingress"):
        plane.kubectl("delete", kind, "web")


@pytest.mark.binaries
@pytest.mark.usefixtures("server")
def test_diff_shows_what_would_be_made() -> None:
    code, shown, _ = _diff(DEMO / "config")
    assert code == 1
    assert "+++ files: Ingress default/web" in shown
    assert "+  replicas: 1" in shown  # the server's own default
    assert not get("deployments").names


@pytest.mark.binaries
@pytest.mark.usefixtures("applied")
def test_diff_finds_none_where_all_stands_and_shows_what_would_change(tmp_path: Path) -> None:
    assert _diff(DEMO / "config") == (0, "", "")
    kubectl("scale", "deployment", "web", "--replicas=3")
    assert _diff(DEMO / "config")[0] == 0  # another owner's field
    code, shown, _ = _diff(_copy(tmp_path, component=("image: flask-sample:v1\n", "image: new\n")))
    assert code == 1
    lines = shown.splitlines()
    assert lines[0] == "--- cluster: Deployment default/web"
    changed = [line.strip("+- ") for line in lines[2:] if line.startswith(("+", "-"))]
    assert changed == ["image: flask-sample:v1", "image: new"]


@pytest.mark.binaries
@pytest.mark.usefixtures("applied")
def test_diff_leaves_out_unknown_fields_as_the_runtime_does_and_says_so(tmp_path: Path) -> None:
    unknown = "image: flask-sample:v1\n              imgae: new\n"
    code, shown, told = _diff(_copy(tmp_path, component=("image: flask-sample:v1\n", unknown)))
    assert (code, shown) == (0, "")
    path = 'spec.template.spec.containers[name="web"].imgae'
    assert told == f"Note: Deployment 'web': its kind has no {path}, which is left out.\n"


@pytest.mark.binaries
@pytest.mark.usefixtures("server")
def test_an_error_of_diff_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    bad = _copy(tmp_path, appconfig=("componentName: web", "componentName: wbe"))
    code, shown, told = _diff(bad)
    assert (code, shown) == (2, "")
    assert '"wbe" not found' in told


@pytest.mark.binaries
@pytest.mark.usefixtures("server")
def test_the_cluster_is_asked_for_what_files_do_not_tell(tmp_path: Path) -> None:
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "web-v7"},
        "revision": 7,
        "data": yaml.safe_load((DEMO / "config" / "component.yaml").read_text()),
    }
    folder = _copy(tmp_path, appconfig=("componentName: web", "revisionName: web-v7"))
    assert "only a cluster" in str(RUNNER.invoke(cli.app, ["render", "-f", str(folder)]).exception)
    apply(revision)
    try:
        done = RUNNER.invoke(cli.app, ["render", "--cluster", "-f", str(folder)])
    finally:
        delete(revision)
    kinds = [each["kind"] for each in yaml.safe_load_all(done.stdout)]
    assert kinds == ["Deployment", "Service", "Ingress"]
