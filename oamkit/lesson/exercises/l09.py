"""Lesson 09: extend the platform."""

from __future__ import annotations

from typing import Any

from oamkit.cluster import active
from oamkit.errors import ApiError
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

CLONE_SETS, SLEEP_TRAITS = "clonesets.apps.kruise.io", "sleeptraits.course.example.org"

_KINDS = """
apply("flask-demo/extend/cloneset-crd.yaml")
apply("flask-demo/extend/sleeptrait-crd.yaml")
wait_for("customresourcedefinition", "clonesets.apps.kruise.io", "Established")
wait_for("customresourcedefinition", "sleeptraits.course.example.org", "Established")
"""


def _job(command: str = "print('done')", right: bool = True, definition: bool = True) -> str:
    return f'''definition = {{
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "WorkloadDefinition",
    "metadata": {{"name": "jobs.batch"}},
    "spec": {{"definitionRef": {{"name": "jobs.batch"}}}},
}}
right = {{
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {{
        "name": "oam-jobs",
        "labels": {{"oamkit.dev/lesson": "09", "rbac.oam.dev/aggregate-to-controller": "true"}},
    }},
    "rules": [
        {{
            "apiGroups": ["batch"],
            "resources": ["jobs"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
        }}
    ],
}}
container = {{
    "name": "report",
    "image": "flask-sample:v1",
    "command": ["python", "-c", "{command}"],
}}
report = {{
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "Component",
    "metadata": {{"name": "report"}},
    "spec": {{
        "workload": {{
            "apiVersion": "batch/v1",
            "kind": "Job",
            "spec": {{
                "backoffLimit": 0,
                "template": {{"spec": {{"restartPolicy": "Never", "containers": [container]}}}},
            }},
        }}
    }},
}}
once = {{
    "apiVersion": "core.oam.dev/v1alpha2",
    "kind": "ApplicationConfiguration",
    "metadata": {{"name": "once"}},
    "spec": {{"components": [{{"componentName": "report"}}]}},
}}
apply([{"definition, " if definition else ""}{"right, " if right else ""}report, once])
'''


_DONE = 'wait_for("job", "report", "status.succeeded=1")\n'


@exercise(
    "09.1",
    title="One more workload: Job",
    solution=_job() + _DONE,
    wrong=(
        Wrong("no right", _job(right=False), hint="its rights"),
        Wrong("no definition", _job(definition=False) + _DONE, hint="offer"),
        Wrong(
            "it ends badly",
            _job("raise SystemExit(1)") + 'wait_for("job", "report", "status.failed=1")\n',
            hint="logs",
        ),
    ),
)
def one_more_workload(look: Look) -> Verdict:
    """A Job that the runtime has made of an application has ended well, and Jobs are on offer."""
    app = look.app("once")
    if app is None:
        return not_attempted(
            "There is no application 'once' yet.",
            "Definition, right, Component, application: the same four as for the CloneSet, without a CRD and a controller. Why without?",
        )
    jobs = look.list("jobs", labels="app.oam.dev/name=once")
    if not jobs:
        said = look.condition("applicationconfigurations.core.oam.dev", "once", "Synced") or {}
        return incorrect(
            f"The application has made no Job. {said.get('message', '')}".strip(),
            "The runtime would like to, and may not: what about its rights? A label decides whose rules count.",
        )
    if look.get("workloaddefinitions.core.oam.dev", "jobs.batch") is None:
        return incorrect(
            "The Job is there, and no definition says that Jobs are workloads.",
            "It works by luck: with the webhook on it would be refused. What does the platform offer?",
        )
    if jobs[0].at("status.failed"):
        return incorrect(
            "The Job's program has ended with an error.",
            "logs('job/report') shows why. A Job that has failed isn't run again: delete it, and the runtime makes it anew.",
        )
    if jobs[0].at("status.succeeded"):
        return correct("The Job has run once and ended well, as a part of an application.")
    return incorrect("The Job is still running.", "Check again in a moment.")


def _maximum(number: int, where: str = "spec") -> str:
    return f"""crd = yaml.safe_load(Path("flask-demo/extend/cloneset-crd.yaml").read_text(encoding="utf-8"))
schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
schema["{where}"]["properties"]["replicas"]["maximum"] = {number}
apply(crd)
wait_for("customresourcedefinition", "clonesets.apps.kruise.io", "Established")
"""


@exercise(
    "09.2",
    title="Say no to too many",
    prepare=_KINDS,
    solution=_maximum(20),
    wrong=(
        Wrong("one too few", _maximum(19), hint="20 itself"),
        Wrong("in the status", _maximum(20, "status"), hint="what is wanted"),
    ),
)
def not_too_many(look: Look) -> Verdict:
    """The API server is asked, without storing anything, what it says to 20 and to 21."""
    if look.get("customresourcedefinition", CLONE_SETS) is None:
        return not_attempted(
            "The cluster doesn't know CloneSets yet: that's the lesson's first step."
        )
    few, many = look.refusal(_clone_set(20)), look.refusal(_clone_set(21))
    if few:
        return incorrect(
            f"A CloneSet with 20 Pods is refused: {few}",
            "More than 20 shall be refused, not 20 itself.",
        )
    if not many:
        limited = "maximum" in str(
            look.at("customresourcedefinition", CLONE_SETS, "spec.versions[0].schema")
        )
        if limited:
            return incorrect(
                "A CloneSet with 21 Pods is accepted.",
                "There is a limit, but not on what is wanted: a person writes spec, and a controller writes status.",
            )
        return not_attempted(
            "A CloneSet with 21 Pods is accepted.",
            "The field has a smallest value already. Its sibling does the same at the other end.",
        )
    return correct(f"Refused at the door: {many}")


def _clone_set(replicas: int) -> dict[str, Any]:
    labels = {"app": "many"}
    containers = [{"name": "web", "image": "flask-sample:v1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "would-this-be-accepted"}
    return {
        "apiVersion": "apps.kruise.io/v1alpha1",
        "kind": "CloneSet",
        "metadata": metadata,
        "spec": spec,
    }


def _columns(asleep: str = ".spec.asleep", workload: str = ".spec.workloadRef.name") -> str:
    return f"""crd = yaml.safe_load(Path("flask-demo/extend/sleeptrait-crd.yaml").read_text(encoding="utf-8"))
crd["spec"]["versions"][0]["additionalPrinterColumns"] = [
    {{"name": "ASLEEP", "type": "boolean", "jsonPath": "{asleep}"}},
    {{"name": "WORKLOAD", "type": "string", "jsonPath": "{workload}"}},
]
apply(crd)
"""


@exercise(
    "09.3",
    title="Show who sleeps",
    prepare=_KINDS,
    solution=_columns(),
    wrong=(
        Wrong(
            "a path that leads nowhere", _columns(asleep=".asleep"), hint="from the object's top"
        ),
        Wrong("the whole reference", _columns(workload=".spec.workloadRef"), hint="one value"),
    ),
)
def show_who_sleeps(look: Look) -> Verdict:
    """The CRD has two columns, which lead to the right fields."""
    found = look.get("customresourcedefinition", SLEEP_TRAITS)
    if found is None:
        return not_attempted(
            "The cluster doesn't know SleepTraits yet: the lesson applies their CRD."
        )
    columns = found.at("spec.versions[0].additionalPrinterColumns") or []
    paths = {each["name"].upper(): each["jsonPath"] for each in columns}
    if "ASLEEP" not in paths or "WORKLOAD" not in paths:
        return not_attempted(
            f"The columns are: {', '.join(paths) or 'none of its own'}.",
            "The CRD of CloneSets has such columns: see its part for the version.",
        )
    if paths["ASLEEP"] != ".spec.asleep":
        return incorrect(
            f"The column ASLEEP shows {paths['ASLEEP']}, which no SleepTrait has.",
            "A path begins with a dot, and leads from the object's top to the field.",
        )
    if paths["WORKLOAD"] != ".spec.workloadRef.name":
        return incorrect(
            f"The column WORKLOAD shows {paths['WORKLOAD']}.",
            "A column shows one value, not an object with three. Which of them names the workload?",
        )
    return correct("kubectl get sleeptraits shows who sleeps.")


_MANY = """
many = {
    "apiVersion": "apps.kruise.io/v1alpha1",
    "kind": "CloneSet",
    "metadata": {"name": "many"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "many"}},
        "template": {
            "metadata": {"labels": {"app": "many"}},
            "spec": {"containers": [{"name": "web", "image": "flask-sample:v1"}]},
        },
    },
}
apply(many)
"""


def _scale(path: str = ".spec.replicas") -> str:
    return f"""crd = yaml.safe_load(Path("flask-demo/extend/cloneset-crd.yaml").read_text(encoding="utf-8"))
crd["spec"]["versions"][0]["subresources"]["scale"] = {{
    "specReplicasPath": "{path}",
    "statusReplicasPath": ".status.replicas",
}}
apply(crd)
wait_for("customresourcedefinition", "clonesets.apps.kruise.io", "Established")
{_MANY}"""


@exercise(
    "09.4",
    title="kubectl scale",
    bonus=True,
    prepare=_KINDS,
    solution=_scale() + 'kubectl("scale", "cloneset", "many", "--replicas=2")\n',
    wrong=(
        Wrong(
            "past the subresource",
            _MANY
            + 'kubectl("patch", "cloneset", "many", "--type=merge", "--patch", \'{"spec": {"replicas": 2}}\')\n',
            hint="doesn't have to know",
        ),
        Wrong("another path", _scale(".spec.size"), hint=".spec.size"),
        Wrong("not scaled yet", _scale(), hint="asks for 1"),
    ),
)
def kubectl_scale(look: Look) -> Verdict:
    """The subresource answers for the CloneSet, and says two."""
    many = look.get(CLONE_SETS, "many")
    scale = look.at("customresourcedefinition", CLONE_SETS, "spec.versions[0].subresources.scale")
    if scale is None:
        if many is not None and many.at("spec.replicas") == 2:
            return incorrect(
                "The CloneSet asks for 2 Pods, and kubectl scale still can't do it.",
                "You know the field. kubectl, or an autoscaler, doesn't have to know each kind's fields: that's what the subresource is for.",
            )
        return not_attempted(
            "CloneSets have no subresource 'scale' yet.",
            "kubectl('explain', 'crd.spec.versions.subresources.scale') shows what it must say.",
        )
    if many is None:
        return not_attempted(
            "There is no CloneSet 'many' yet.", "The lesson has made one called 'lonely'."
        )
    path = scale.get("specReplicasPath")
    if path != ".spec.replicas":
        return incorrect(
            f"The subresource looks for the wanted number at {path}.",
            f"A CloneSet has no field {path}. Where do you write how many Pods you want?",
        )
    wanted = _scale_of("many")
    if wanted == 2:
        return correct("Scaled by kubectl: a kind of yours behaves like Kubernetes' own.")
    return incorrect(
        f"The CloneSet asks for {wanted} Pods.", f"It asks for {wanted}: scale it, by kubectl."
    )


def _scale_of(name: str) -> int:
    """Return how many Pods the subresource says are wanted."""
    api = active.api()
    try:
        answer = api.request("GET", api.resource(CLONE_SETS).path("default", name) + "/scale")
    except ApiError:
        return 0
    return int((answer.get("spec") or {}).get("replicas", 0))
