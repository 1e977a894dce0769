"""Health of workloads and scopes (contract 8); ``11_4`` in names stands for the contract's list of unit behaviours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from oamkit.errors import OamKitError
from oamkit.oam import TypedReference
from oamkit.oam.health import HEALTHY, UNHEALTHY, UNKNOWN, Health, check, health_status

Obj = dict[str, Any]
CW = ("core.oam.dev/v1alpha2", "ContainerizedWorkload")
POD_SPEC = ("standard.oam.dev/v1alpha1", "PodSpecWorkload")
DEPLOYMENT, SERVICE = ("apps/v1", "Deployment"), ("v1", "Service")
BOTH = {"app.oam.dev/component": "web", "app.oam.dev/name": "app"}


class Copy:
    """A cluster that is a dict."""

    def __init__(self, *objects: Obj, unlistable: bool = False) -> None:
        self.objects = {(o["apiVersion"], o["kind"], o["metadata"]["name"]): o for o in objects}
        self.unlistable = unlistable

    def get(self, reference: TypedReference) -> Obj:
        key = (reference.api_version, reference.kind, reference.name)
        if key not in self.objects:
            raise OamKitError(f"{reference.kind} {reference.name} not found")
        return self.objects[key]

    def peers(self, reference: TypedReference, labels: Mapping[str, str]) -> Sequence[Obj]:
        if self.unlistable:
            raise OamKitError("no list")
        return [
            obj
            for (api_version, kind, _), obj in self.objects.items()
            if (api_version, kind) == (reference.api_version, reference.kind)
            and labels.items() <= obj["metadata"].get("labels", {}).items()
        ]


def obj(kind: tuple[str, str], name: str, labels: Obj | None = None, **fields: Any) -> Obj:
    metadata = {"name": name, "uid": f"uid-{name}", "labels": labels or {}}
    return {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, **fields}


def ready(have: int, want: int, name: str = "web", labels: Obj | None = None) -> Obj:
    return obj(DEPLOYMENT, name, labels, spec={"replicas": want}, status={"readyReplicas": have})


def ref(kind: tuple[str, str] = DEPLOYMENT, name: str = "web") -> TypedReference:
    return TypedReference(*kind, name)


@pytest.mark.parametrize("api_version", ["apps/v1beta1", "extensions/v1beta1"])
def test_11_4_55_a_kind_is_only_known_in_its_exact_version(api_version: str) -> None:
    kind = (api_version, "Deployment")
    assert check(ref(kind), Copy(obj(kind, "web"))).status == UNKNOWN


def composed(kind: tuple[str, str], *children: tuple[str, str]) -> Obj:
    resources = [{"apiVersion": a, "kind": k, "name": "web"} for a, k in children]
    return obj(kind, "web", status={"resources": resources})


@pytest.mark.parametrize("kind", [CW, POD_SPEC], ids=["11_4_56", "11_4_61"])
@pytest.mark.parametrize(
    ("cluster", "status", "diagnosis"),
    [
        ([ready(1, 1), obj(SERVICE, "web")], HEALTHY, "Ready:1/1 "),
        ([ready(0, 1), obj(SERVICE, "web")], UNHEALTHY, "Ready:0/1 "),
        ([ready(1, 1)], UNHEALTHY, "Ready:1/1 error occurs in health check : Service web not found "),
        ([obj(SERVICE, "web")], UNHEALTHY, "error occurs in health check : Deployment web not found "),
    ],
    ids=["healthy", "not ready", "no service", "no deployment"],
)  # fmt: skip
def test_11_4_56_61_a_composed_workload_is_as_healthy_as_what_it_made(
    kind: tuple[str, str], cluster: list[Obj], status: str, diagnosis: str
) -> None:
    health = check(ref(kind), Copy(composed(kind, DEPLOYMENT, SERVICE), *cluster))
    assert (health.status, health.diagnosis) == (status, diagnosis)
    assert health.target.uid == "uid-web"


def test_8_a_containerized_workload_without_a_port_is_as_healthy_as_its_deployment() -> None:
    assert check(ref(CW), Copy(composed(CW, DEPLOYMENT), ready(1, 1))).status == HEALTHY
    assert check(ref(CW), Copy(composed(CW, DEPLOYMENT), ready(0, 1))).status == UNHEALTHY
    assert check(ref(POD_SPEC), Copy(composed(POD_SPEC, DEPLOYMENT), ready(1, 1))).status == (
        UNHEALTHY
    )


@pytest.mark.parametrize("kind", [CW, POD_SPEC], ids=["11_4_56", "11_4_61"])
def test_11_4_56_61_a_composed_workload_that_cannot_be_read_or_made_nothing(
    kind: tuple[str, str],
) -> None:
    assert check(ref(kind), Copy()).status == UNHEALTHY
    health = check(ref(kind), Copy(composed(kind, SERVICE)))
    assert (health.status, health.diagnosis) == (
        UNHEALTHY,
        "cannot get child resource references of workload web",
    )


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize(
    ("spec", "status", "health", "diagnosis"),
    [
        ({"replicas": 2}, {"readyReplicas": 2}, HEALTHY, "Ready:2/2 "),
        ({"replicas": 2}, {}, UNHEALTHY, "Ready:0/2 "),
        ({}, {}, HEALTHY, "Ready:0/0 "),
        ({"replicas": 1}, {"readyReplicas": 2}, UNHEALTHY, "Ready:2/1 "),
    ],
)
def test_11_4_57_replicas_that_are_ready(
    kind: str, spec: Obj, status: Obj, health: str, diagnosis: str
) -> None:
    workload = obj(("apps/v1", kind), "web", spec=spec, status=status)
    found = check(ref(("apps/v1", kind)), Copy(workload))
    assert (found.status, found.diagnosis) == (health, diagnosis)


@pytest.mark.parametrize(("missing", "health"), [(0, HEALTHY), (1, UNHEALTHY)])
def test_11_4_57_a_daemon_set_lacks_no_node(missing: int, health: str) -> None:
    status = {"numberUnavailable": missing, "numberReady": 2, "desiredNumberScheduled": 3}
    kind = ("apps/v1", "DaemonSet")
    found = check(ref(kind), Copy(obj(kind, "web", status=status)))
    assert (found.status, found.diagnosis) == (health, "Ready:2/3 ")


def test_11_4_57_what_cannot_be_read_is_unhealthy() -> None:
    found = check(ref(), Copy())
    assert found.status == UNHEALTHY
    assert found.diagnosis == (
        "error occurs in health check : Deployment web not found"
        " error occurs when get versioning peer workloads refs:Deployment web not found"
    )


@pytest.mark.parametrize(
    ("fields", "own"), [({"status": {"unknown": 1}}, '{"unknown":1}'), ({}, "null")]
)
def test_11_4_58_an_unknown_kind_shows_its_own_status(fields: Obj, own: str) -> None:
    kind = ("example.com/v1", "Foo")
    found = check(ref(kind), Copy(obj(kind, "web", **fields)))
    assert found.status == UNKNOWN
    assert found.workload_status == own
    assert found.diagnosis == (
        "APIVersion example.com/v1 Kind Foo workload is unknown for HealthScope "
    )
    assert not found.target.uid


def test_11_4_58_a_missing_object_of_an_unknown_kind_is_unhealthy() -> None:
    found = check(ref(("example.com/v1", "Foo")), Copy())
    assert found.status == UNHEALTHY
    assert found.diagnosis.startswith("error occurs in health check : Foo web not found")


def test_11_4_59_peers_are_told_together() -> None:
    everyone = [ready(1, 1, "web-v2", BOTH), ready(2, 2, "web-v1", BOTH)]
    found = check(ref(name="web-v2"), Copy(*everyone))
    assert found.to_dict() == {
        "componentName": "web",
        "targetWorkload": ref(name="web-v2").to_dict() | {"uid": "uid-web-v2"},
        "healthStatus": HEALTHY,
        "diagnosis": "web-v2:Ready:1/1 web-v1:Ready:2/2",
    }


def test_11_4_59_one_unhealthy_peer_makes_all_unhealthy() -> None:
    everyone = [ready(1, 1, "web-v2", BOTH), ready(1, 2, "web-v1", BOTH)]
    assert check(ref(name="web-v2"), Copy(*everyone)).status == UNHEALTHY


def test_11_4_59_peers_that_cannot_be_listed_make_it_unhealthy() -> None:
    found = check(ref(), Copy(ready(1, 1, labels=BOTH), unlistable=True))
    assert found.status == UNHEALTHY
    assert found.diagnosis == (
        "Ready:1/1  error occurs when get versioning peer workloads refs:no list"
    )


@pytest.mark.parametrize("missing", BOTH)
def test_8_without_both_labels_there_are_no_peers(missing: str) -> None:
    labels = {key: value for key, value in BOTH.items() if key != missing}
    cluster = Copy(ready(1, 1, labels=labels), ready(0, 1, "other", labels), unlistable=True)
    assert check(ref(), cluster).diagnosis == "Ready:1/1 "


def test_11_4_60_newest_first_and_old_ones_that_were_scaled_away_left_out() -> None:
    names = {"web-v1": 0, "web-v12": 1, "web": 0, "web-v2": 0}
    cluster = Copy(*(ready(count, count, name, BOTH) for name, count in names.items()))
    found = check(ref(name="web-v12"), cluster)
    assert found.diagnosis == "web-v12:Ready:1/1 web-v2:Ready:0/0"
    cluster = Copy(*(ready(1, 1, name, BOTH) for name in names))
    told = [text.partition(":")[0] for text in check(ref(), cluster).diagnosis.split()]
    assert told == ["web-v12", "web-v2", "web-v1", "web"]


def test_11_4_60_peers_of_an_unknown_kind_show_their_statuses() -> None:
    kind = ("example.com/v1", "Foo")
    cluster = Copy(*(obj(kind, name, BOTH, status={"n": name}) for name in ("a-v1", "a-v2")))
    found = check(ref(kind, "a-v2"), cluster)
    assert found.status == UNKNOWN
    assert found.workload_status == 'a-v2:{"n":"a-v2"} a-v1:{"n":"a-v1"}'


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ([], {"healthStatus": HEALTHY}),
        ([HEALTHY] * 2, {"healthStatus": HEALTHY, "total": 2, "healthyWorkloads": 2}),
        (
            [HEALTHY, UNHEALTHY],
            {"healthStatus": UNHEALTHY, "total": 2, "healthyWorkloads": 1, "unhealthyWorkloads": 1},
        ),
        (
            [HEALTHY, UNKNOWN],
            {"healthStatus": UNHEALTHY, "total": 2, "healthyWorkloads": 1, "unknownWorkloads": 1},
        ),
    ],
)
def test_11_4_62_a_scope_is_healthy_if_all_in_it_are(states: list[str], wanted: Obj) -> None:
    before = {"conditions": [{"type": "Others"}], "healthConditions": [{"healthStatus": "old"}]}
    healths = [Health(ref(name=f"w{i}"), state) for i, state in enumerate(states)]
    status = health_status(before, healths)
    assert status["scopeHealthCondition"] == wanted
    assert status["conditions"] == before["conditions"]
    assert [c["healthStatus"] for c in status.get("healthConditions", [])] == states
