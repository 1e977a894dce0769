"""Lesson 05: the OAM runtime, looked after by the infrastructure operator."""

from __future__ import annotations

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

RUNTIME, SYSTEM = "oam-oam-kubernetes-runtime", "oam-system"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")
LABEL = "rbac.oam.dev/aggregate-to-controller"
_ALL = ", ".join(map('"{}"'.format, VERBS))

_INSTALLED = 'lesson.start("06")'
"""The runtime is what lesson 05 makes, and 06 begins with."""


def _role(
    label: str = LABEL,
    verbs: str = _ALL,
    group: str = "apps",
    name: str = "oam-statefulsets",
) -> str:
    return f'''apply(
    {{
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {{"name": "{name}", "labels": {{"{label}": "true"}}}},
        "rules": [
            {{
                "apiGroups": ["{group}"],
                "resources": ["statefulsets"],
                "verbs": [{verbs}],
            }}
        ],
    }}
)
'''


@exercise(
    "05.1",
    title="May it do more?",
    prepare=_INSTALLED,
    solution=_role(),
    wrong=(
        Wrong("no label", _role(label="app"), hint="count"),
        Wrong("only reading", _role(verbs='"get", "list", "watch"'), hint="not create"),
        Wrong("another group", _role(group=""), hint="group"),
    ),
)
def may_do_more(look: Look) -> Verdict:
    """The runtime's account may do all that it must with StatefulSets; and not by being allowed everything."""
    account = look.at(
        "deployment", RUNTIME, "spec.template.spec.serviceAccountName", namespace=SYSTEM
    )
    if account is None:
        return not_attempted("The runtime isn't installed: that's what this lesson does first.")
    user = f"system:serviceaccount:{SYSTEM}:{account}"
    if look.can(user, "delete", "nodes"):
        return incorrect(
            "The runtime may delete nodes now.",
            "It has got far more than it asked for. Give it StatefulSets, and nothing else.",
        )
    missing = [verb for verb in VERBS if not look.can(user, verb, "statefulsets")]
    if not missing:
        return correct("The runtime may manage StatefulSets, and still no nodes.")
    role = look.get("clusterrole", "oam-statefulsets")
    if role is None:
        return not_attempted(
            f"The runtime may not {', '.join(missing)} StatefulSets.",
            "kubectl('explain', 'clusterrole.rules') shows the fields of a rule.",
        )
    if (role.at("metadata.labels") or {}).get(LABEL) != "true":
        return incorrect(
            "Your ClusterRole is there, but the runtime gets nothing from it.",
            "Whose rules are put together is decided by a label. Yours doesn't count without it.",
        )
    rules: list[dict[str, Any]] = role.at("rules") or []
    mine = [each for each in rules if "statefulsets" in each.get("resources", [])]
    if not any("apps" in each.get("apiGroups", []) for each in mine):
        return incorrect(
            "Your rule names StatefulSets of a group that has none.",
            "The core group is the empty text. StatefulSets are in another group: kubectl('api-resources') shows it.",
        )
    return incorrect(
        f"The runtime may not {', '.join(missing)} StatefulSets.",
        f"It may read them, but not {missing[0]}. What does a controller do with what it looks after?",
    )


def _definition(name: str = "statefulsets.apps", kind: str = "WorkloadDefinition") -> str:
    return f'''apply(
    {{
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": "{kind}",
        "metadata": {{"name": "{name}"}},
        "spec": {{"definitionRef": {{"name": "{name}"}}}},
    }}
)
'''


@exercise(
    "05.2",
    title="Offer it",
    prepare=_INSTALLED,
    solution=_definition(),
    wrong=(
        Wrong("a kind that isn't there", _definition("statefulset.apps"), hint="statefulset.apps"),
        Wrong("as a trait", _definition(kind="TraitDefinition"), hint="runs code"),
    ),
)
def offer_it(look: Look) -> Verdict:
    """A WorkloadDefinition refers to StatefulSets."""
    found = look.list("workloaddefinitions.core.oam.dev")
    if "statefulsets.apps" in {each.at("spec.definitionRef.name") for each in found}:
        return correct("StatefulSets are on offer.")
    if any("statefulsets" in each.name for each in look.list("traitdefinitions.core.oam.dev")):
        return incorrect(
            "StatefulSets are on offer as traits.",
            "A StatefulSet runs code. Which of the two definitions says that?",
        )
    others = [each.name for each in found if "." in each.name and "core.oam.dev" not in each.name]
    strange = [each for each in others if each.startswith("stateful")]
    if strange:
        return incorrect(
            f"There is a WorkloadDefinition for {strange[0]}, which no cluster serves.",
            f"Compare {strange[0]} with the first column of kubectl('api-resources').",
        )
    return not_attempted(
        "No WorkloadDefinition refers to StatefulSets yet.",
        "Your answer to exercise 02.1 is what the cluster wants to have.",
    )


@exercise(
    "05.3",
    title="Ask the API server",
    prepare=_INSTALLED,
    solution="""schema = get("customresourcedefinition", "components.core.oam.dev").at("spec.versions[0].schema.openAPIV3Schema")
answer = schema["properties"]["spec"]["properties"]["parameters"]["items"]["required"]
""",
    wrong=(
        Wrong("the field called required", 'answer = ["name", "required"]\n', hint="'required'"),
        Wrong("one of them", 'answer = ["name"]\n', hint="one more"),
        Wrong("another spelling", 'answer = ["name", "fieldPath"]\n', hint="'fieldPath'"),
    ),
)
def ask_the_server(look: Look, answer: object = None) -> Verdict:
    """The fields that the CRD's schema requires."""
    schema = look.at(
        "customresourcedefinition",
        "components.core.oam.dev",
        "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.parameters.items",
    )
    if schema is None:
        return not_attempted("The cluster doesn't know Components yet: install the runtime first.")
    wanted, known = set(schema["required"]), set(schema["properties"])
    given = (
        {answer}
        if isinstance(answer, str)
        else set(answer)
        if isinstance(answer, list | tuple | set)
        else set()
    )
    if not given:
        return not_attempted(
            "There is no answer yet.",
            "kubectl('explain', …) takes a path such as component.spec: go further down.",
        )
    if given == wanted:
        return correct("These two: the rest may be left out.")
    if unknown := sorted(str(each) for each in given - known):
        return incorrect(
            f"A parameter has no field {unknown[0]!r}.",
            f"{unknown[0]!r} isn't quite what the API server says. Read it letter by letter.",
        )
    if extra := sorted(given - wanted):
        return incorrect(
            f"A parameter without {extra[0]!r} is accepted.",
            f"{extra[0]!r} is a field, but look what -required- stands beside in the output of explain.",
        )
    return incorrect(
        f"A parameter with nothing but {', '.join(sorted(given))} is refused.",
        f"It needs {'one more field' if len(wanted - given) == 1 else 'more fields'}: which line says -required-, too?",
    )


def _replicas(values: str) -> str:
    return f"""helm.install("oam", "charts/oam-kubernetes-runtime", namespace="oam-system", values={values})
"""


@exercise(
    "05.4",
    title="Two are safer",
    bonus=True,
    prepare=_INSTALLED,
    solution=_replicas('{"replicaCount": 2}'),
    wrong=(
        Wrong(
            "by hand",
            'kubectl("scale", "deployment", "oam-oam-kubernetes-runtime", "--replicas=2", "--namespace", "oam-system")\n'
            'wait_for("deployment", "oam-oam-kubernetes-runtime", "status.availableReplicas=2", namespace="oam-system")\n',
            hint="past helm",
        ),
    ),
)
def two_are_safer(look: Look) -> Verdict:
    """Helm has set the number, both Pods are there, and one of them holds the Lease."""
    found = look.get("deployment", RUNTIME, namespace=SYSTEM)
    if found is None:
        return not_attempted("The runtime isn't installed: that's what this lesson does first.")
    count = found.at("spec.replicas")
    if count == 1:
        return not_attempted(
            "One Pod of the runtime is wanted.",
            "charts/oam-kubernetes-runtime/values.yaml lists the values.",
        )
    if not any(_sets_replicas(entry) for entry in found.at("metadata.managedFields") or []):
        return incorrect(
            f"{count} Pods are wanted, but helm doesn't know of it.",
            "It was changed past helm, and the next upgrade of the chart will stumble over it.",
            "helm.install(…) once more with values={…} is an upgrade.",
        )
    available = found.at("status.availableReplicas", 0)
    holders = [
        each.at("spec.holderIdentity")
        for each in look.list("leases", namespace=SYSTEM)
        if each.at("spec.holderIdentity")
    ]
    if count == 2 and available == 2 and holders:
        return correct(f"Two Pods, and one of them works: {holders[0]}.")
    return incorrect(
        f"{count} Pods are wanted, {available} are available.",
        "kubectl('get', 'pods', '--namespace', 'oam-system') says what is missing.",
    )


def _sets_replicas(entry: dict[str, Any]) -> bool:
    """Tell whether an entry of managedFields says that helm has set the number of Pods."""
    return entry["manager"] == "helm" and "f:replicas" in entry["fieldsV1"].get("f:spec", {})
