"""Design section 5 and contract 12: API versions that left Kubernetes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from oamkit.oam.legacy import RULES, Conversion, Unconvertible, convert, family, successor

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}


def old(api_version: str, kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def today(api_version: str, kind: str) -> bool:
    """What a cluster of today serves: nothing that a rule converts from."""
    return (api_version, kind) not in RULES


def converted(obj: dict[str, Any]) -> Conversion:
    before = copy.deepcopy(obj)
    result = convert(obj, today)
    assert isinstance(result, Conversion), result
    assert obj == before, "the input was changed"
    assert (result.from_, result.to) == (obj["apiVersion"], result.obj["apiVersion"])
    return result


def refused(obj: dict[str, Any]) -> str:
    result = convert(obj, today)
    assert isinstance(result, Unconvertible), result
    assert result.reason.startswith(
        f'no matches for kind "{obj["kind"]}" in version "{obj["apiVersion"]}"'
    )
    return result.reason


def test_what_is_served_is_left_alone() -> None:
    assert convert(old("apps/v1", "Deployment"), today) is None
    assert convert(old("extensions/v1beta1", "Ingress"), lambda version, kind: True) is None


def test_an_unknown_kind_is_named() -> None:
    result = convert({"apiVersion": "x.io/v1", "kind": "Y"}, lambda version, kind: False)
    assert result == Unconvertible('no matches for kind "Y" in version "x.io/v1"')


def test_a_successor_that_is_not_served_is_no_help() -> None:
    result = convert(old("extensions/v1beta1", "Ingress"), lambda version, kind: False)
    assert isinstance(result, Unconvertible)


def test_every_rule_leads_to_a_version_that_no_rule_leaves() -> None:
    for (api_version, kind), rule in RULES.items():
        assert (rule.to, kind) not in RULES
        assert successor(api_version, kind) == rule.to
        assert family(api_version, kind) == family(rule.to, kind)


# Ingress

BOTH = pytest.mark.parametrize("version", ["extensions/v1beta1", "networking.k8s.io/v1beta1"])


@BOTH
def test_an_ingress_of_the_course(version: str) -> None:
    path = {"path": "/", "backend": {"serviceName": "web", "servicePort": 80}}
    result = converted(old(version, "Ingress", rules=[{"http": {"paths": [path]}}]))
    assert result.to == "networking.k8s.io/v1"
    assert result.obj["spec"] == {
        "rules": [
            {
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "ImplementationSpecific",
                            "backend": {"service": {"name": "web", "port": {"number": 80}}},
                        }
                    ]
                }
            }
        ]
    }
    assert any("pathType" in note for note in result.notes)


def test_an_ingress_keeps_everything_else() -> None:
    path = {
        "path": "/x",
        "pathType": "Prefix",
        "backend": {"serviceName": "w", "servicePort": "http"},
    }
    spec = converted(
        old(
            "extensions/v1beta1",
            "Ingress",
            backend={"serviceName": "w", "servicePort": "8080"},
            rules=[{"host": "a.b", "http": {"paths": [path]}}, {"host": "c.d"}],
            tls=[{"hosts": ["a.b"], "secretName": "t"}],
        )
    ).obj["spec"]
    assert spec == {
        "defaultBackend": {"service": {"name": "w", "port": {"number": 8080}}},
        "rules": [
            {
                "host": "a.b",
                "http": {
                    "paths": [
                        {
                            "path": "/x",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "w", "port": {"name": "http"}}},
                        }
                    ]
                },
            },
            {"host": "c.d"},
        ],
        "tls": [{"hosts": ["a.b"], "secretName": "t"}],
    }


def test_an_ingress_with_a_resource_backend() -> None:
    resource = {"apiGroup": "x.io", "kind": "Bucket", "name": "b"}
    result = converted(old("networking.k8s.io/v1beta1", "Ingress", backend={"resource": resource}))
    assert result.obj["spec"] == {"defaultBackend": {"resource": resource}}


CLASS = "kubernetes.io/ingress.class"


@pytest.mark.parametrize(
    ("annotations", "given", "annotations_after", "after"),
    [
        ({CLASS: "traefik"}, None, None, "traefik"),
        ({CLASS: "traefik", "x": "y"}, None, {"x": "y"}, "traefik"),
        ({CLASS: "traefik"}, "traefik", None, "traefik"),
        ({CLASS: "Not A Name"}, None, {CLASS: "Not A Name"}, None),
        ({CLASS: ""}, None, {CLASS: ""}, None),
        ({"x": "y"}, "nginx", {"x": "y"}, "nginx"),
        ({}, None, {}, None),
    ],
)
def test_the_class_annotation_moves_where_it_can(
    annotations: Any, given: str | None, annotations_after: Any, after: str | None
) -> None:
    obj = old("extensions/v1beta1", "Ingress", **({"ingressClassName": given} if given else {}))
    obj["metadata"]["annotations"] = annotations
    result = converted(obj).obj
    assert result["metadata"].get("annotations") == annotations_after
    assert result["spec"].get("ingressClassName") == after


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"backend": {"servicePort": 80}}, "servicePort but no serviceName"),
        ({"backend": {"serviceName": "w"}}, "neither a number nor a name"),
        ({"backend": {"serviceName": "w", "servicePort": True}}, "neither a number nor a name"),
        ({"backend": {}}, "names no service"),
        ({"backend": {"serviceName": "w", "servicePort": 1, "weight": 2}}, "unknown field weight"),
        (
            {"backend": {"serviceName": "w", "servicePort": 1, "resource": {}}},
            "names a service and something else",
        ),
        (
            {"backend": {"serviceName": "w", "servicePort": 1}, "defaultBackend": {"service": {}}},
            "both spec.backend and spec.defaultBackend",
        ),
        ({"rules": "text"}, "rules: expected a list"),
        ({"rules": [{"http": {"paths": ["text"]}}]}, "paths[0]: expected an object"),
        ({"rules": [{"http": {"paths": [{"backend": 3}]}}]}, "backend: expected an object"),
    ],
)
def test_an_ingress_that_cannot_be_said_today(spec: dict[str, Any], reason: str) -> None:
    message = refused(old("extensions/v1beta1", "Ingress", **spec))
    assert "can't be said in networking.k8s.io/v1" in message
    assert reason in message


def test_two_ingress_classes_that_differ_are_refused() -> None:
    obj = old("extensions/v1beta1", "Ingress", ingressClassName="a")
    obj["metadata"]["annotations"] = {CLASS: "b"}
    assert "differ" in refused(obj)


# Workloads of apps

SELECTED = {"selector": {"matchLabels": {"app": "web"}}}
UNLIMITED = 2147483647


@pytest.mark.parametrize(
    ("version", "kind", "defaults"),
    [
        (
            "extensions/v1beta1",
            "Deployment",
            {
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1},
                },
                "revisionHistoryLimit": UNLIMITED,
                "progressDeadlineSeconds": UNLIMITED,
            },
        ),
        ("extensions/v1beta1", "ReplicaSet", {}),
        ("extensions/v1beta1", "DaemonSet", {"updateStrategy": {"type": "OnDelete"}}),
        ("apps/v1beta1", "Deployment", {"revisionHistoryLimit": 2}),
        ("apps/v1beta1", "StatefulSet", {"updateStrategy": {"type": "OnDelete"}}),
    ],
)
def test_old_defaults_are_written_out(version: str, kind: str, defaults: dict[str, Any]) -> None:
    result = converted(old(version, kind, template=TEMPLATE)).obj
    assert result["apiVersion"] == "apps/v1"
    assert result["spec"] == {"template": TEMPLATE, **SELECTED, **defaults}
    assert result["metadata"]["labels"] == {"app": "web"}


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"])
def test_apps_v1beta2_has_the_defaults_of_today(kind: str) -> None:
    obj = old("apps/v1beta2", kind, template=TEMPLATE, **SELECTED)
    assert converted(obj).obj == {**obj, "apiVersion": "apps/v1"}
    assert "spec.selector is missing" in refused(old("apps/v1beta2", kind, template=TEMPLATE))


def test_what_was_given_wins_over_old_defaults() -> None:
    given = {
        **SELECTED,
        "template": TEMPLATE,
        "strategy": {"rollingUpdate": {"maxSurge": "50%"}},
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 60,
    }
    spec = converted(old("extensions/v1beta1", "Deployment", **given)).obj["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 1},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (3, 60)


def test_a_recreate_strategy_gets_no_rolling_update() -> None:
    given = {**SELECTED, "template": TEMPLATE, "strategy": {"type": "Recreate"}}
    spec = converted(old("extensions/v1beta1", "Deployment", **given)).obj["spec"]
    assert spec["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("field", ["rollbackTo", "templateGeneration"])
def test_fields_without_counterpart_may_only_be_empty(field: str) -> None:
    given = {**SELECTED, "template": TEMPLATE}
    empty = old("extensions/v1beta1", "Deployment", **given, **{field: {}})
    assert field not in converted(empty).obj["spec"]
    full = old("extensions/v1beta1", "Deployment", **given, **{field: {"revision": 2}})
    assert field in refused(full)


def test_without_selector_and_labels_nothing_is_guessed() -> None:
    assert "neither a selector nor labels" in refused(old("apps/v1beta1", "Deployment"))


# The rest


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("batch/v1beta1", "CronJob"),
        ("batch/v2alpha1", "CronJob"),
        ("coordination.k8s.io/v1beta1", "Lease"),
        ("extensions/v1beta1", "NetworkPolicy"),
        ("rbac.authorization.k8s.io/v1beta1", "Role"),
        ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ],
)
def test_kinds_that_only_moved(version: str, kind: str) -> None:
    obj = old(version, kind, anything={"at": ["all"]})
    assert converted(obj).obj == {**obj, "apiVersion": RULES[version, kind].to}


def test_a_disruption_budget_must_select_the_same_pods() -> None:
    def budget(**spec: Any) -> dict[str, Any]:
        return old("policy/v1beta1", "PodDisruptionBudget", minAvailable=1, **spec)

    assert converted(budget(**SELECTED)).to == "policy/v1"
    assert converted(budget()).to == "policy/v1"
    for empty in ({}, {"matchLabels": {}}):
        assert "selects all Pods now" in refused(budget(selector=empty))


def test_endpoint_slices_lose_no_topology() -> None:
    plain = {"addresses": ["10.0.0.1"]}
    obj = old("discovery.k8s.io/v1beta1", "EndpointSlice")
    assert converted({**obj, "endpoints": [{**plain, "topology": {}}]}).obj["endpoints"] == [plain]
    assert "topology" in refused({**obj, "endpoints": [{**plain, "topology": {"zone": "a"}}]})


def scaled_by(*metrics: Any) -> dict[str, Any]:
    return old("autoscaling/v2beta1", "HorizontalPodAutoscaler", metrics=list(metrics))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 50}},
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50},
                },
            },
        ),
        (
            {"type": "Pods", "pods": {"metricName": "m", "targetAverageValue": "1"}},
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "m"},
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
            },
        ),
        (
            {
                "type": "Object",
                "object": {
                    "target": {"kind": "Service", "name": "s"},
                    "metricName": "m",
                    "targetValue": "5",
                    "averageValue": "2",
                },
            },
            {
                "type": "Object",
                "object": {
                    "describedObject": {"kind": "Service", "name": "s"},
                    "metric": {"name": "m"},
                    "target": {"type": "AverageValue", "averageValue": "2"},
                },
            },
        ),
        (
            {
                "type": "External",
                "external": {
                    "metricName": "m",
                    "metricSelector": {"matchLabels": {"q": "w"}},
                    "targetValue": "5",
                },
            },
            {
                "type": "External",
                "external": {
                    "metric": {"name": "m", "selector": {"matchLabels": {"q": "w"}}},
                    "target": {"type": "Value", "value": "5"},
                },
            },
        ),
    ],
    ids=["Resource", "Pods", "Object", "External"],
)
def test_autoscaling_v2beta1_metrics(before: Any, after: Any) -> None:
    assert converted(scaled_by(before)).obj["spec"]["metrics"] == [after]


@pytest.mark.parametrize(
    "metric",
    [
        {"type": "Moon"},
        {"type": 3},
        {"type": "Resource", "resource": {"name": "cpu"}},
        {
            "type": "Resource",
            "resource": {"targetAverageUtilization": 50, "targetAverageValue": "1"},
        },
    ],
)
def test_metrics_that_are_not_clear_are_refused(metric: Any) -> None:
    assert "metric" in refused(scaled_by(metric))
