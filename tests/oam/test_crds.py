"""Contract 1: the custom resource definitions, held against a short table of what the contract says."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

# Kind: plural, scope, short names, status subresource, printer columns.
KINDS: dict[str, tuple[str, str, list[str], bool, dict[str, str]]] = {
    "ApplicationConfiguration": (
        "applicationconfigurations",
        "Namespaced",
        ["appconfig"],
        True,
        {},
    ),
    "Component": (
        "components",
        "Namespaced",
        [],
        True,
        {"WORKLOAD-KIND": ".spec.workload.kind", "age": ".metadata.creationTimestamp"},
    ),
    "ContainerizedWorkload": ("containerizedworkloads", "Namespaced", [], True, {}),
    "ManualScalerTrait": ("manualscalertraits", "Namespaced", [], True, {}),
    "HealthScope": (
        "healthscopes",
        "Namespaced",
        [],
        True,
        {"HEALTH": ".status.scopeHealthCondition.healthStatus"},
    ),
    "WorkloadDefinition": (
        "workloaddefinitions",
        "Cluster",
        [],
        False,
        {"DEFINITION-NAME": ".spec.definitionRef.name"},
    ),
    "TraitDefinition": (
        "traitdefinitions",
        "Cluster",
        [],
        False,
        {"DEFINITION-NAME": ".spec.definitionRef.name"},
    ),
    "ScopeDefinition": (
        "scopedefinitions",
        "Cluster",
        [],
        False,
        {"DEFINITION-NAME": ".spec.definitionRef.name"},
    ),
}

# Where in the schema: what is required there, and what else is known. `*` steps into a list's elements.
REFERENCE = ("apiVersion kind name", "uid")
SCHEMAS: dict[str, dict[str, tuple[str, str]]] = {
    "WorkloadDefinition": {
        "spec": (
            "definitionRef",
            "childResourceKinds revisionLabel podSpecPath extension schematic",
        ),
        "spec.schematic": ("", "cue"),
        "spec.schematic.cue": ("template", ""),
        "spec.definitionRef": ("name", "version"),
        "spec.childResourceKinds.*": ("apiVersion kind", "selector"),
    },
    "TraitDefinition": {
        "spec": (
            "definitionRef",
            "revisionEnabled workloadRefPath appliesToWorkloads extension schematic",
        ),
        "spec.definitionRef": ("name", "version"),
    },
    "ScopeDefinition": {
        "spec": ("definitionRef allowComponentOverlap", "workloadRefsPath extension"),
        "spec.definitionRef": ("name", "version"),
    },
    "Component": {
        "spec": ("workload", "parameters"),
        "spec.parameters.*": ("name fieldPaths", "required description"),
        "status": ("", "observedGeneration conditions latestRevision"),
        "status.conditions.*": ("type status lastTransitionTime reason", "message"),
        "status.latestRevision": ("name revision", ""),
    },
    "ApplicationConfiguration": {
        "spec": ("components", ""),
        "spec.components.*": (
            "",
            "componentName revisionName parameterValues traits scopes dataOutputs dataInputs",
        ),
        "spec.components.*.parameterValues.*": ("name value", ""),
        "spec.components.*.traits.*": ("trait", "dataOutputs dataInputs"),
        "spec.components.*.scopes.*": ("scopeRef", ""),
        "spec.components.*.scopes.*.scopeRef": REFERENCE,
        "status": (
            "",
            "conditions status observedGeneration dependency workloads historyWorkloads",
        ),
        "status.conditions.*": ("type status lastTransitionTime reason", "message"),
        "status.dependency": ("", "unsatisfied"),
        "status.dependency.unsatisfied.*": ("reason from to", ""),
        "status.dependency.unsatisfied.*.from": ("apiVersion kind name", "uid fieldPath"),
        "status.dependency.unsatisfied.*.to": ("apiVersion kind name", "uid fieldPaths"),
        "status.workloads.*": (
            "",
            "status componentName componentRevisionName workloadRef traits scopes",
        ),
        "status.workloads.*.workloadRef": REFERENCE,
        "status.workloads.*.traits.*": ("traitRef", "status message"),
        "status.workloads.*.traits.*.traitRef": REFERENCE,
        "status.workloads.*.scopes.*": ("scopeRef", "status"),
        "status.workloads.*.scopes.*.scopeRef": REFERENCE,
        "status.historyWorkloads.*": ("", "revision workloadRef"),
        "status.historyWorkloads.*.workloadRef": REFERENCE,
    },
    "ContainerizedWorkload": {
        "spec": ("containers", "osType arch"),
        "spec.containers.*": (
            "name image",
            "command args env config ports livenessProbe readinessProbe imagePullSecret resources",
        ),
        "spec.containers.*.env.*": ("name", "value fromSecret"),
        "spec.containers.*.env.*.fromSecret": ("name key", ""),
        "spec.containers.*.config.*": ("path", "value fromSecret"),
        "spec.containers.*.config.*.fromSecret": ("name key", ""),
        "spec.containers.*.ports.*": ("name containerPort", "protocol"),
        "spec.containers.*.resources": ("cpu memory", "gpu volumes extended"),
        "spec.containers.*.resources.cpu": ("required", ""),
        "spec.containers.*.resources.memory": ("required", ""),
        "spec.containers.*.resources.gpu": ("required", ""),
        "spec.containers.*.resources.volumes.*": (
            "name mountPath",
            "accessMode sharingPolicy disk",
        ),
        "spec.containers.*.resources.volumes.*.disk": ("required", "ephemeral"),
        "spec.containers.*.resources.extended.*": ("name required", ""),
        "status": ("", "conditions resources"),
        "status.resources.*": REFERENCE,
    },
    "ManualScalerTrait": {
        "spec": ("replicaCount workloadRef", ""),
        "spec.workloadRef": REFERENCE,
        "status": ("", "conditions"),
    },
    "HealthScope": {
        "spec": ("workloadRefs", "probe-timeout probe-interval"),
        "spec.workloadRefs.*": REFERENCE,
        "status": ("scopeHealthCondition", "conditions healthConditions"),
        "status.scopeHealthCondition": (
            "healthStatus",
            "total healthyWorkloads unhealthyWorkloads unknownWorkloads",
        ),
        "status.healthConditions.*": (
            "healthStatus",
            "componentName targetWorkload diagnosis workloadStatus",
        ),
    },
}
for prefix in ("spec.components.*", "spec.components.*.traits.*"):
    app = SCHEMAS["ApplicationConfiguration"]
    app[f"{prefix}.dataOutputs.*"] = ("", "name fieldPath conditions outputStore")
    app[f"{prefix}.dataInputs.*"] = ("", "valueFrom toFieldPaths conditions inputStore")
    app[f"{prefix}.dataInputs.*.valueFrom"] = ("dataOutputName", "")
    for store in ("dataOutputs.*.outputStore", "dataInputs.*.inputStore"):
        app[f"{prefix}.{store}"] = ("apiVersion kind name", "uid operations")
        app[f"{prefix}.{store}.operations.*"] = (
            "type op toFieldPath",
            "toDataPath value valueFrom conditions",
        )
        app[f"{prefix}.{store}.operations.*.valueFrom"] = ("fieldPath", "")
        app[f"{prefix}.{store}.operations.*.conditions.*"] = ("op", "value valueFrom fieldPath")
    for side in ("dataOutputs", "dataInputs"):
        app[f"{prefix}.{side}.*.conditions.*"] = ("op", "value valueFrom fieldPath")
PROBE_TIMES = "initialDelaySeconds periodSeconds timeoutSeconds successThreshold failureThreshold"
for probe in ("livenessProbe", "readinessProbe"):
    container = SCHEMAS["ContainerizedWorkload"]
    container[f"spec.containers.*.{probe}"] = ("", f"exec httpGet tcpSocket {PROBE_TIMES}")
    container[f"spec.containers.*.{probe}.exec"] = ("command", "")
    container[f"spec.containers.*.{probe}.httpGet"] = ("path port", "httpHeaders")
    container[f"spec.containers.*.{probe}.httpGet.httpHeaders.*"] = ("name value", "")
    container[f"spec.containers.*.{probe}.tcpSocket"] = ("port", "")

FOLDER = Path(__file__).parents[2] / "charts/oam-kubernetes-runtime/crds"


def load_all(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


CRDS = {
    crd["spec"]["names"]["kind"]: crd for path in FOLDER.glob("*.yaml") for crd in load_all(path)
}


def schema_of(kind: str) -> dict[str, Any]:
    (version,) = CRDS[kind]["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def at(kind: str, place: str) -> dict[str, Any]:
    schema = schema_of(kind)
    for step in place.split("."):
        schema = schema["items"] if step == "*" else schema["properties"][step]
    return schema


def nodes(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield place, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{place}.{name}".strip("."))
    if "items" in schema:
        yield from nodes(schema["items"], f"{place}.*")


def test_1_there_is_a_definition_per_kind() -> None:
    assert CRDS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_1_names_scope_columns_and_subresources(kind: str) -> None:
    plural, scope, short, status, columns = KINDS[kind]
    crd = CRDS[kind]
    (version,) = crd["spec"]["versions"]
    assert crd["apiVersion"] == "apiextensions.k8s.io/v1"
    assert crd["metadata"]["name"] == f"{plural}.core.oam.dev"
    assert crd["spec"]["group"] == "core.oam.dev"
    assert crd["spec"]["scope"] == scope
    names = crd["spec"]["names"]
    assert (names["plural"], names["singular"], names["listKind"]) == (
        plural,
        kind.lower(),
        f"{kind}List",
    )
    assert names["categories"] == ["crossplane", "oam"]
    assert names.get("shortNames", []) == short
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha2", True, True)
    assert version.get("subresources") == ({"status": {}} if status else None)
    printed = version.get("additionalPrinterColumns", [])
    assert {column["name"]: column["jsonPath"] for column in printed} == columns


@pytest.mark.parametrize("kind", KINDS)
def test_1_fields_and_which_of_them_are_required(kind: str) -> None:
    for place, (required, optional) in SCHEMAS[kind].items():
        schema = at(kind, place)
        assert set(schema.get("required", [])) == set(required.split()), place
        assert set(schema["properties"]) == set(required.split()) | set(optional.split()), place


@pytest.mark.parametrize("kind", KINDS)
def test_1_schemas_are_structural_and_described(kind: str) -> None:
    for place, schema in nodes(schema_of(kind)):
        free = schema.get("x-kubernetes-int-or-string") or "type" in schema
        assert free, f"{place} has no type"
        if place != "metadata" and not (place.endswith(".*") and schema["type"] == "string"):
            assert schema.get("description", "").endswith("."), f"{place} isn't described"
        keeps = schema.get("x-kubernetes-preserve-unknown-fields", False)
        if schema.get("type") == "object" and place != "metadata":
            assert "properties" in schema or "additionalProperties" in schema or keeps, place


def test_1_embedded_objects_keep_what_they_hold() -> None:
    for kind, place in (
        ("Component", "spec.workload"),
        ("ApplicationConfiguration", "spec.components.*.traits.*.trait"),
    ):
        schema = at(kind, place)
        assert schema["x-kubernetes-embedded-resource"]
        assert schema["x-kubernetes-preserve-unknown-fields"]
        assert "properties" not in schema


@pytest.mark.parametrize(
    ("kind", "place", "keyword", "value"),
    [
        ("Component", "spec.parameters.*.required", "default", False),
        ("ContainerizedWorkload", "spec.osType", "enum", ["linux", "windows"]),
        ("ContainerizedWorkload", "spec.arch", "enum", ["i386", "amd64", "arm", "arm64"]),
        ("ContainerizedWorkload", "spec.containers.*.env.*.name", "pattern", "^[-_a-zA-Z0-9]+$"),
        ("ContainerizedWorkload", "spec.containers.*.ports.*.name", "pattern", "^[a-z]+$"),
        ("ContainerizedWorkload", "spec.containers.*.ports.*.protocol", "enum", ["TCP", "UDP"]),
        ("ContainerizedWorkload", "spec.containers.*.resources.cpu.required", "type", "string"),
        ("ManualScalerTrait", "spec.replicaCount", "format", "int32"),
        ("ApplicationConfiguration", "status.observedGeneration", "format", "int64"),
        ("ApplicationConfiguration", "status.conditions", "x-kubernetes-list-map-keys", ["type"]),
    ],
)
def test_1_limits_are_those_of_the_contract(
    kind: str, place: str, keyword: str, value: Any
) -> None:
    assert at(kind, place)[keyword] == value


def test_1_6_enum_like_strings_of_data_passing_are_not_limited() -> None:
    limited = [
        place for place, schema in nodes(schema_of("ApplicationConfiguration")) if "enum" in schema
    ]
    assert limited == []


# Objects against the schemas


def check(obj: dict[str, Any]) -> None:
    """Validate as an API server does that is asked for strict fields."""

    def closed(schema: dict[str, Any]) -> dict[str, Any]:
        schema = dict(schema)
        if schema.get("x-kubernetes-embedded-resource"):
            return {**schema, "required": ["apiVersion", "kind"]}
        if "properties" in schema:
            schema["properties"] = {
                name: closed(child) for name, child in schema["properties"].items()
            }
            schema["additionalProperties"] = False
        if "items" in schema:
            schema["items"] = closed(schema["items"])
        return schema

    schema = closed(schema_of(obj["kind"]))
    schema["properties"]["metadata"] = {"type": "object"}
    jsonschema.Draft7Validator(schema).validate(obj)


GOOD: list[dict[str, Any]] = [
    {
        "kind": "Component",
        "spec": {
            "workload": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"x": 1}},
            "parameters": [{"name": "image", "fieldPaths": ["spec.x"], "required": True}],
        },
    },
    {
        "kind": "ApplicationConfiguration",
        "spec": {
            "components": [
                {
                    "componentName": "web",
                    "parameterValues": [{"name": "a", "value": 1}, {"name": "b", "value": "1"}],
                    "traits": [{"trait": {"apiVersion": "v1", "kind": "Service"}}],
                    # Go clients store empty structs (contract 1.6).
                    "dataOutputs": [{"outputStore": {"apiVersion": "", "kind": "", "name": ""}}],
                    "dataInputs": [{"valueFrom": {"dataOutputName": ""}}],
                }
            ]
        },
        "status": {"observedGeneration": 0, "dependency": {}},
    },
    {"kind": "HealthScope", "spec": {"workloadRefs": [], "probe-timeout": 60}},
    {
        "kind": "ContainerizedWorkload",
        "spec": {
            "osType": "linux",
            "containers": [
                {
                    "name": "web",
                    "image": "nginx",
                    "resources": {"cpu": {"required": "1"}, "memory": {"required": "100Mi"}},
                }
            ],
        },
    },
    {
        "kind": "ManualScalerTrait",
        "spec": {
            "replicaCount": 0,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        },
    },
    {
        "kind": "WorkloadDefinition",
        "spec": {"definitionRef": {"name": "deployments.apps"}, "extension": {"free": [1]}},
    },
    {
        "kind": "TraitDefinition",
        "spec": {"definitionRef": {"name": "services"}, "appliesToWorkloads": ["*"]},
    },
    {
        "kind": "ScopeDefinition",
        "spec": {"definitionRef": {"name": "x"}, "allowComponentOverlap": True},
    },
]

BAD: list[tuple[str, str, Any]] = [
    ("Component", "spec.workload", {"kind": "Deployment"}),
    ("Component", "spec.workload", "text"),
    ("Component", "spec.parameters", [{"name": "a"}]),
    ("Component", "spec.parameters", [{"name": "a", "fieldPaths": [1]}]),
    ("ApplicationConfiguration", "spec", {}),
    ("ApplicationConfiguration", "spec.components", [{"component": "misspelt"}]),
    ("ApplicationConfiguration", "spec.components", [{"traits": [{}]}]),
    ("ApplicationConfiguration", "spec.components", [{"parameterValues": [{"name": "a"}]}]),
    (
        "ApplicationConfiguration",
        "spec.components",
        [{"parameterValues": [{"name": "a", "value": True}]}],
    ),
    ("ApplicationConfiguration", "spec.components", [{"scopes": [{"scopeRef": {"name": "a"}}]}]),
    ("ApplicationConfiguration", "spec.components", [{"dataOutputs": [{"OutputStore": {}}]}]),
    ("HealthScope", "spec", {}),
    ("ManualScalerTrait", "spec", {"replicaCount": 3}),
    ("ContainerizedWorkload", "spec.osType", "plan9"),
    ("ContainerizedWorkload", "spec.containers", [{"name": "a"}]),
    (
        "ContainerizedWorkload",
        "spec.containers",
        [
            {
                "name": "a",
                "image": "b",
                "resources": {"cpu": {"required": 1}, "memory": {"required": "1"}},
            }
        ],
    ),
    (
        "ContainerizedWorkload",
        "spec.containers",
        [{"name": "a", "image": "b", "ports": [{"name": "p1", "containerPort": 1}]}],
    ),
    ("ScopeDefinition", "spec", {"definitionRef": {"name": "x"}}),
    ("TraitDefinition", "spec", {"definitionRef": {}}),
]


@pytest.mark.parametrize("obj", GOOD, ids=[obj["kind"] for obj in GOOD])
def test_1_good_objects_are_accepted(obj: dict[str, Any]) -> None:
    check({"apiVersion": "core.oam.dev/v1alpha2", "metadata": {"name": "x"}, **obj})


@pytest.mark.parametrize(("kind", "place", "value"), BAD)
def test_1_wrong_objects_are_refused(kind: str, place: str, value: Any) -> None:
    obj = copy.deepcopy(next(good for good in GOOD if good["kind"] == kind))
    parent = obj
    *way, last = place.split(".")
    for step in way:
        parent = parent[step]
    parent[last] = value
    with pytest.raises(jsonschema.ValidationError):
        check(obj)


@pytest.mark.parametrize("folder", ["config", "config-2020"])
def test_the_course_files_are_accepted(folder: str, project_root: Path) -> None:
    files = sorted((project_root / "flask-demo" / folder).glob("*.y*ml"))
    documents = [document for file in files for document in load_all(file)]
    checked = [document for document in documents if document.get("kind") in KINDS]
    for document in checked:
        check(document)
    assert {document["kind"] for document in checked} >= {"Component", "ApplicationConfiguration"}
