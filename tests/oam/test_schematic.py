"""Templates of definitions: what CUE is asked, and what becomes of its answers. CUE is played here; tests/runtime asks the real one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oamkit.errors import RenderError
from oamkit.oam import ApplicationConfiguration, render
from oamkit.oam.offline import FileFacts, as_new, gather
from oamkit.oam.schematic import CueCall, Template

Obj = dict[str, Any]
WEBSERVICE = "output: {}\nparameter: {image: string}\n"


def definition(kind: str, name: str, template: str, ref: str = "deployments.apps") -> Obj:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": f"{kind}Definition",
        "metadata": {"name": name},
        "spec": {"definitionRef": {"name": ref}, "schematic": {"cue": {"template": template}}},
    }


def typed(
    kind: str, type_: str, properties: Obj, api_version: str = "apps/v1", **labels: str
) -> Obj:
    label = "trait" if kind in ("Ingress", "Scaler") else "workload"
    return {
        "apiVersion": api_version,
        "kind": "Deployment" if kind == "Scaler" else kind,
        "metadata": {"labels": {f"{label}.oam.dev/type": type_, **labels}},
        "properties": properties,
    }


def component(workload: Obj, **spec: Any) -> Obj:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "Component",
        "metadata": {"name": "web"},
        "spec": {"workload": workload, **spec},
    }


def app(*traits: Obj, **entry: Any) -> Obj:
    entries = [{"componentName": "web", "traits": [{"trait": trait} for trait in traits], **entry}]
    return as_new(
        {"metadata": {"name": "shop", "labels": {"team": "a"}}, "spec": {"components": entries}},
        "prod",
    )


class Cue:
    """Answers with what a function makes of the parameters and the context; remembers what it was asked."""

    def __init__(self, **makers: Any) -> None:
        self.makers = makers
        self.asked: list[CueCall] = []

    def __call__(self, call: CueCall) -> Any:
        self.asked.append(call)
        given = dict(line.split(": ", 1) for line in call.source.splitlines()[call.lines :])
        name = call.file.removesuffix(".cue")
        return self.makers[name](json.loads(given["parameter"]), json.loads(given["context"]))


def webservice(parameter: Obj, context: Obj) -> Obj:
    made: Obj = {
        "output": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"labels": {"app": context["name"]}},
            "spec": {
                "containers": [{"name": context["name"], "image": parameter.get("image", "")}]
            },
        }
    }
    if "port" in parameter:
        made["outputs"] = {
            "service": {"apiVersion": "v1", "kind": "Service", "spec": {"port": parameter["port"]}}
        }
    return made


def plan(objects: list[Obj], application: Obj, cue: Cue) -> list[Obj]:
    parsed = ApplicationConfiguration.parse(application)
    world = gather(parsed, FileFacts(objects, "prod", cue))
    return list(render(parsed, world).objects())


def test_a_workload_is_what_its_types_template_makes() -> None:
    cue = Cue(webservice=webservice)
    objects = [
        definition("Workload", "webservice", WEBSERVICE),
        component(typed("Deployment", "webservice", {"image": "a:1", "port": 80}, tier="front")),
    ]
    deployment, service = plan(objects, app(), cue)
    assert deployment["spec"]["containers"] == [{"name": "web", "image": "a:1"}]
    labels = deployment["metadata"]["labels"]
    assert (labels["app"], labels["tier"], labels["workload.oam.dev/type"]) == (
        "web",
        "front",
        "webservice",
    )
    assert labels["app.oam.dev/resourceType"] == "WORKLOAD"
    assert deployment["metadata"]["name"] == "web"
    assert "properties" not in deployment
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == (
        "web-service",
        "prod",
    )
    assert service["metadata"]["labels"]["app.oam.dev/resourceType"] == "TRAIT"
    assert len(cue.asked) == 1


def test_the_context_is_given() -> None:
    seen: list[Obj] = []

    def look(parameter: Obj, context: Obj) -> Obj:
        seen.append(context)
        return webservice(parameter, context)

    plan(
        [
            definition("Workload", "webservice", WEBSERVICE),
            component(typed("Deployment", "webservice", {})),
        ],
        app(),
        Cue(webservice=look),
    )
    assert seen == [
        {"name": "web", "appName": "shop", "namespace": "prod", "revision": "web-v1", "componentType": "webservice",
         "appLabels": {"team": "a"}, "appAnnotations": {}}
    ]  # fmt: skip


def test_an_applications_parameters_reach_the_properties() -> None:
    objects = [
        definition("Workload", "webservice", WEBSERVICE),
        component(
            typed("Deployment", "webservice", {"image": "a:1"}),
            parameters=[{"name": "image", "fieldPaths": ["properties.image"]}],
        ),
    ]
    [found] = plan(
        objects,
        app(parameterValues=[{"name": "image", "value": "b:2"}]),
        Cue(webservice=webservice),
    )
    assert found["spec"]["containers"][0]["image"] == "b:2"


SIDECAR = (
    "patch: spec: {\n\t// +patchKey=name\n\tcontainers: [parameter]\n}\nparameter: {name: string}\n"
)


def test_traits_patch_the_workload_in_their_order_and_make_objects() -> None:
    def sidecar(parameter: Obj, context: Obj) -> Obj:
        assert context["output"]["spec"]["containers"][0]["name"] == "web"
        return {"patch": {"spec": {"containers": [parameter]}}}

    def gateway(parameter: Obj, context: Obj) -> Obj:
        assert list(context["outputs"]) == ["service"]
        return {
            "outputs": {
                "ingress": {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "Ingress",
                    "metadata": {"name": context["name"]},
                    "spec": {"host": parameter["host"]},
                }
            }
        }

    cue = Cue(webservice=webservice, sidecar=sidecar, gateway=gateway)
    objects = [
        definition("Workload", "webservice", WEBSERVICE),
        definition("Trait", "sidecar", SIDECAR),
        definition(
            "Trait",
            "gateway",
            "outputs: {}\nparameter: {host: string}",
            "ingresses.networking.k8s.io",
        ),
        component(typed("Deployment", "webservice", {"image": "a", "port": 80})),
    ]
    traits = [
        typed("Scaler", "sidecar", {"name": "log"}),
        typed("Ingress", "gateway", {"host": "a.example"}, "networking.k8s.io/v1"),
        typed("Scaler", "sidecar", {"name": "proxy"}),
    ]
    deployment, service, ingress = plan(objects, app(*traits), cue)
    assert [each["name"] for each in deployment["spec"]["containers"]] == ["web", "log", "proxy"]
    assert service["kind"] == "Service"
    assert ingress["metadata"]["name"] == "web"
    assert ingress["metadata"]["labels"]["trait.oam.dev/type"] == "gateway"
    assert len(cue.asked) == 4


def test_a_trait_patches_a_workload_without_a_template() -> None:
    plain = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"containers": [{"name": "web"}]},
    }
    cue = Cue(sidecar=lambda parameter, context: {"patch": {"spec": {"containers": [parameter]}}})
    objects = [definition("Trait", "sidecar", SIDECAR), component(plain)]
    [found] = plan(objects, app(typed("Scaler", "sidecar", {"name": "log"})), cue)
    assert [each["name"] for each in found["spec"]["containers"]] == ["web", "log"]


def test_without_a_schematic_properties_are_what_they_are() -> None:
    plain = definition("Workload", "webservice", "")
    del plain["spec"]["schematic"]
    [found] = plan([plain, component(typed("Deployment", "webservice", {"a": 1}))], app(), Cue())
    assert found["properties"] == {"a": 1}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda p, c: {}, "made no output"),
        (lambda p, c: {"output": {"kind": "Deployment"}}, "output has no apiVersion and kind"),
        (lambda p, c: {"output": []}, "output isn't a struct"),
        (
            lambda p, c: {"output": {"apiVersion": "apps/v1", "kind": "StatefulSet"}},
            "made a StatefulSet of apps/v1, but",
        ),
        (lambda p, c: webservice(p, c) | {"errs": ["no such size"]}, "refuses: no such size"),
        (lambda p, c: RenderError("webservice.cue:1:2: wrong"), "webservice.cue:1:2: wrong"),
    ],
)
def test_what_a_template_may_not_make(answer: Any, message: str) -> None:
    objects = [
        definition("Workload", "webservice", WEBSERVICE),
        component(typed("Deployment", "webservice", {})),
    ]
    with pytest.raises(RenderError, match=message):
        plan(objects, app(), Cue(webservice=answer))


def test_a_patch_that_contradicts_names_the_trait() -> None:
    cue = Cue(scaler=lambda p, c: {"patch": {"spec": {"containers": []}}})
    plain = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"containers": [{"name": "web"}]},
    }
    objects = [definition("Trait", "scaler", "patch: {}"), component(plain)]
    with pytest.raises(RenderError, match='TraitDefinition "scaler": the patch has 0 elements'):
        plan(objects, app(typed("Scaler", "scaler", {})), cue)


def test_data_passing_of_what_a_template_makes_is_refused() -> None:
    cue = Cue(gateway=lambda p, c: {"outputs": {"a": {"apiVersion": "v1", "kind": "Service"}}})
    plain = {"apiVersion": "apps/v1", "kind": "Deployment"}
    objects = [definition("Trait", "gateway", "outputs: {}"), component(plain)]
    application = app(typed("Scaler", "gateway", {}))
    application["spec"]["components"][0]["traits"][0]["dataOutputs"] = [
        {"name": "x", "fieldPath": "spec"}
    ]
    with pytest.raises(RenderError, match="dataInputs and dataOutputs aren't supported"):
        plan(objects, application, cue)


@pytest.mark.parametrize(
    ("kind", "template", "message"),
    [
        ("Workload", "output: {}\npatchOutputs: {}", "a.cue:2:1: patchOutputs isn't supported"),
        ("Trait", "patch: {}\nprocessing: http: {}", "a.cue:2:1: processing isn't supported"),
        (
            "Workload",
            "output: a: context.publishVersion",
            "a.cue:1:12: context.publishVersion isn't supported",
        ),
        ("Workload", "output: {}\npatch: {}", "patch is for traits"),
        ("Workload", "parameter: {}", "the template has no output"),
        ("Trait", "output: {}", "output is for workloads"),
        ("Trait", "parameter: {}", "neither outputs nor patch"),
        (
            "Trait",
            "patch: {\n// +patchStrategy=jsonPatch\na: 1}",
            r"line 2 of the template: \+patchStrategy=jsonPatch isn't",
        ),
    ],
)
def test_what_is_not_supported_is_refused_with_its_name(
    kind: str, template: str, message: str
) -> None:
    found = Template.of(definition(kind, "a", template))
    assert found is not None
    with pytest.raises(RenderError, match=message):
        found.call({}, {})
    with pytest.raises(RenderError, match=message):
        found.check()


def test_another_schematic_is_refused_with_its_name() -> None:
    wrong = definition("Workload", "a", "")
    wrong["spec"]["schematic"] = {"helm": {}}
    with pytest.raises(RenderError, match=r"spec\.schematic\.helm isn't supported"):
        Template.of(wrong)


def test_columns_and_lines_of_the_template_stay() -> None:
    text = "output: {}\n\tparameter: {image: string}\n"
    found = Template.of(definition("Workload", "a", text))
    assert found is not None
    call = found.call({}, {"image": "x"})
    body = call.source.splitlines()[: call.lines - 1]
    assert [len(line) for line in body] == [len(line) for line in text.splitlines()]
    assert "parameter" not in body[1]


def test_the_same_question_is_the_same_call() -> None:
    found = Template.of(definition("Workload", "a", WEBSERVICE))
    assert found is not None
    assert found.call({"name": "x", "appName": "y"}, {}) == found.call(
        {"appName": "y", "name": "x"}, {}
    )
