"""Admission reviews, without a server: whatever comes in, what goes out is a review (11.4, 91)."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.mutations import mutated

from oamkit.errors import ApiError, ClusterError
from oamkit.oam import KindKey, ObjectKey, ServedKind
from oamkit.oam.schematic import CueCall
from oamkit.oam.world import CallFact
from oamkit.runtime.webhooks import PATHS, Webhooks

Obj = dict[str, Any]
DEFINED = {
    "metadata": {"name": "web-service"},
    "spec": {"definitionRef": {"name": "deployments.apps"}, "revisionEnabled": True},
}
COMPONENT = {
    "metadata": {"name": "web"},
    "spec": {
        "workload": {"apiVersion": "apps/v1", "kind": "Deployment"},
        "parameters": [{"name": "p", "fieldPaths": ["metadata.name"]}],
    },
}


class Cluster:
    """Everything is there, or what is asked for fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    async def object(self, key: ObjectKey) -> Obj | None:
        if self.failure:
            raise self.failure
        if key.kind == "CustomResourceDefinition":
            return None
        return COMPONENT if key.kind == "Component" else DEFINED

    async def kind(self, key: KindKey) -> ServedKind | None:
        return ServedKind("deployments")

    async def answer(self, call: CueCall) -> CallFact:
        if self.failure:
            raise self.failure
        return {}

    async def named(self, plural: str, group: str, version: str) -> KindKey | None:
        return KindKey("apps/v1", "Deployment")


def respond(path: str, body: bytes, failure: Exception | None = None) -> Obj:
    webhooks = Webhooks(lambda: Cluster(failure))
    response: Obj = asyncio.run(webhooks.respond(body, PATHS[path]))
    assert isinstance(response["allowed"], bool)
    assert isinstance(response["uid"], str)
    if not response["allowed"]:
        assert response["status"]["message"]
        assert isinstance(response["status"]["code"], int)
    json.dumps(response).encode()
    return response


def review(plural: str, obj: Any) -> Obj:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "the-uid",
            "operation": "CREATE",
            "namespace": "shop",
            "resource": {"group": "core.oam.dev", "version": "v1alpha2", "resource": plural},
            "object": obj,
        },
    }


TYPED = {
    "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}},
    "spec": {"workload": {"type": "web-service", "metadata": {"name": "x"}, "spec": {}}},
}
APP = {
    "metadata": {"name": "app", "labels": {"a": "b"}},
    "spec": {
        "components": [
            {
                "componentName": "web",
                "parameterValues": [{"name": "p", "value": 1}],
                "traits": [
                    {
                        "trait": {"name": "web-service", "properties": {}, "metadata": {}},
                        "dataOutputs": [{"name": "o"}],
                    }
                ],
                "scopes": [{"scopeRef": {"apiVersion": "v1", "kind": "S", "name": "s"}}],
            }
        ]
    },
}


TEMPLATED = {
    "kind": "TraitDefinition",
    "metadata": {"name": "nice"},
    "spec": {"schematic": {"cue": {"template": "patch: {}"}}},
}


def obj_for(path: str) -> Obj:
    if path.endswith("definitions"):
        return TEMPLATED
    return TYPED if path.endswith("components") else APP


def plural_of(path: str) -> str:
    return path.rpartition("-")[2]


def test_9_the_answer_carries_the_uid_and_a_minimal_patch() -> None:
    path = next(iter(PATHS))
    response = respond(path, json.dumps(review("components", TYPED)).encode())
    assert response["uid"] == "the-uid"
    assert response["patchType"] == "JSONPatch"
    patch = json.loads(base64.b64decode(response["patch"]))
    assert {operation["path"].rpartition("/")[0] for operation in patch} == {
        "/spec/workload",
        "/spec/workload/metadata",
    }


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b'{"request": 3}',
        b'{"request": {"uid": "u"}}',
        b'{"request": {"resource": []}}',
        b"[" * 100_000,
        b"9" * 10_000,
    ],
)
def test_11_4_91_what_is_no_review_is_not_allowed(path: str, body: bytes) -> None:
    response = respond(path, body)
    assert not response["allowed"]
    assert response["status"]["code"] == 400


@pytest.mark.parametrize("path", PATHS)
def test_11_4_91_an_object_that_is_nested_too_deeply_is_not_allowed(path: str) -> None:
    inner: Any = {}
    for _ in range(2000):
        inner = {"a": inner}
    deep = copy.deepcopy(TYPED if plural_of(path) == "components" else APP)
    text = json.dumps(review(plural_of(path), deep)).replace(
        '"labels": {"a": "b"}', '"labels": ' + '{"a": ' * 50_000 + "1" + "}" * 50_000
    )
    response = respond(path, text.encode())
    assert not response["allowed"]
    assert response["status"]["code"] == 400


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ClusterError("no answer"), 503),
        (ApiError("forbidden", status=403), 403),
        (RuntimeError("a fault of ours"), 500),
    ],
)
def test_9_what_cannot_be_looked_up_is_not_allowed(
    path: str, failure: Exception, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    trait = {"apiVersion": "apps/v1", "kind": "Deployment"}
    app = copy.deepcopy(APP)
    if path.startswith("/validating"):
        app["spec"]["components"][0]["traits"][0]["trait"] = trait
    plural = plural_of(path)
    if (plural, path.startswith("/mutating")) == ("components", False):
        return  # it looks nothing up
    obj = app if plural == "applicationconfigurations" else obj_for(path)
    body = json.dumps(review(plural, obj)).encode()
    response = respond(path, body, failure)
    assert not response["allowed"]
    assert response["status"]["code"] == code
    assert "Traceback" not in response["status"]["message"]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good review of which a few parts are replaced, dropped, or added."""
    path = draw(st.sampled_from(sorted(PATHS)))
    good = review(plural_of(path), obj_for(path))
    whole = draw(mutated(good, names=["name", "type", "properties", "spec", "x"]))
    return path, json.dumps(whole).encode()


@given(bodies())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_9_no_body_makes_the_webhooks_fail(what: tuple[str, bytes]) -> None:
    response = respond(*what)
    assert response["allowed"] or response["status"]["code"] != 500


@given(st.sampled_from(sorted(PATHS)), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_9_no_bytes_make_the_webhooks_fail(path: str, body: bytes) -> None:
    response = respond(path, body)
    assert not response["allowed"]
    assert response["status"]["code"] == 400


def test_a_fault_of_ours_is_logged_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    path = next(iter(PATHS))
    body = json.dumps(review("components", TYPED)).encode()
    with caplog.at_level(logging.ERROR):
        response = respond(path, body, RuntimeError("secret detail"))
    assert "secret detail" not in json.dumps(response)
    assert "secret detail" in caplog.text
