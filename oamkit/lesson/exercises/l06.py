"""Lesson 06: deploy the application."""

from __future__ import annotations

from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)

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
