"""Lesson 07: operate the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

_DEPLOYED = """
apply("flask-demo/config/")
wait_for("deployment", "web")
"""
_APPLICATION = """
application = yaml.safe_load(Path("flask-demo/config/appconfig.yaml").read_text(encoding="utf-8"))
web = application["spec"]["components"][0]
"""
_MISSING = "There is no application 'example': apply flask-demo/config/ first."


def _scaler(count: int, rest: str = "apply(application)\n") -> str:
    return f"""{_APPLICATION}
scaler = {{
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "ManualScalerTrait",
    "metadata": {{"name": "web-scaler"}},
    "spec": {{"replicaCount": {count}}},
}}
web["traits"].append({{"trait": scaler}})
{rest}"""


@exercise(
    "07.1",
    title="Two Pods, by a trait",
    prepare=_DEPLOYED,
    solution=_scaler(2)
    + 'wait_for("deployment", "web", "spec.replicas=2")\nwait_for("deployment", "web")\n',
    wrong=(
        Wrong(
            "by the parameter",
            _APPLICATION
            + 'web["parameterValues"] = [{"name": "replicas", "value": 2}]\napply(application)\n'
            + 'wait_for("deployment", "web", "spec.replicas=2")\n',
            hint="developer had foreseen",
        ),
        Wrong("another number", _scaler(3), hint="replicaCount"),
        Wrong(
            "beside the application",
            _scaler(
                2,
                'scaler["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}\n'
                'apply(scaler)\nwait_for("deployment", "web", "spec.replicas=2")\n',
            ),
            hint="self-contained",
        ),
    ),
)
def by_a_trait(look: Look) -> Verdict:
    """The application has a ManualScalerTrait of two, and two Pods answer."""
    app = look.app()
    if app is None:
        return not_attempted(_MISSING)
    values = app.at("spec.components[0].parameterValues") or []
    mine = [each for each in look.traits() if each.get("kind") == "ManualScalerTrait"]
    if not mine:
        if any(each.get("name") == "replicas" for each in values):
            return incorrect(
                "The application sets the parameter 'replicas'.",
                "That works because the developer had foreseen it. A trait doesn't need that.",
            )
        if look.list("manualscalertraits.core.oam.dev"):
            return incorrect(
                "There is a ManualScalerTrait, but the application doesn't know of it.",
                "Whoever takes the application elsewhere leaves it behind: remember 'self-contained'.",
            )
        return not_attempted(
            "The component web has no ManualScalerTrait.",
            "A trait stands in the list traits, like the Service.",
        )
    count = (mine[0].get("spec") or {}).get("replicaCount")
    if count != 2:
        return incorrect(
            f"The trait asks for {count} Pods.", "How many replicaCount should be, the task says."
        )
    available = look.at("deployment", "web", "status.availableReplicas", 0)
    if available == 2 and look.at("deployment", "web", "spec.replicas") == 2:
        return correct("The trait asks for two Pods, and two are there.")
    return incorrect(
        f"The trait asks for two Pods; {available} of them are there.",
        "Look at the trait's own conditions: kubectl('describe', 'manualscalertrait').",
    )


_FRIDAY = """
bad = yaml.safe_load(Path("flask-demo/config/component.yaml").read_text(encoding="utf-8"))
bad["spec"]["workload"]["spec"]["template"]["spec"]["containers"][0] |= {"image": "flask-sample:v11", "imagePullPolicy": "Never"}
apply(bad)
wait_for("deployment", "web", "spec.template.spec.containers[0].image=flask-sample:v11")
"""
_PINNED = """
first = get("controllerrevisions", labels="controller.oam.dev/component=web").names[0]
del web["componentName"]
web["revisionName"] = first
apply(application)
wait_for("deployment", "web", "spec.template.spec.containers[0].image=flask-sample:v1")
wait_for("deployment", "web")
"""


@exercise(
    "07.2",
    title="Take it back",
    prepare=_DEPLOYED + _FRIDAY,
    solution=_APPLICATION + _PINNED,
    wrong=(
        Wrong(
            "the developer's file",
            'apply("flask-demo/config/component.yaml")\n'
            'wait_for("deployment", "web", "spec.template.spec.containers[0].image=flask-sample:v1")\n',
            hint="isn't yours",
        ),
        Wrong(
            "the bad one",
            _APPLICATION + _PINNED.replace(".names[0]", ".names[-1]").partition("wait_for")[0],
            hint="v11",
        ),
        Wrong(
            "by the Deployment's own history",
            'kubectl("rollout", "undo", "deployment/web")\n',
            hint="comes back",
        ),
    ),
)
def take_it_back(look: Look) -> Verdict:
    """The application pins a revision that is good, while the Component is still bad."""
    app, component = look.app(), look.component()
    if app is None or component is None:
        return not_attempted(_MISSING)
    where = "spec.template.spec.containers[0].image"
    written = component.at(f"spec.workload.{where}")
    image = look.at("deployment", "web", where)
    pinned = app.at("spec.components[0].revisionName", "")
    changed = component.at("status.latestRevision.revision", 1)
    if written == "flask-sample:v1":
        if changed > 1 and not pinned:
            return incorrect(
                "The Component itself is good again.",
                "The developer's file isn't yours to change, and the next Friday is the same again.",
            )
        return not_attempted("The developer hasn't changed anything yet: run the cell above.")
    if not pinned:
        if _went_back(look):
            return incorrect(
                "The Deployment was taken back, and the application still follows the newest revision.",
                "The bad version comes back: the application still asks for it. It must ask for another one.",
            )
        return not_attempted(
            "The application follows the newest revision, the bad one.",
            "get('controllerrevisions') shows the revisions. How does an application ask for one of them?",
        )
    if image == "flask-sample:v1" and look.at("deployment", "web", "status.availableReplicas", 0):
        return correct(f"The application stays with {pinned}, whatever the developer does.")
    return incorrect(
        f"The application stays with {pinned}, and the Deployment runs {image}.",
        f"A revision is a copy. Which of them was made before {image} was written?",
    )


def _went_back(look: Look) -> bool:
    """Tell whether the Deployment has used one of its ReplicaSets a second time: that's what it does when it is taken back."""
    again = "deployment.kubernetes.io/revision-history"
    found = look.list("replicasets", labels="app=web")
    return any(again in (each.at("metadata.annotations") or {}) for each in found)


def _watched(scope: str = "watch", join: str = "watch", ref: str = "HealthScope") -> str:
    return f"""{_APPLICATION}
scope = {{
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "HealthScope",
    "metadata": {{"name": "{scope}"}},
    "spec": {{"probe-interval": 5, "workloadRefs": []}},
}}
reference = {{"apiVersion": "core.oam.dev/v1alpha2", "kind": "{ref}", "name": "{join}"}}
web["scopes"] = [{{"scopeRef": reference}}]
apply([scope, application])
"""


@exercise(
    "07.3",
    title="Watch over it",
    prepare=_DEPLOYED,
    solution=_watched()
    + 'wait_for("healthscope", "watch", "status.scopeHealthCondition.healthyWorkloads=1")\n',
    wrong=(
        Wrong("nobody joins", _watched().replace('web["scopes"]', "unused"), hint="joins"),
        Wrong("another name", _watched(join="wach"), hint="wach"),
        Wrong(
            "filled by hand",
            _watched()
            .replace('web["scopes"]', "unused")
            .replace(
                '"workloadRefs": []',
                '"workloadRefs": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]',
            ),
            hint="has to remember",
        ),
    ),
)
def watch_over_it(look: Look) -> Verdict:
    """The component is in the scope by the application, and the scope says that it is well."""
    scope, app = look.get("healthscopes.core.oam.dev", "watch"), look.app()
    if app is None:
        return not_attempted(_MISSING)
    if scope is None:
        return not_attempted(
            "There is no HealthScope 'watch' yet.",
            "It needs a list of workloads, which may be empty. Who fills it?",
        )
    refs = [each.get("scopeRef") or {} for each in app.at("spec.components[0].scopes") or []]
    if not refs:
        if scope.at("spec.workloadRefs"):
            return incorrect(
                "The scope's list was filled by hand.",
                "By hand is possible, and somebody has to remember it. Let the application say that it belongs to the scope.",
            )
        return incorrect(
            "The scope is there, and empty.",
            "A component joins a scope; the scope doesn't go looking for it.",
        )
    if not any(each.get("name") == "watch" for each in refs):
        return incorrect(
            f"The component is in the scope {refs[0].get('name')!r}.",
            f"Is there a scope {refs[0].get('name')!r}? The application's condition says more.",
        )
    health = scope.at("status.scopeHealthCondition") or {}
    if health.get("healthStatus") == "HEALTHY" and health.get("total"):
        return correct("The scope watches over the application, and it is well.")
    return incorrect(
        f"The scope says {health.get('healthStatus', 'nothing yet')}, of {health.get('total', 0)} workloads.",
        "It looks every few seconds. Its status.healthConditions tell which workload isn't well, and why.",
    )


def _passing(
    output: str = '"fieldPath": "spec.clusterIP"',
    name: str = "address",
    value: str = '{"name": "ADDRESS", "value": ""}',
    rest: str = "",
) -> str:
    return f"""{_APPLICATION}
component = yaml.safe_load(Path("flask-demo/config/component.yaml").read_text(encoding="utf-8"))
container = component["spec"]["workload"]["spec"]["template"]["spec"]["containers"][0]
container["env"] = [{value}]
web["traits"][0]["dataOutputs"] = [{{"name": "address", {output}}}]
web["dataInputs"] = [
    {{
        "valueFrom": {{"dataOutputName": "{name}"}},
        "toFieldPaths": ["spec.template.spec.containers[0].env[0].value"],
    }}
]
{rest}
apply([component, application])
"""


_TYPED = (
    _passing(value='{"name": "ADDRESS", "value": get("service", "web").at("spec.clusterIP")}')
    .replace('web["traits"][0]["dataOutputs"]', "outputs")
    .replace('web["dataInputs"]', "inputs")
)


@exercise(
    "07.4",
    title="Pass the address on",
    bonus=True,
    prepare=_DEPLOYED,
    solution=_passing()
    + 'wait_for("deployment", "web", lambda found: found.at("spec.template.spec.containers[0].env[0].value"))\n'
    + 'wait_for("deployment", "web")\n',
    wrong=(
        Wrong("typed in", _TYPED, hint="typed"),
        Wrong("two names", _passing(name="the-address"), hint="the-address"),
        Wrong(
            "a field that isn't there",
            _passing(output='"fieldPath": "spec.clusterIp"'),
            hint="spec.clusterIp",
        ),
    ),
)
def pass_it_on(look: Look) -> Verdict:
    """An output of the Service, an input of the component, and the address in the variable."""
    app = look.app()
    if app is None:
        return not_attempted(_MISSING)
    part: Mapping[str, Any] = app.at("spec.components[0]") or {}
    outputs = [out for each in part.get("traits") or [] for out in each.get("dataOutputs") or []]
    inputs = part.get("dataInputs") or []
    address = look.at("service", "web", "spec.clusterIP")
    variables = look.at("deployment", "web", "spec.template.spec.containers[0].env") or []
    value = next((each.get("value") for each in variables if each["name"] == "ADDRESS"), None)
    if not outputs or not inputs:
        if value:
            return incorrect(
                f"ADDRESS is {value}, but nothing was passed.",
                "That address was typed in. On another cluster the Service has another one.",
            )
        return not_attempted(
            f"There are {len(outputs)} dataOutputs and {len(inputs)} dataInputs.",
            "Who knows the address gives it out; who needs it takes it in. Both stand in the application.",
        )
    if value and value == address:
        return correct(f"ADDRESS is {value}, and nobody has typed it.")
    names = {str(each.get("name")) for each in outputs}
    wanted = str((inputs[0].get("valueFrom") or {}).get("dataOutputName"))
    if wanted not in names:
        return incorrect(
            f"The component asks for {wanted!r}; given out is: {', '.join(sorted(names))}.",
            f"Nobody gives out {wanted!r}. Output and input find each other by the name.",
        )
    waiting = app.at("status.dependency.unsatisfied") or []
    reason = waiting[0].get("reason", "") if waiting else ""
    return incorrect(
        f"ADDRESS is {value or 'not set'}. {reason}".strip(),
        f"The application says what it waits for: {reason or 'look at its status.dependency'}.",
        "get('service', 'web') shows how the field is written, and the Deployment which variable is which.",
    )
