"""What holds for every application, whatever it consists of; and that it is quick."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from oamkit.errors import RenderError
from oamkit.oam import (
    ApplicationConfiguration,
    KindKey,
    Plan,
    ServedKind,
    World,
    needs,
    render,
    succeeded,
)

labels = st.dictionaries(
    st.sampled_from(["app", "team", "app.oam.dev/name", "app.oam.dev/component"]),
    st.text("abc", max_size=3),
    max_size=3,
)
metadata = st.fixed_dictionaries(
    {}, optional={"labels": labels, "annotations": labels, "name": st.sampled_from(["a", "b", ""])}
)
objects = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["apps/v1", "extensions/v1beta1"]),
        "kind": st.just("Deployment"),
        "spec": st.fixed_dictionaries(
            {"replicas": st.integers(0, 3)},
            optional={"template": st.just({"metadata": {"labels": {"a": "b"}}})},
        ),
    },
    optional={"metadata": metadata},
)
values = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("pq"), "value": st.integers(0, 9) | st.text("xy", max_size=2)}
    ),
    max_size=2,
)
entries = st.fixed_dictionaries(
    {"componentName": st.sampled_from(["one", "two", "three"])},
    optional={
        "parameterValues": values,
        "traits": st.lists(st.fixed_dictionaries({"trait": objects}), max_size=3),
    },
)
applications = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.just("example"), "uid": st.just("app-uid")},
            optional={"labels": labels, "annotations": labels, "generation": st.integers(1, 9)},
        ),
        "spec": st.fixed_dictionaries({"components": st.lists(entries, max_size=3)}),
    }
)
workloads = st.fixed_dictionaries({"one": objects, "two": objects, "three": objects})

PARAMETERS = [
    {"name": "p", "fieldPaths": ["spec.template.metadata.labels.p"]},
    {"name": "q", "fieldPaths": ["spec.replicas"]},
]


def world_of(app: ApplicationConfiguration, templates: dict[str, Any]) -> World:
    world = World()
    while wanted := needs(app, world):
        world = world.with_facts(
            {
                key: {
                    "metadata": {"name": key.name},
                    "spec": {"workload": templates[key.name], "parameters": PARAMETERS},
                }
                if key.kind == "Component"
                else None
                for key in wanted.objects
            },
            {
                key: ServedKind("deployments") if key == KindKey("apps/v1", "Deployment") else None
                for key in wanted.kinds
            },
        )
    return world


@settings(deadline=None, max_examples=150)
@given(applications, workloads)
def test_every_rendering(data: dict[str, Any], templates: dict[str, Any]) -> None:
    before = copy.deepcopy((data, templates))
    app = ApplicationConfiguration.parse(data)
    world = world_of(app, templates)
    outcome = rendered(app, world)
    assert (data, templates) == before, "an input was changed"
    assert outcome == rendered(app, world), "rendering is not deterministic"
    event("rendered" if isinstance(outcome, Plan) else "refused")
    if isinstance(outcome, Plan):
        check_plan(app, data, world, outcome)


def rendered(app: ApplicationConfiguration, world: World) -> Plan | str:
    """Return the plan, or how rendering explains that there is none."""
    try:
        return render(app, world)
    except RenderError as error:
        return error.message


def check_plan(
    app: ApplicationConfiguration, data: dict[str, Any], world: World, plan: Plan
) -> None:
    seen = set()
    for obj in plan.objects():
        marks = obj["metadata"]
        assert [owner["uid"] for owner in marks["ownerReferences"]] == ["app-uid"]
        assert marks["namespace"] == "default"
        assert marks["labels"]["app.oam.dev/name"] == "example"
        assert marks["labels"]["app.oam.dev/component"] in {"one", "two", "three"}
        assert marks["labels"]["app.oam.dev/resourceType"] in {"WORKLOAD", "TRAIT"}
        assert marks["annotations"]["app.oam.dev/generation"] == str(app.generation)
        assert obj["apiVersion"] == "apps/v1"
        assert marks["name"]
        seen.add(marks["name"])
        json.dumps(obj)
    assert len(seen) == len(list(plan.objects())), "two objects have one name"
    recorded = succeeded(app, {}, plan, now="2026-01-01T00:00:00Z")
    settled = ApplicationConfiguration.parse({**data, "status": recorded})
    assert render(settled, world) == plan, "a second pass renders something else"


def test_rendering_one_application_takes_less_than_a_millisecond(facts: Any, make: Any) -> None:
    container = {"name": "web", "image": "flask-sample:v1", "ports": [{"containerPort": 80}]}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [container]},
            },
        },
    }
    facts.add(make.component(workload=workload))
    ingress = {
        "apiVersion": "extensions/v1beta1",
        "kind": "Ingress",
        "spec": {"backend": {"serviceName": "web", "servicePort": 80}},
    }
    app = ApplicationConfiguration.parse(make.app(make.entry("web", make.scaler(), ingress)))
    world = facts.world(app)

    def seconds() -> float:
        start = time.perf_counter()
        needs(app, world)
        render(app, world)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(50)) < 0.001
