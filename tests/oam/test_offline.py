"""Rendering without a cluster: what files tell, and what they can't."""

from __future__ import annotations

from typing import Any

import pytest

from oamkit.errors import InputError, OamKitError, RenderError
from oamkit.oam import KindKey, ServedKind
from oamkit.oam.offline import FileFacts, as_new, blamed, outcome


def _foo_trait() -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "foo"}}


def _definition(plural: str) -> dict[str, Any]:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "TraitDefinition",
        "metadata": {"name": plural},
        "spec": {"definitionRef": {"name": plural}},
    }


def test_a_new_application_has_its_components_first_revision_and_generation_1(make: Any) -> None:
    app = as_new(
        {**make.app(make.entry()), "metadata": {"name": "example", "namespace": None}}, "shop"
    )
    [workload] = outcome(app, FileFacts([make.component()], "shop")).objects()
    metadata = workload["metadata"]
    assert metadata["namespace"] == "shop"
    assert metadata["labels"]["app.oam.dev/revision"] == "web-v1"
    assert metadata["annotations"]["app.oam.dev/generation"] == "1"
    assert metadata["ownerReferences"][0]["uid"] == ""


@pytest.mark.parametrize("plural", ["foos.example.com", "fooes.example.com", "foo.example.com"])
def test_a_definition_tells_a_kind_that_is_not_kubernetess_own(make: Any, plural: str) -> None:
    facts = FileFacts([make.component(), _definition(plural)])
    assert facts.kind(KindKey("example.com/v1", "Foo")) == ServedKind(plural.partition(".")[0])
    objects = outcome(make.app(make.entry("web", _foo_trait())), facts).objects()
    assert [obj["kind"] for obj in objects] == ["Deployment", "Foo"]


def test_a_custom_resource_definition_tells_kind_and_scope() -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "feet.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "feet", "kind": "Foot"},
            "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
        },
    }
    facts = FileFacts([crd])
    assert facts.kind(KindKey("example.com/v1", "Foot")) == ServedKind("feet", namespaced=False)
    assert isinstance(facts.kind(KindKey("example.com/v0", "Foot")), InputError)
    del crd["spec"]["scope"]  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"feet\.example\.com lacks 'scope'"):
        FileFacts([crd])


def test_a_kind_that_nothing_tells_is_explained(make: Any) -> None:
    facts = FileFacts([make.component()])
    with pytest.raises(RenderError, match=r"nothing among the files tells the kind Foo") as caught:
        outcome(make.app(make.entry("web", _foo_trait())), facts)
    assert "--cluster" in caught.value.hint


def test_a_kind_that_left_kubernetes_is_not_brought_back_by_a_definition() -> None:
    facts = FileFacts([_definition("ingresses.extensions")])
    assert facts.kind(KindKey("extensions/v1beta1", "Ingress")) is None
    assert facts.kind(KindKey("apps/v1", "Deploiment")) is None


def test_a_pinned_revision_is_said_to_be_a_clusters(make: Any) -> None:
    app = make.app({"revisionName": "web-v2"})
    with pytest.raises(OamKitError, match="only a cluster has the revision web-v2"):
        outcome(app, FileFacts([make.component()]))
    pinned = make.revision(make.component(latest="web-v2"), "web-v2")
    assert len(list(outcome(app, FileFacts([pinned])).objects())) == 1


def test_what_waits_for_data_is_told(make: Any) -> None:
    source = make.entry("web", dataOutputs=[{"name": "ip", "fieldPath": "status.ip"}])
    target = make.entry(
        "db", dataInputs=[{"valueFrom": {"dataOutputName": "ip"}, "toFieldPaths": ["spec.ip"]}]
    )
    result = outcome(make.app(source, target), FileFacts([make.component(), make.component("db")]))
    assert [obj["metadata"]["name"] for obj in result.objects()] == ["web", "db"]
    assert [obj["metadata"]["name"] for obj in result.objects(waiting=False)] == ["web"]
    [note] = result.notes
    assert note.startswith("Deployment db waits for data of Deployment web, which only a cluster")


def test_the_first_entry_that_fails_is_blamed(make: Any) -> None:
    app = make.app(make.entry(), make.entry("gone"))
    assert blamed(app, FileFacts([make.component()])) == "spec.components[1]"
