"""Lesson 13: KubeVela. Nothing runs: the answers are objects, and the lesson's schema checks them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oamkit import cue
from oamkit.cluster import kit
from oamkit.cluster.values import Object
from oamkit.errors import OamKitError
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

_SCHEMA = Path("flask-demo/kubevela/application.cue")


def _application(answer: object) -> Object | Verdict:
    """Return an answer as an Application that fits the schema; or what to say."""
    found = document(answer, "Application", "core.oam.dev/v1beta1")
    if isinstance(found, Verdict):
        return found
    try:
        cue.vet(kit.root() / _SCHEMA, dict(found), schema="#Application")
    except cue.CueError as error:
        problem = error.problems[0].message if error.problems else error.message
        return incorrect(
            f"The schema doesn't accept it: {problem}",
            "cue.vet(schema, …) shows the place. Compare that part with the Application above, a word at a time.",
        )
    return found


def _parts(found: Object) -> dict[str, Mapping[str, Any]]:
    return {str(each["name"]): each for each in found.at("spec.components")}


def _traits(part: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(each["type"]): each.get("properties") or {} for each in part.get("traits") or []}


_EXAMPLE = '''answer = """
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: example
spec:
  components:
    - name: web
      type: webservice
      properties:
        image: flask-sample:v1
        ports:
          - port: 80
            expose: true
      traits:
        - type: scaler
          properties:
            replicas: 3
        - type: gateway
          properties:
            class: traefik
            domain: shop.example.org
            http:
              "/": 80
"""
'''


@exercise(
    "13.1",
    title="Three Pods, and a name",
    solution=_EXAMPLE,
    wrong=(
        Wrong("the old word", _EXAMPLE.replace("replicas: 3", "replicaCount: 3"), hint="cue.vet"),
        Wrong("one Pod", _EXAMPLE.replace("replicas: 3", "replicas: 1"), hint="how many"),
        Wrong(
            "any name",
            _EXAMPLE.replace("            domain: shop.example.org\n", ""),
            hint="Ingress",
        ),
        Wrong(
            "the old kind",
            _EXAMPLE.replace("kind: Application", "kind: ApplicationConfiguration"),
            hint="four kinds",
        ),
    ),
)
def three_and_a_name(_look: Look, answer: object = None) -> Verdict:
    """The Application has three Pods, and a domain."""
    found = _application(answer)
    if isinstance(found, Verdict):
        return found
    web = _parts(found).get("web")
    if web is None:
        return incorrect("It has no component web.", "The name of the component stays.")
    traits = _traits(web)
    count = traits.get("scaler", {}).get("replicas")
    if count != 3:
        return incorrect(f"The scaler says {count}.", "Which trait says how many Pods there are?")
    domain = traits.get("gateway", {}).get("domain")
    if domain != "shop.example.org":
        return incorrect(
            f"The gateway's domain is {domain or 'not set'}.",
            "An Ingress has a host in its rules. What is that called here? The schema lists the properties of a gateway.",
        )
    return correct("Three Pods, and one name under which they are reached.")


_WORDS = {
    "ApplicationConfiguration": "Application",
    "WorkloadDefinition": "ComponentDefinition",
    "parameterValues": "properties",
    "scopes": "policies",
}


@exercise(
    "13.2",
    title="The dictionary, by heart",
    solution=f"answer = {_WORDS!r}\n",
    wrong=(
        Wrong(
            "the old word again",
            f"answer = {_WORDS | {'WorkloadDefinition': 'WorkloadDefinition'}!r}\n",
            hint="template",
        ),
        Wrong(
            "parameters",
            f"answer = {_WORDS | {'parameterValues': 'parameters'}!r}\n",
            hint="fills in",
        ),
    ),
)
def dictionary(_look: Look, answer: object = None) -> Verdict:
    """Each word has its translation."""
    given = (
        {str(key): str(value).strip() for key, value in answer.items()}
        if isinstance(answer, Mapping)
        else {}
    )
    if not any(given.values()):
        return not_attempted("The dictionary is empty.", "Begin with the one that you are sure of.")
    hints = {
        "ApplicationConfiguration": "It's the kind at the top of the file that you have read.",
        "WorkloadDefinition": "Now it doesn't only name a kind: it holds a template. For what does a developer use it?",
        "parameterValues": "It's what somebody fills in, below each component's and each trait's type.",
        "scopes": "It concerns the application as a whole, and stands beside its components.",
    }
    for word, wanted in _WORDS.items():
        if given.get(word, "").lower() != wanted.lower():
            return incorrect(f"{word}: {given.get(word) or 'nothing yet'}.", hints[word])
    return correct("All four. The ideas have stayed, and the words you know now.")


_SHOP = '''answer = """
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop
spec:
  components:
    - name: api
      type: webservice
      properties:
        image: shop/api:v3
        ports:
          - port: 8080
            expose: true
      traits:
        - type: scaler
          properties:
            replicas: 2
    - name: mailer
      type: worker
      properties:
        image: shop/mailer:v1
        env:
          - name: FROM
            value: shop@example.org
"""
'''


@exercise(
    "13.3",
    title="Move house",
    solution=_SHOP,
    wrong=(
        Wrong(
            "the variable is lost",
            _SHOP.partition("        env:")[0] + '"""\n',
            hint="environment",
        ),
        Wrong(
            "the scaler is lost",
            _SHOP.replace(
                "      traits:\n        - type: scaler\n          properties:\n            replicas: 2\n",
                "",
            ),
            hint="ManualScalerTrait",
        ),
        Wrong(
            "a mailer with visitors",
            _SHOP.replace("type: worker", "type: webservice"),
            hint="background",
        ),
        Wrong(
            "everybody gets in",
            _SHOP.replace(
                "        - type: scaler",
                '        - type: gateway\n          properties:\n            http:\n              "/": 8080\n        - type: scaler',
            ),
            hint="outside",
        ),
    ),
)
def move_house(_look: Look, answer: object = None) -> Verdict:
    """Everything that the old application says is said in the new one."""
    found = _application(answer)
    if isinstance(found, Verdict):
        return found
    parts = _parts(found)
    if found.name != "shop" or set(parts) != {"api", "mailer"}:
        return incorrect(
            f"The application {found.name} consists of: {', '.join(parts)}.",
            "Application and components keep their names.",
        )
    api, mailer = parts["api"], parts["mailer"]
    if (api["type"], mailer["type"]) != ("webservice", "worker"):
        return incorrect(
            f"api is a {api['type']}, mailer a {mailer['type']}.",
            "One of them serves visitors, the other one works in the background.",
        )
    if "gateway" in _traits(api):
        return incorrect(
            "api has a gateway.",
            "It isn't reached from outside: the old one had no Ingress either.",
        )
    images = (api["properties"]["image"], mailer["properties"]["image"])
    if images != ("shop/api:v3", "shop/mailer:v1"):
        return incorrect(
            f"The images are {images[0]} and {images[1]}.", "Compare them with the old Components."
        )
    ports = [each["port"] for each in api["properties"].get("ports") or []]
    if ports != [8080]:
        return incorrect(
            f"api's ports: {ports}.", "Where does api listen? Its old containers tell."
        )
    if _traits(api).get("scaler", {}).get("replicas") != 2:
        return incorrect(
            "api isn't scaled to two.", "It had a ManualScalerTrait. What has become of that one?"
        )
    variables = {each["name"]: each.get("value") for each in mailer["properties"].get("env") or []}
    if variables != {"FROM": "shop@example.org"}:
        return incorrect(
            "mailer doesn't know who it writes for.", "The program's environment moves along, too."
        )
    return correct("All of it has moved, and half of the lines could stay behind.")


_GREETER = '''answer = """
parameter: greeting: *"hello" | string
context: name: string
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	metadata: name: context.name
	spec: {
		selector: matchLabels: app: context.name
		template: {
			metadata: labels: app: context.name
			spec: containers: [{
				name:  context.name
				image: "flask-sample:v1"
				env: [{name: "GREETING", value: parameter.greeting}]
			}]
		}
	}
}
"""
'''


@exercise(
    "13.4",
    title="A type of your own",
    bonus=True,
    solution=_GREETER,
    wrong=(
        Wrong("no default", _GREETER.replace('*"hello" | string', "string"), hint="says nothing"),
        Wrong(
            "always the same",
            _GREETER.replace("value: parameter.greeting", 'value: "hello"'),
            hint="reads the parameter",
        ),
        Wrong(
            "a fixed name",
            _GREETER.replace("metadata: name: context.name", 'metadata: name: "greeter"'),
            hint="two components",
        ),
        Wrong("any greeting", _GREETER.replace('*"hello" | string', '*"hello" | _'), hint="number"),
    ),
)
def type_of_your_own(_look: Look, answer: object = None) -> Verdict:
    """The template is rendered three times, and once with what it must refuse."""
    if not answer:
        return not_attempted(
            "There is no template yet.",
            "It has three parts: parameter, context, output. The one above is a start.",
        )
    text = str(answer)
    try:
        polite = _greeting(text, {"greeting": "bonjour"})
    except OamKitError as error:
        return incorrect(
            f"It can't be rendered: {error.message}",
            "cue.evaluate(answer) shows where CUE stumbles.",
        )
    if polite != "bonjour":
        return incorrect(
            f"With the greeting 'bonjour', the program reads {polite!r}.",
            "Nobody reads the parameter: the value must come from it.",
        )
    try:
        default = _greeting(text, {})
    except OamKitError:
        default = None
    if default != "hello":
        return incorrect(
            "Without a greeting, it can't be rendered as it should.",
            "What holds if somebody says nothing? CUE marks a default with an asterisk.",
        )
    if _render(text, {}, "other").get("metadata", {}).get("name") != "other":
        return incorrect(
            "The Deployment has always the same name.",
            "Then two components of this type would be one and the same Deployment.",
        )
    try:
        _greeting(text, {"greeting": 3})
    except OamKitError:
        return correct(
            "Rendered with a greeting, without one, and refused with a number: a good type."
        )
    return incorrect(
        "A greeting may be anything.",
        "It accepts the number 3, which the API server would refuse later. What is a greeting?",
    )


def _render(text: str, parameter: Mapping[str, Any], name: str = "hi") -> dict[str, Any]:
    data = {"parameter": dict(parameter), "context": {"name": name}}
    return dict(cue.evaluate(text, data=data, expression="output"))


def _greeting(text: str, parameter: Mapping[str, Any]) -> object:
    variables = Object(_render(text, parameter)).at("spec.template.spec.containers[0].env") or []
    return next((each.get("value") for each in variables if each.get("name") == "GREETING"), None)
