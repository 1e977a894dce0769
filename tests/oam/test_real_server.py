"""What only an API server can tell: that it takes our schemas and what our conversions make."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oamkit.oam.legacy import RULES, Conversion, convert

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.apiserver import ControlPlane, control_plane

pytestmark = pytest.mark.binaries


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("plane")) as running:
        yield running


def test_1_the_server_finds_every_schema_structural(
    plane: ControlPlane, project_root: Path
) -> None:
    folder = project_root / "charts/oam-kubernetes-runtime/crds"
    plane.kubectl("apply", f"--filename={folder}", "--validate=strict")
    plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
    crds = json.loads(plane.kubectl("get", "crd", "--output=json"))["items"]
    conditions = {condition["type"] for crd in crds for condition in crd["status"]["conditions"]}
    assert len(crds) == 8
    assert conditions == {"NamesAccepted", "Established"}


TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web"}]},
}
APPS = {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
BACKEND = {"serviceName": "web", "servicePort": "http"}
JOB = {"spec": {"template": {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}}}
METRIC = {"metricName": "m", "targetAverageValue": "1"}
METRICS = {
    "v2beta1": [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 50}},
        {"type": "Pods", "pods": {**METRIC, "selector": {"matchLabels": {"q": "w"}}}},
        {"type": "External", "external": {**METRIC, "metricSelector": {"matchLabels": {"q": "w"}}}},
        {
            "type": "Object",
            "object": {
                "target": {"apiVersion": "v1", "kind": "Service", "name": "web"},
                "metricName": "m",
                "targetValue": "5",
            },
        },
    ],
    "v2beta2": [
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 50},
            },
        }
    ],
}

BODIES: dict[str, dict[str, Any]] = {
    "Deployment": {"spec": APPS},
    "ReplicaSet": {"spec": APPS},
    "DaemonSet": {"spec": APPS},
    "StatefulSet": {"spec": {**APPS, "serviceName": "web"}},
    "Ingress": {
        "spec": {
            "backend": {"serviceName": "web", "servicePort": 80},
            "rules": [
                {"http": {"paths": [{"path": "/", "backend": BACKEND}, {"backend": BACKEND}]}}
            ],
        }
    },
    "CronJob": {"spec": {"schedule": "@daily", "jobTemplate": JOB}},
    "Lease": {"spec": {"holderIdentity": "web"}},
    "EndpointSlice": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "topology": {}}],
    },
    "NetworkPolicy": {"spec": {"podSelector": {}}},
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": APPS["selector"]}},
    "Role": {"rules": []},
    "RoleBinding": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"}
    },
    "HorizontalPodAutoscaler": {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        }
    },
}


def test_design_5_the_server_takes_what_every_conversion_makes(plane: ControlPlane) -> None:
    objects = []
    for (api_version, kind), rule in RULES.items():
        name = f"{kind}-{api_version.replace('/', '-')}".lower()
        obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **BODIES[kind]}
        metrics = METRICS.get(api_version.rpartition("/")[2])
        if kind == "HorizontalPodAutoscaler" and metrics:
            obj = {**obj, "spec": {**obj["spec"], "metrics": metrics}}
        if kind == "Ingress":
            obj["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "traefik"}
        result = convert(obj, lambda version, _, to=rule.to: version == to)
        assert isinstance(result, Conversion), result
        objects.append(result.obj)
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    flags = ("--dry-run=server", "--validate=strict", "--output=name", "--filename=-")
    created = plane.kubectl("create", *flags, input=json.dumps(listed)).split()
    assert len(created) == len(RULES)
