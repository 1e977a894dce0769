"""CUE definitions made of what a real API server says about its kinds."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit import cluster, cue
from oamkit.errors import InputError

pytestmark = [pytest.mark.binaries, pytest.mark.usefixtures("server")]


def deployment(**container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "flask-sample:v1"} | container]},
            },
        },
    }


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    return {}


@pytest.fixture
def definitions(documents: dict[str, Any]) -> str:
    if "apps" not in documents:
        documents["apps"] = str(cue.from_openapi(cluster.openapi("apps/v1"), "Deployment"))
    return str(documents["apps"])


def test_a_right_object_fits(definitions: str) -> None:
    fine = deployment(
        ports=[{"containerPort": 80}],
        resources={"limits": {"cpu": 1, "memory": "64Mi"}},
        livenessProbe={"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
    )
    assert str(cue.vet(definitions, fine, schema="#Deployment")) == "Valid: 1 checked."


@pytest.mark.parametrize(
    ("container", "path", "message"),
    [
        ({"imagePullPolice": "Never"}, "imagePullPolice", "not allowed"),
        ({"image": 5}, "image", "mismatched types"),
        ({"ports": [{"containerPort": "80"}]}, "containerPort", "mismatched types"),
        ({"ports": [{"containerPort": 3_000_000_000}]}, "containerPort", "out of bound"),
        ({"ports": [{"name": "web"}]}, "containerPort", "required"),
    ],
)
def test_a_mistake_is_found_without_the_server(
    definitions: str, container: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(cue.CueError) as caught:
        cue.vet(definitions, deployment(**container), schema="#Deployment")
    assert any(
        each.path.endswith(path) and message in each.message for each in caught.value.problems
    )


def test_another_kind_does_not_fit(definitions: str) -> None:
    with pytest.raises(cue.CueError, match="kind"):
        cue.vet(definitions, deployment() | {"kind": "StatefulSet"}, schema="#Deployment")


@pytest.mark.parametrize(
    "api_version",
    ["v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1"],
)
def test_all_kinds_of_a_group_become_cue(api_version: str) -> None:
    found = cue.from_openapi(cluster.openapi(api_version))
    assert str(cue.vet(found, concrete=False)) == "Valid."


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match=r"serves no apps/v9"):
        cluster.openapi("apps/v9")
    with pytest.raises(InputError, match=r"describes no Deploymint") as caught:
        cue.from_openapi(cluster.openapi("apps/v1"), "Deploymint")
    assert "Deployment" in caught.value.hint
