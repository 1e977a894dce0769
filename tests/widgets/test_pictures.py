"""What the widgets show, without a cluster: scenes, details, events, and what is left where no widget runs."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from oamkit import topology, widgets
from oamkit.errors import InputError
from oamkit.topology import marks
from oamkit.widgets import still
from oamkit.widgets.base import STATIC, source
from oamkit.widgets.concept_map import CONCEPTS, concept_graph
from oamkit.widgets.details import details, yaml_lines
from oamkit.widgets.eventlog import event_rows
from oamkit.widgets.health import items, status_table
from oamkit.widgets.kinds import slim
from oamkit.widgets.scene import topology_scene
from oamkit.widgets.words import WORDS, spoken_words

OAM = "core.oam.dev/v1alpha2"
Obj = dict[str, Any]


def obj(api_version: str, kind: str, name: str, owner: Obj | None = None, **rest: Any) -> Obj:
    metadata: Obj = {"name": name, "namespace": "default"}
    if owner:
        keys = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
        }
        metadata["ownerReferences"] = [{**keys, "controller": True}]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def example(pods: int = 2) -> list[Obj]:
    """An application whose Ingress isn't there."""
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    parameters = [{"name": "replicas", "fieldPaths": ["spec.replicas"]}]
    component = obj(OAM, "Component", "web", spec={"workload": workload, "parameters": parameters})
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}}
    entry = {
        "componentName": "web",
        "parameterValues": [{"name": "replicas", "value": pods}],
        "traits": [{"trait": service}, {"trait": ingress}],
    }
    synced = {"conditions": [{"type": "Synced", "status": "True"}]}
    app = obj(
        OAM, "ApplicationConfiguration", "example", spec={"components": [entry]}, status=synced
    )
    counts = {"replicas": pods, "readyReplicas": pods, "updatedReplicas": pods}
    deployment = obj("apps/v1", "Deployment", "web", app, spec={"replicas": pods}, status=counts)
    replicas = obj(
        "apps/v1", "ReplicaSet", "web-1", deployment, spec={"replicas": pods}, status=counts
    )
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    made = [obj("v1", "Pod", f"web-1-{n}", replicas, status=ready) for n in range(pods)]
    for pod in made:
        pod["metadata"]["labels"] = {"app": "web"}
    return [
        app,
        component,
        deployment,
        replicas,
        *made,
        obj("v1", "Service", "web", app, spec={"selector": {"app": "web"}}),
    ]


def test_the_tree_tells_owners_ghosts_and_routes() -> None:
    shown = topology.topology(example(), "example")
    assert topology.tree(shown.kubernetes).splitlines() == [
        "Kubernetes",
        "ApplicationConfiguration example  ✓ healthy",
        "├─ Deployment web  ✓ healthy  2/2",
        "│  └─ ReplicaSet web-1  ✓ healthy  2/2",
        "│     ├─ Pod web-1-0  ✓ healthy",
        "│     └─ Pod web-1-1  ✓ healthy",
        "├─ Service web  • there  → leads to Pod web-1-0, leads to Pod web-1-1",
        "└─ Ingress web  ○ not there yet",
    ]
    assert topology.tree(shown.oam).splitlines()[1:3] == [
        "ApplicationConfiguration example  … in progress  (a part of it isn't there yet)",
        "└─ Component web  … in progress  (a part of it isn't there yet)",
    ]


def test_an_application_that_cannot_be_rendered_says_why_and_shows_what_runs() -> None:
    found = example()
    app = found[0]
    app["spec"]["components"][0]["parameterValues"] = [{"name": "replica", "value": 5}]
    app["status"] = {
        "conditions": [{"type": "Synced", "status": "False", "message": "unsupported parameter"}],
        "workloads": [
            {
                "componentName": "web",
                "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            }
        ],
    }
    shown = topology.topology(found, "example")
    assert 'unsupported parameter "replica"' in shown.problem
    assert "Deployment web: healthy, 2/2" in [node.sentence for node in shown.oam.nodes]
    assert shown.oam.nodes[0].health.state is topology.State.FAILED
    assert "unsupported parameter" in str(still.of_topology(shown))


def test_each_view_knows_what_its_nodes_are_in_the_other() -> None:
    links = topology.topology(example(), "example").links
    assert set(links["component.core.oam.dev/web"]) >= {
        "deployment.apps/web",
        "pod/web-1-0",
        "service/web",
    }
    assert "component.core.oam.dev/web" in links["pod/web-1-1"]
    assert set(links["service/web"]) == {"service/web", "component.core.oam.dev/web"}


@pytest.mark.parametrize("pods", [50, 1000])
def test_a_large_application_stays_a_small_picture(pods: int) -> None:
    shown = topology.topology(example(pods), "example")
    scene = topology_scene(shown, ())
    assert len(scene["views"]["kubernetes"]["nodes"]) == 6
    opened = topology_scene(shown, ("replicaset.apps/web-1|Pod",))["views"]["kubernetes"]["nodes"]
    assert len(opened) == 5 + min(pods, 100) + (pods > 100)
    assert sum(len(node["members"]) or 1 for node in opened) == 5 + pods


def test_details_mark_what_a_parameter_wrote() -> None:
    found = example()
    told = details("deployment.apps/web", found, topology.topology(found, "example"))
    assert [line for line in told["yaml"] if line["note"]] == [
        {"text": "  replicas: 2", "note": "parameter replicas, set by the application example"}
    ]
    told = details("component.core.oam.dev/web", found, topology.topology(found, "example"))
    assert [
        line["note"] for line in told["yaml"] if line["note"]
    ] == []  # the template has no replicas yet
    ghost = details("ingress.networking.k8s.io/web", found, topology.topology(found, "example"))
    assert (ghost["sentence"], ghost["yaml"]) == ("Ingress web: not there yet", [])


def test_details_tell_the_events_of_this_object_and_not_of_an_earlier_one_of_its_name() -> None:
    found = example()
    web = next(each for each in found if each["kind"] == "Deployment")
    web["metadata"]["uid"] = "of-this-one"
    about = {"apiVersion": "apps/v1", "kind": "Deployment", "name": web["metadata"]["name"]}
    events = [
        {"kind": "Event", "metadata": {}, "reason": reason, "involvedObject": about | uid}
        for reason, uid in (
            ("Mine", {"uid": "of-this-one"}),
            ("Earlier", {"uid": "of-one-that-is-gone"}),
            ("Unsaid", {}),
        )
    ]
    shown = topology.topology(found, "example")
    told = details("deployment.apps/web", [*found, *events], shown)
    assert {row["reason"] for row in told["events"]} == {"Mine", "Unsaid"}


def test_details_mark_what_a_trait_wrote() -> None:
    deployment = obj("apps/v1", "Deployment", "web", spec={"replicas": 3, "template": {"spec": {}}})
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scaler = obj(
        OAM, "ManualScalerTrait", "scale", spec={"replicaCount": 3, "workloadRef": workload}
    )
    assert dict(marks(deployment, [scaler], {})) == {
        ("spec", "replicas"): "trait ManualScalerTrait scale"
    }
    lines = yaml_lines(scaler, marks(scaler, [], {}))
    assert [line["text"] for line in lines if "written by the runtime" in line["note"]] == [
        "  workloadRef:", "    apiVersion: apps/v1", "    kind: Deployment", "    name: web",
    ]  # fmt: skip


def test_events_are_newest_first_and_counted() -> None:
    about = {"apiVersion": "v1", "kind": "Pod", "name": "web"}

    def event(name: str, time: str, **rest: Any) -> Obj:
        return {
            "kind": "Event",
            "metadata": {"name": name},
            "involvedObject": about,
            "lastTimestamp": time,
            **rest,
        }

    rows = event_rows(
        [
            event("a", "2026-01-01T00:00:01Z", reason="Pulled", message="x", count=2),
            event("b", "2026-01-01T00:00:03Z", reason="Pulled", message="x"),
            event("c", "2026-01-01T00:00:02Z", reason="BackOff", message="y", type="Warning"),
            {"kind": "Pod"},
            {"kind": "Event", "involvedObject": 3, "message": ["odd"]},
        ]
    )
    assert [(row["reason"], row["count"]) for row in rows] == [
        ("Pulled", 3),
        ("BackOff", 1),
        ("", 1),
    ]


def test_a_secret_is_shown_without_its_contents_and_a_crd_without_its_schema() -> None:
    secret = slim(obj("v1", "Secret", "s", data={"key": "c2VjcmV0"}))
    assert "c2VjcmV0" not in str(yaml_lines(secret, {}))
    versions = [{"name": "v1", "served": True, "schema": {"huge": 1}}]
    crd = slim(
        {
            "kind": "CustomResourceDefinition",
            "spec": {"group": "g", "names": {}, "scope": "Cluster", "versions": versions},
        }
    )
    assert crd["spec"]["versions"] == [{"name": "v1", "served": True}]


def test_what_is_left_of_a_widget_is_a_picture_with_words() -> None:
    left = still.of_topology(topology.topology(example(), "example"))
    html = left.to_html()
    match = re.search(r'src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)"', html)
    assert match
    ET.fromstring(base64.b64decode(match[1]))
    assert "Ingress web: not there yet" in match[2]
    assert "└─ Ingress web" in str(left)
    assert "<script" not in html
    nothing = still.of_topology(topology.topology([], ""))
    assert "There is nothing to show yet." in str(nothing)


def test_every_concept_is_on_the_map_with_all_that_is_told_of_it() -> None:
    graph = concept_graph(example())
    assert {node.id for node in graph.nodes} == {each.name for each in CONCEPTS}
    assert {edge.source for edge in graph.edges} | {edge.target for edge in graph.edges} == {
        each.name for each in CONCEPTS
    }
    for each in CONCEPTS:
        assert all(
            (each.meaning, each.owner, each.example, each.question.endswith("?"), each.answer)
        )


@pytest.mark.parametrize(("widget", "lost"), [("concepts", ""), ("status", "never started")])
def test_concepts_are_explained_before_there_is_a_cluster(
    widget: str, lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAMKIT_HOME", str(tmp_path))
    monkeypatch.setenv("OAMKIT_PROVIDER", "sandbox")
    shown = getattr(widgets, widget)()
    assert lost in shown.lost
    assert bool(shown.lost) is bool(lost)
    shown.close()


def test_the_status_tells_what_is_lost() -> None:
    from oamkit.cluster import ClusterStatus
    from oamkit.provider import ProviderName

    status = ClusterStatus(
        ProviderName.SANDBOX,
        "you asked for it",
        running=True,
        url="http://localhost/",
        version="v1.37.2",
    )
    node = obj("v1", "Node", "n", status={"conditions": [{"type": "Ready", "status": "True"}]})
    assert [(item.name, str(item.health.state)) for item in items(status, [node], "")] == [
        ("Provider", "present"), ("API server", "ok"), ("Node", "ok"), ("OAM runtime", "missing"), ("Ingress", "ok"),
    ]  # fmt: skip
    lost = items(status, [node], "it can't be reached")
    assert "× failed" in str(status_table(lost))


def test_front_ends_have_no_markup_no_network_and_no_words_of_their_own() -> None:
    for file in sorted(STATIC.glob("*.js")):
        text = file.read_text()
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "fetch(",
            "XMLHttpRequest",
            "import(",
            "eval(",
        ):
            assert forbidden not in text, f"{file.name}: {forbidden}"
        assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
        for word in re.findall(r"\bwords\.(\w+)", text):
            assert word in spoken_words(), f"{file.name}: {word}"
    used = set(re.findall(r"\bwords\.(\w+)", source(*(file.name for file in STATIC.glob("*.js")))))
    used |= {"oam", "kubernetes", "both"}  # words[key]
    used |= {"A", "C", "W", "T", "S"}  # words.roles
    used -= {"roles", "states", "outcomes"}
    assert set(WORDS) == used
    assert "url(" not in (STATIC / "shared.css").read_text()


def test_odd_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="app: expected a text"):
        widgets.topology({"kind": "ApplicationConfiguration"})  # type: ignore[arg-type]
