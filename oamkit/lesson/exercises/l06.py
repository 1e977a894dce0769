"""Lesson 06: deploy the application."""

from __future__ import annotations

from datetime import datetime, timedelta

from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

BUSY = 2
"""Seconds that may lie between two objects that the runtime makes together, on a machine that is busy."""

DEPLOYED = """
apply("flask-demo/config/")
wait_for("deployment", "web")
"""

_SET_REPLICAS = """
application = yaml.safe_load(Path("flask-demo/config/appconfig.yaml").read_text(encoding="utf-8"))
application["spec"]["components"][0]["parameterValues"] = [{"name": "replicas", "value": 2}]
apply(application)
wait_for("deployment", "web", "spec.replicas=2")
wait_for("deployment", "web")
"""

_SCALED_BY_HAND = """
kubectl("scale", "deployment/web", "--replicas=2")
wait_for("deployment", "web")
"""

_CHANGED_COMPONENT = """
component = yaml.safe_load(Path("flask-demo/config/component.yaml").read_text(encoding="utf-8"))
component["spec"]["workload"]["spec"]["replicas"] = 2
apply(component)
wait_for("deployment", "web", "spec.replicas=2")
"""


@exercise(
    "06.1",
    title="Two Pods, as the operator",
    prepare=DEPLOYED,
    solution=_SET_REPLICAS,
    wrong=(
        Wrong("by hand", _SCALED_BY_HAND, hint="past the application"),
        Wrong("in the developer's file", _CHANGED_COMPONENT, hint="developer's file"),
    ),
)
def two_pods(look: Look) -> Verdict:
    """The operator sets the Component's parameter in the ApplicationConfiguration; two Pods answer."""
    app = look.app()
    if app is None:
        return not_attempted("There is no ApplicationConfiguration 'example' yet: deploy it first.")
    component = look.component()
    written = component.at("spec.workload.spec.replicas") if component else None
    values = app.at("spec.components[0].parameterValues") or []
    set_to = next((each.get("value") for each in values if each.get("name") == "replicas"), None)
    wanted = look.at("deployment", "web", "spec.replicas")
    if set_to == 2:
        available = look.at("deployment", "web", "status.availableReplicas", 0)
        if written is None and available == 2:
            return correct("The application asks for two Pods, and two are there.")
        return incorrect(
            f"The application asks for two Pods; {available} of them are there.",
            "Wait a moment, then look at events(): what holds them back?",
        )
    if written is not None:
        return incorrect(
            f"The Component itself says {written} Pods.",
            "You changed the developer's file. Which of the two files is the operator's?",
            "The Component offers parameters by their names. The operator gives one of them a value.",
        )
    if wanted == 2:
        return incorrect(
            "The Deployment has two Pods, but the application doesn't say so.",
            "You went past the application: whoever installs it elsewhere gets one Pod again.",
            "Look at what the Component offers in spec.parameters, and at who may set it.",
        )
    if set_to is not None:
        return incorrect(
            f"The application asks for {set_to} Pods.",
            "The parameter is the right one. Is its value what the task asks for?",
        )
    return not_attempted(
        "The application doesn't say how many Pods it wants.",
        "Which file is the operator's, and what may it set?",
        "The Component lists what may be set, each by a name.",
    )


_GREETING = """
component = yaml.safe_load(Path("flask-demo/config/component.yaml").read_text(encoding="utf-8"))
container = component["spec"]["workload"]["spec"]["template"]["spec"]["containers"][0]
container["env"] = [{"name": "GREETING", "value": "hello"}]
component["spec"]["parameters"].append(
    {"name": "greeting", "fieldPaths": ["spec.template.spec.containers[0].env[0].value"]}
)
application = yaml.safe_load(Path("flask-demo/config/appconfig.yaml").read_text(encoding="utf-8"))
application["spec"]["components"][0]["parameterValues"] = [{"name": "greeting", "value": "bonjour"}]
apply([component, application])
"""


@exercise(
    "06.2",
    title="A word from the developer, a value from the operator",
    prepare=DEPLOYED,
    solution=_GREETING,
    wrong=(
        Wrong(
            "the developer sets it",
            _GREETING.replace('"hello"', '"bonjour"').replace(
                'application["spec"]["components"][0]["parameterValues"] = [{"name": "greeting", "value": "bonjour"}]\n',
                "",
            ),
            hint="operator",
        ),
        Wrong(
            "a path from the Component's top",
            _GREETING.replace('"spec.template', '"spec.workload.spec.template'),
            hint="inside the workload",
        ),
        Wrong(
            "no such parameter",
            _GREETING.replace(
                '{"name": "greeting", "fieldPaths"', '{"name": "greet", "fieldPaths"'
            ),
            hint="same name",
        ),
    ),
)
def a_greeting(look: Look) -> Verdict:
    """The Component offers a parameter, the application sets it, and the program gets it."""
    app, component = look.app(), look.component()
    if app is None or component is None:
        return not_attempted("There is no application 'example' yet: deploy it first.")
    offered = {each["name"]: each for each in component.at("spec.parameters") or []}
    values = app.at("spec.components[0].parameterValues") or []
    given = {each.get("name"): each.get("value") for each in values}
    if "greeting" in given and "greeting" not in offered:
        return incorrect(
            f"The application sets 'greeting'; the Component offers: {', '.join(offered)}.",
            "Both sides must use the same name: it's all that they know of each other.",
        )
    if "greeting" not in offered:
        return not_attempted(
            "The Component doesn't offer a parameter 'greeting' yet.",
            "First the variable, in the container's env. Then the parameter, with the way to it.",
        )
    paths = offered["greeting"].get("fieldPaths") or []
    if any(path.startswith("spec.workload") for path in paths):
        return incorrect(
            "The parameter writes to a place that no Deployment has.",
            "Its path begins inside the workload: exercise 02.3 was about that.",
        )
    if "greeting" not in given:
        return incorrect(
            "The Component offers 'greeting', but the application doesn't set it.",
            "The value is the operator's decision: in which file does it belong?",
        )
    variables = look.at("deployment", "web", "spec.template.spec.containers[0].env") or []
    value = next((each.get("value") for each in variables if each["name"] == "GREETING"), None)
    if value == "bonjour":
        return correct(
            "The developer offers it, the operator sets it, the program reads 'bonjour'."
        )
    return incorrect(
        f"The program's variable GREETING: {value or 'not set'}.",
        "Follow the value: application, parameter, path, Deployment. Where does it get lost?",
        "events('ApplicationConfiguration', 'example') tells if the runtime couldn't follow.",
    )


_DELETED_BY_HAND = """
from datetime import datetime


def made(kind):
    return datetime.fromisoformat(get(kind, "web").at("metadata.creationTimestamp"))


while (made("ingress") - made("service")).total_seconds() <= 2:
    kubectl("delete", "ingress", "web")
    wait_for("ingress", "web", "exists")
"""

_NO_INGRESS = """
application = yaml.safe_load(Path("flask-demo/config/appconfig.yaml").read_text(encoding="utf-8"))
component = application["spec"]["components"][0]
component["traits"] = [each for each in component["traits"] if each["trait"]["kind"] != "Ingress"]
apply(application)
wait_for("ingress", "web", "gone")
"""


@exercise(
    "06.3",
    title="Close the door",
    prepare=DEPLOYED,
    solution=_NO_INGRESS,
    wrong=(
        Wrong("by hand", _DELETED_BY_HAND, hint="comes back"),
        Wrong(
            "all traits",
            _NO_INGRESS.replace(
                '[each for each in component["traits"] if each["trait"]["kind"] != "Ingress"]', "[]"
            ),
            hint="Service",
        ),
        Wrong(
            "the whole application",
            'delete("flask-demo/config/appconfig.yaml")\nwait_for("deployment", "web", "gone")',
            hint="keep running",
        ),
    ),
)
def close_the_door(look: Look) -> Verdict:
    """The application has no Ingress trait, and the cluster no Ingress; the rest is as it was."""
    app = look.app()
    if app is None:
        if look.component() is None:
            return not_attempted("There is no application 'example' yet: deploy it first.")
        return incorrect(
            "The whole application is gone.",
            "It shall keep running. Only one of its traits shall go.",
        )
    kinds = [str(trait.get("kind")) for trait in look.traits()]
    there = [each.name for each in look.list("ingresses", labels="app.oam.dev/name=example")]
    if "Ingress" in kinds:
        if not there or _made_again(look):
            return incorrect(
                "The Ingress was deleted, and the application still asks for it.",
                "It comes back: the runtime compares what is with what the application says.",
                "In which file does the operator say what the application needs?",
            )
        return not_attempted(
            "The application still has its Ingress.", "Whose file says that there is a way in?"
        )
    if "Service" not in kinds:
        return incorrect(
            "The application has no traits left.",
            "Inside the cluster it should still be found: the Service was to be kept.",
        )
    if there:
        return incorrect(
            f"The application asks for no Ingress, and {there[0]} is still there.",
            "events('ApplicationConfiguration', 'example') tells what holds the runtime up.",
        )
    return correct("No Ingress, and the Service is still there. The door stays closed.")


def _made_again(look: Look) -> bool:
    """Tell whether the Ingress is younger than the Service, which is made with it, by more than a busy machine explains."""
    at = "metadata.creationTimestamp"
    service, ingress = look.at("service", "web", at), look.at("ingress", "web", at)
    if not service or not ingress:
        return False
    later = datetime.fromisoformat(ingress) - datetime.fromisoformat(service)
    return later > timedelta(seconds=BUSY)


_NEXT_DOOR = """
apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "staging"}})
application = yaml.safe_load(Path("flask-demo/config/appconfig.yaml").read_text(encoding="utf-8"))
component = application["spec"]["components"][0]
component["traits"] = [each for each in component["traits"] if each["trait"]["kind"] != "Ingress"]
apply("flask-demo/config/component.yaml", namespace="staging")
apply(application, namespace="staging")
wait_for("deployment", "web", namespace="staging")
"""


@exercise(
    "06.4",
    title="The same application next door",
    bonus=True,
    prepare=DEPLOYED,
    solution=_NEXT_DOOR,
    wrong=(
        Wrong(
            "without its Component",
            _NEXT_DOOR.replace(
                'apply("flask-demo/config/component.yaml", namespace="staging")\n', ""
            ).replace('wait_for("deployment", "web", namespace="staging")\n', ""),
            hint="its own namespace",
        ),
        Wrong(
            "with its way in",
            _NEXT_DOOR.replace(' if each["trait"]["kind"] != "Ingress"', ""),
            hint="two Ingresses",
        ),
    ),
)
def next_door(look: Look) -> Verdict:
    """The same application runs in another namespace, without an Ingress."""
    app = look.app(namespace="staging")
    if app is None:
        return not_attempted(
            "There is no application 'example' in the namespace 'staging' yet.",
            "A namespace is an object; and apply(…) takes namespace=….",
        )
    if look.component(namespace="staging") is None:
        return incorrect(
            "The application is there; its Component isn't.",
            "An application looks for its Components in its own namespace. Which ones are there?",
        )
    if look.list("ingresses", namespace="staging"):
        return incorrect(
            "The second application has an Ingress.",
            "Now there are two Ingresses for the same path. Which of them answers, nobody can tell.",
        )
    available = look.at("deployment", "web", "status.availableReplicas", 0, namespace="staging")
    service = look.get("service", "web", namespace="staging")
    if available and service is not None:
        return correct("The same application runs next door: one object, taken elsewhere.")
    missing = "its Deployment isn't ready" if service is not None else "it has no Service"
    return incorrect(
        f"The second application isn't complete: {missing}.",
        "kubectl('get', 'deployments,services,pods', '--namespace', 'staging') shows how far it is.",
    )
