"""The verbs, on a real API server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from oamkit import OamKitError, apply, delete, events, get, helm, kubectl, wait_for
from oamkit.cluster import active
from oamkit.cluster.providers.kubeconfig import KubeconfigProvider
from oamkit.errors import ApiError, CommandError, InputError, WaitTimeoutError
from oamkit.lesson import demo, release

pytestmark = [pytest.mark.binaries, pytest.mark.usefixtures("server")]

SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"greeting": "hello"},
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "flask-sample:v1"}]},
        },
    },
}


@pytest.fixture
def settings() -> Iterator[None]:
    apply(SETTINGS)
    yield
    delete(SETTINGS)


def test_apply_says_what_changed_and_changes_nothing_the_second_time() -> None:
    try:
        first, second = apply(SETTINGS), apply(SETTINGS)
        third = apply({**SETTINGS, "data": {"greeting": "good morning"}})
    finally:
        delete(SETTINGS)
    assert [(change.object, change.verb) for change in first] == [("configmap/settings", "created")]
    assert first.changed
    assert not second.changed
    assert [change.verb for change in third] == ["configured"]


def test_apply_shows_the_command_that_a_person_would_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-file}\n")
    try:
        apply("config")
    finally:
        delete("config")
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["$ kubectl apply -f config", "$ kubectl delete -f config --ignore-not-found"]


def test_delete_says_what_is_gone_and_is_content_when_nothing_is_there() -> None:
    apply(SETTINGS)
    assert [(change.object, change.verb) for change in delete(SETTINGS)] == [
        ("configmap/settings", "deleted")
    ]
    again = delete(SETTINGS)
    assert not again.changed
    assert str(again) == "Nothing to delete."


def test_objects_are_deleted_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    other = {**SETTINGS, "metadata": {"name": "other", "namespace": "kube-public"}}
    apply([SETTINGS, other, DEPLOYMENT])
    assert len(delete([SETTINGS, other])) == 2
    delete(DEPLOYMENT)
    delete({**SETTINGS, "metadata": {"name": "other", "namespace": "kube-public"}})
    assert [line for line in capsys.readouterr().out.splitlines() if "delete" in line] == [
        "$ kubectl delete -f - --ignore-not-found",
        "$ kubectl delete deployment.apps/web --ignore-not-found",
        "$ kubectl delete configmap/other --ignore-not-found --namespace kube-public",
    ]


def test_an_object_of_a_kind_that_is_gone_counts_as_deleted() -> None:
    gone = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "Component", "metadata": {"name": "web"}}
    assert len(delete(gone)) == 0


def test_a_kind_of_oam_without_its_runtime_is_explained() -> None:
    component = {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "Component",
        "metadata": {"name": "web"},
    }
    with pytest.raises(CommandError, match="no matches for kind") as caught:
        apply(component)
    assert "install the runtime" in caught.value.hint
    assert caught.value.argv[:2] == ("kubectl", "apply")


@pytest.mark.parametrize("kind", ["configmap", "cm", "ConfigMaps", "configmaps"])
def test_get_understands_the_names_that_kubectl_understands(kind: str, settings: None) -> None:
    found = get(kind, "settings")
    assert found.at("data.greeting") == "hello"
    assert "greeting: hello" in str(found)
    assert "managedFields" not in str(found)


def test_get_lists_with_the_columns_of_the_server(settings: None) -> None:
    found = get("configmaps")
    assert "settings" in found.names
    assert str(found).splitlines()[0].split() == ["NAME", "DATA", "AGE"]
    assert "<th scope=" in found.to_html()


def test_get_lists_by_label() -> None:
    assert len(get("pods", labels="app=nothing")) == 0
    assert str(get("pods", labels="app=nothing")) == "No pods found."


def test_an_object_that_is_not_there_brings_the_names_of_those_that_are(settings: None) -> None:
    with pytest.raises(ApiError, match="no ConfigMap 'setings'") as caught:
        get("configmap", "setings")
    assert caught.value.status == 404
    assert "settings" in caught.value.hint


def test_an_unknown_kind_is_explained() -> None:
    with pytest.raises(InputError, match="no kind 'Komponent'"):
        get("Komponent")


def kind(**fields: str) -> dict[str, Any]:
    """A kind of this test's own, with these fields in its spec."""
    properties = {name: {"type": type_} for name, type_ in fields.items()}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": properties}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "lanterns.test.oamkit.dev"},
        "spec": {
            "group": "test.oamkit.dev",
            "scope": "Namespaced",
            "names": {"kind": "Lantern", "plural": "lanterns", "singular": "lantern"},
            "versions": [version],
        },
    }


@pytest.fixture
def lanterns(server: KubeconfigProvider) -> Iterator[None]:
    apply(kind(light="string"))
    wait_for("crd", "lanterns.test.oamkit.dev")
    yield
    delete(kind())


def _is_served(path: str) -> bool:
    try:
        active.api().request("GET", path)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def test_a_kind_that_has_gone_since_is_told_as_such(lanterns: None) -> None:
    until = time.monotonic() + 20
    while "lanterns" not in {each.plural for each in active.api().resources()}:
        assert time.monotonic() < until
    assert get("lanterns").names == ()
    delete(kind())
    until = time.monotonic() + 20
    while _is_served("/apis/test.oamkit.dev/v1/lanterns"):
        assert time.monotonic() < until
    with pytest.raises(InputError, match="serves no kind 'lanterns'"):
        get("lanterns")
    with pytest.raises(InputError, match="serves no kind 'lanterns'"):
        get("lanterns", "one")


def test_helm_install_brings_kinds_of_an_earlier_release_up_to_date(
    lanterns: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("crds", "templates"):
        (tmp_path / folder).mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: lanterns\nversion: 0.1.0\n")
    (tmp_path / "crds" / "lanterns.yaml").write_text(
        yaml.safe_dump(kind(light="string", oil="string"))
    )
    (tmp_path / "templates" / "none.yaml").write_text("")
    path = "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties"
    try:
        assert helm.install("lanterns", tmp_path).verb == "installed"
        assert set(get("crd", "lanterns.test.oamkit.dev").at(path)) == {"light", "oil"}
        assert "$ kubectl apply --server-side --force-conflicts -f" in capsys.readouterr().out
        helm.uninstall("lanterns")
        helm.install("lanterns", tmp_path)
        assert "kubectl apply" not in capsys.readouterr().out
    finally:
        helm.uninstall("lanterns")


def test_a_kind_of_an_older_release_of_the_chart_isn_t_the_chart_s(
    project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project_root)
    api = active.api()
    assert len(release.look(api).kinds) == 8
    apply(f"{demo.CHART}/crds/")
    try:
        for each in get("crd").names:
            wait_for("crd", each)
        assert release.look(api).kinds == ()
        older = get("crd", "components.core.oam.dev")
        del older.at("spec.versions[0].schema.openAPIV3Schema.properties.spec.properties")[
            "parameters"
        ]
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/components.core.oam.dev"
        api.request("PUT", path, body=dict(older))
        [kind] = release.look(api).kinds
        assert kind["metadata"]["name"] == "components.core.oam.dev"
    finally:
        delete(f"{demo.CHART}/crds/")


def test_wait_for_returns_what_it_waited_for(settings: None) -> None:
    waited = wait_for("configmap", "settings", "data.greeting=hello", timeout=10)
    assert waited.object is not None
    assert str(waited).startswith("ConfigMap/settings: greeting=hello, after")


def test_wait_for_takes_a_function(settings: None) -> None:
    wait_for("cm", "settings", lambda found: len(found["data"]) == 1, timeout=10)


def test_wait_for_sees_that_something_is_gone() -> None:
    assert wait_for("configmap", "never-there", "gone", timeout=5).object is None


def test_a_time_out_says_what_was_seen_last_and_what_happened(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(DEPLOYMENT)
    try:
        wait_for("deployment", "web", "status.replicas=2", timeout=20)
        with pytest.raises(WaitTimeoutError) as caught:
            wait_for("deployment", "web", timeout=0.5)
    finally:
        delete(DEPLOYMENT)
    assert caught.value.last_state == "0 of 2 Pods available"
    assert any("ScalingReplicaSet" in event for event in caught.value.events)
    assert "Deployment/web: 0 of 2 Pods available …" in capsys.readouterr().out


def test_waiting_for_what_never_comes_ends_at_the_deadline() -> None:
    with pytest.raises(WaitTimeoutError, match="Last seen: not there"):
        wait_for("configmap", "never-there", timeout=0.3)


@pytest.mark.parametrize("condition", ["reddy", "is ready"])
def test_a_condition_that_is_none_is_refused(condition: str) -> None:
    with pytest.raises(InputError, match="condition"):
        wait_for("configmap", "settings", condition)


def test_events_are_a_table() -> None:
    apply(DEPLOYMENT)
    try:
        wait_for("deployment", "web", "status.replicas=2", timeout=20)
        shown = events("Deployment", "web")
    finally:
        delete(DEPLOYMENT)
    assert any(row[2] == "ScalingReplicaSet" and row[3] == "Deployment/web" for row in shown.rows)
    assert str(events("Deployment", "nothing")) == "No events."


def test_kubectl_shows_the_command_and_returns_what_it_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "default" in str(kubectl("get", "namespaces"))
    assert capsys.readouterr().out == "$ kubectl get namespaces\n"


def test_status_tells_the_version(server: KubeconfigProvider) -> None:
    status = server.status()
    assert status.running
    assert status.version.startswith("v1.")
    assert not status.ours


def test_a_cluster_that_is_not_ours_is_not_deleted(server: KubeconfigProvider) -> None:
    with pytest.raises(OamKitError, match="isn't ours"):
        server.delete()
