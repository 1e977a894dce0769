"""Lesson 02: the concepts. There is no cluster yet: the answers are objects."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from oamkit.cluster.values import Object
from oamkit.errors import RenderError
from oamkit.lesson.exercises.answers import document
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)
from oamkit.oam import fieldpath


def _definition(kind: str, name: str, ref: str = "", rest: str = "") -> str:
    return f'''answer = """
apiVersion: core.oam.dev/v1alpha2
kind: {kind}
metadata:
  name: {name}
spec:
  definitionRef:
    name: {ref or name}
{rest}"""
'''


_ONLY_DEPLOYMENTS = """  appliesToWorkloads:
    - deployments.apps
"""


@exercise(
    "02.1",
    title="Offer StatefulSets",
    solution=_definition("WorkloadDefinition", "statefulsets.apps"),
    wrong=(
        Wrong(
            "the kind's name", _definition("WorkloadDefinition", "StatefulSet"), hint="lower case"
        ),
        Wrong(
            "the group is missing", _definition("WorkloadDefinition", "statefulsets"), hint="group"
        ),
        Wrong("a trait", _definition("TraitDefinition", "statefulsets.apps"), hint="four kinds"),
        Wrong(
            "two names",
            _definition("WorkloadDefinition", "statefulsets.apps", "deployments.apps"),
            hint="point at the kind",
        ),
    ),
)
def offer_stateful_sets(_look: Look, answer: object = None) -> Verdict:
    """A WorkloadDefinition is named by the plural and the group of the kind that it refers to."""
    found = document(answer, "WorkloadDefinition")
    if isinstance(found, Verdict):
        return found
    return _refers(found, "statefulsets", "apps") or correct(
        "It offers StatefulSets as workloads. In lesson 05 you will apply it."
    )


@exercise(
    "02.2",
    title="Offer a fence",
    solution=_definition(
        "TraitDefinition", "networkpolicies.networking.k8s.io", rest=_ONLY_DEPLOYMENTS
    ),
    wrong=(
        Wrong(
            "a plural that isn't English",
            _definition(
                "TraitDefinition", "networkpolicys.networking.k8s.io", rest=_ONLY_DEPLOYMENTS
            ),
            hint="plural",
        ),
        Wrong(
            "for everything",
            _definition("TraitDefinition", "networkpolicies.networking.k8s.io"),
            hint="which workloads",
        ),
        Wrong(
            "the kind instead of the definition",
            _definition(
                "TraitDefinition",
                "networkpolicies.networking.k8s.io",
                rest=_ONLY_DEPLOYMENTS.replace("deployments.apps", "Deployment"),
            ),
            hint="WorkloadDefinition is called",
        ),
    ),
)
def offer_a_fence(_look: Look, answer: object = None) -> Verdict:
    """A TraitDefinition says which workloads it goes with."""
    found = document(answer, "TraitDefinition")
    if isinstance(found, Verdict):
        return found
    if problem := _refers(found, "networkpolicies", "networking.k8s.io"):
        return problem
    applies = found.at("spec.appliesToWorkloads") or []
    if not applies:
        return incorrect(
            "It can be attached to everything.",
            "A TraitDefinition may say which workloads it is for. Which field does that in the Ingress's?",
        )
    if applies != ["deployments.apps"]:
        return incorrect(
            f"It can be attached to: {', '.join(map(str, applies))}.",
            "Workloads are named here as their WorkloadDefinition is called.",
        )
    return correct("It offers NetworkPolicies as a trait, for Deployments only.")


_PARAMETER = """
component = yaml.safe_load(Path("flask-demo/config/component.yaml").read_text(encoding="utf-8"))
container = component["spec"]["workload"]["spec"]["template"]["spec"]["containers"][0]
container["env"] = [{{"name": "LANGUAGE", "value": "en"}}, {{"name": "GREETING", "value": "hello"}}]
component["spec"]["parameters"] = [
    {{"name": "{name}", "fieldPaths": ["{path}"]}},
]
answer = component
"""
_PATH = "spec.template.spec.containers[0].env[1].value"


@exercise(
    "02.3",
    title="Offer a parameter",
    solution=_PARAMETER.format(name="greeting", path=_PATH),
    wrong=(
        Wrong(
            "from the Component's top",
            _PARAMETER.format(name="greeting", path=f"spec.workload.{_PATH}"),
            hint="inside the workload",
        ),
        Wrong(
            "the other variable",
            _PARAMETER.format(name="greeting", path=_PATH.replace("[1]", "[0]")),
            hint="LANGUAGE",
        ),
        Wrong(
            "the whole variable",
            _PARAMETER.format(name="greeting", path=_PATH.removesuffix(".value")),
            hint="no longer an object",
        ),
        Wrong("another name", _PARAMETER.format(name="GREETING", path=_PATH), hint="by its name"),
    ),
)
def offer_a_parameter(_look: Look, answer: object = None) -> Verdict:
    """The parameter is tried: after it is set, the program's variable must have the value."""
    found = document(answer, "Component")
    if isinstance(found, Verdict):
        return found
    parameters = found.at("spec.parameters") or []
    if not parameters:
        return not_attempted(
            "The Component offers no parameters yet.",
            "Each has a name and fieldPaths, a list: see the Component of the demo above.",
        )
    paths = next(
        (each.get("fieldPaths") for each in parameters if each.get("name") == "greeting"), None
    )
    if paths is None:
        names = ", ".join(str(each.get("name")) for each in parameters)
        return incorrect(
            f"The Component offers: {names}.", "The operator asks for the parameter by its name."
        )
    if not paths or isinstance(paths, str):
        return incorrect(
            "The parameter has no list of paths.",
            "fieldPaths is a list: a value may go to several.",
        )
    workload: dict[str, Any] = deepcopy(dict(found.at("spec.workload") or {}))
    before = deepcopy(workload)
    try:
        for path in paths:
            fieldpath.set_value(workload, str(path), "bonjour")
    except RenderError as error:
        return incorrect(
            f"Setting it fails: {error.message}.",
            "Walk along the path, a word at a time, with a finger on the object.",
        )
    return _greets(Object(workload), Object(before), [str(path) for path in paths])


def _greets(workload: Object, before: Object, paths: list[str]) -> Verdict:
    if any(path.startswith("spec.workload") for path in paths):
        return incorrect(
            "The workload has a new field spec.workload now, and the program's variables are as they were.",
            "A path begins inside the workload: the runtime doesn't look at the rest of the Component.",
        )
    variables = workload.at("spec.template.spec.containers[0].env") or []
    if not all(isinstance(each, Mapping) for each in variables):
        return incorrect(
            "A variable is a text now, where Kubernetes wants name and value.",
            "The variable itself is no longer an object. Which of its two fields should change?",
        )
    values = {each.get("name"): each.get("value") for each in variables}
    if values.get("GREETING") == "bonjour":
        return correct("Set to 'bonjour', it changes the variable GREETING and nothing else.")
    old = {
        each["name"]: each["value"] for each in before.at("spec.template.spec.containers[0].env")
    }
    touched = [str(name) for name in values if values[name] != old.get(name)]
    if touched:
        return incorrect(
            f"Set to 'bonjour', it changes the variable {touched[0]}.",
            f"It changes {touched[0]}. Count the variables, and remember where counting begins.",
        )
    return incorrect(
        f"Set to 'bonjour', it changes {paths[0]}, which no program reads as its variable.",
        "Where does GREETING stand in the workload? Note each step on the way there.",
    )


_SHOP = '''answer = """
apiVersion: core.oam.dev/v1alpha2
kind: ApplicationConfiguration
metadata:
  name: shop
spec:
  components:
    - componentName: web
      traits:
        - trait:
            apiVersion: v1
            kind: Service
            metadata:
              name: web
            spec:
              selector:
                app: web
              ports:
                - port: 80
    - componentName: worker
      parameterValues:
        - name: replicas
          value: 2
"""
'''
_SERVICE = _SHOP.partition("      traits:\n")[2].partition("    - componentName: worker")[0]


@exercise(
    "02.4",
    title="One application, two components",
    bonus=True,
    solution=_SHOP,
    wrong=(
        Wrong(
            "the Service beside the components",
            _SHOP.replace("      traits:\n" + _SERVICE, "").replace(
                "spec:\n  components:", "spec:\n  traits: [{trait: {kind: Service}}]\n  components:"
            ),
            hint="inside the component",
        ),
        Wrong("the number as a text", _SHOP.replace("value: 2", 'value: "2"'), hint="quotes"),
        Wrong(
            "the trait without its wrapping",
            _SHOP.replace(
                "        - trait:\n            apiVersion: v1", "        - apiVersion: v1"
            )
            .replace("            kind", "          kind")
            .replace("            metadata", "          metadata")
            .replace(
                "              name: web\n            spec", "            name: web\n          spec"
            )
            .replace("              selector", "            selector")
            .replace("                app", "              app")
            .replace("              ports", "            ports")
            .replace("                - port", "              - port"),
            hint="key of its own",
        ),
    ),
)
def one_application(_look: Look, answer: object = None) -> Verdict:
    """An ApplicationConfiguration with two components, a trait and a parameter's value."""
    found = document(answer, "ApplicationConfiguration")
    if isinstance(found, Verdict):
        return found
    if found.name != "shop":
        return incorrect(
            f"The application is called {found.name!r}.", "Read the task again: its name?"
        )
    parts = {each.get("componentName"): each for each in found.at("spec.components") or []}
    if set(parts) != {"web", "worker"}:
        names = ", ".join(map(str, parts)) or "none"
        return incorrect(f"It consists of: {names}.", "Each Component is named by componentName.")
    entries = parts["web"].get("traits") or []
    if not entries:
        return incorrect(
            "The component web has no traits.",
            "A trait stands inside the component that it is for: that's what 'structured' means.",
        )
    if not all(isinstance(each.get("trait"), Mapping) for each in entries):
        return incorrect(
            "An entry of traits holds the object itself.",
            "In an entry the object stands below a key of its own, so that there's room for more beside it.",
        )
    kinds = [each["trait"].get("kind") for each in entries]
    if kinds != ["Service"] or parts["worker"].get("traits"):
        return incorrect(
            f"web has the traits {', '.join(map(str, kinds))}; worker has {len(parts['worker'].get('traits') or [])}.",
            "One Service, for web. And none for worker: nobody calls it.",
        )
    return _two_workers(parts["worker"].get("parameterValues") or [])


def _two_workers(values: list[Mapping[str, Any]]) -> Verdict:
    value = next((each.get("value") for each in values if each.get("name") == "replicas"), None)
    if value == 2:
        return correct("Two components in one object: reviewed, copied and deleted as one.")
    if value == "2":
        return incorrect(
            "replicas is the text '2'.",
            "With quotes it's a text. A Deployment wants a number there.",
        )
    return incorrect(
        f"worker's replicas: {value if value is not None else 'not set'}.",
        "The operator gives a parameter its value by name, in the list parameterValues.",
    )


def _refers(found: Object, plural: str, group: str) -> Verdict | None:
    """What is wrong with the names of a definition; ``None`` if nothing is."""
    wanted = f"{plural}.{group}"
    name, ref = found.name, found.at("spec.definitionRef.name", "")
    if name == wanted and ref and ref != wanted:
        return incorrect(
            f"It is called {name}, and refers to {ref}.",
            "Both metadata.name and spec.definitionRef.name point at the kind.",
        )
    for text in (name, ref):
        if text == wanted:
            continue
        if not text:
            return incorrect(
                "It doesn't say which kind it is about.",
                "Both metadata.name and spec.definitionRef.name point at the kind.",
            )
        if text.lower() != text:
            return incorrect(
                f"It is called {text}.",
                "It's named as in the URLs of the API: the plural, in lower case, and more.",
            )
        if not text.endswith(f".{group}"):
            return incorrect(
                f"It refers to {text!r}.",
                "Two groups may have kinds of the same name: plural and group together are unmistakable, both names point at the kind.",
            )
        return incorrect(
            f"It refers to {text!r}, which no cluster serves.",
            "The plural is the word that kubectl uses: how does 'kubectl get' call several of them?",
        )
    return None
