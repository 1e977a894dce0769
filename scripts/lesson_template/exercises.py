"""Lesson 98: its exercises. These work, and show the three sorts that there are; put yours in their place."""

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


@exercise(
    "98.1",
    title="Choose",
    solution='answer = "component"',
    wrong=(
        Wrong("the deliverable", 'answer = "applicationconfiguration"', hint="operator"),
        Wrong("something else", 'answer = "pod"', hint="four kinds"),
    ),
)
def author(_: Look, answer: object = None) -> Verdict:
    """A question with one right answer, and a hint for each wrong one."""
    if answer is None:
        return not_attempted("There is no answer yet.", "Who knows how the code must run?")
    given = str(answer).strip().lower()
    if given == "component":
        return correct("The developer writes it.")
    if given == "applicationconfiguration":
        return incorrect(f"You say: {answer}.", "That one is the operator's.")
    return incorrect(f"You say: {answer}.", "It is one of the four kinds of lesson 02.")


@exercise(
    "98.2",
    title="Write an object",
    solution='answer = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "Component", "metadata": {"name": "web"}}',
    wrong=(
        Wrong("a text", 'answer = "kind: Component"', hint="dictionary"),
        Wrong("without a name", 'answer = {"kind": "Component"}', hint="metadata"),
    ),
)
def written(_: Look, answer: object = None) -> Verdict:
    """An object that the learner writes as a dictionary."""
    if answer is None:
        return not_attempted("There is no object yet.", "Begin with apiVersion and kind.")
    if not isinstance(answer, dict):
        return incorrect("This isn't an object.", "Write it as a dictionary, in braces.")
    if not (answer.get("metadata") or {}).get("name"):
        return incorrect("The object has no name.", "The name stands in its metadata.")
    return correct(f"The object is called {answer['metadata']['name']}.")


@exercise(
    "98.3",
    title="Count",
    solution="answer = 3",
    wrong=(
        Wrong("the Pod as well", "answer = 4", hint="ReplicaSet"),
        Wrong("only the workload", "answer = 1", hint="traits"),
    ),
)
def counted(_: Look, answer: object = None) -> Verdict:
    """A number. What is seen in the cluster is asked of the first argument: its get, list, at, reachable."""
    if answer is None:
        return not_attempted("There is no number yet.", "Count what the runtime itself makes.")
    if answer == 3:
        return correct("The workload and its two traits.")
    if isinstance(answer, int) and answer > 3:
        return incorrect(f"You count {answer}.", "Who makes the ReplicaSet and the Pods?")
    return incorrect(f"You count {answer}.", "The traits are objects, too.")


@exercise(
    "98.4",
    title="Go further",
    bonus=True,
    solution='answer = ["Service", "Ingress"]',
    wrong=(
        Wrong("one is missing", 'answer = ["Service"]', hint="from outside"),
        Wrong("too many", 'answer = ["Service", "Ingress", "Deployment"]', hint="runs code"),
    ),
)
def traits(_: Look, answer: object = None) -> Verdict:
    """A bonus exercise goes beyond the lesson."""
    if not isinstance(answer, list):
        return not_attempted("There is no list of kinds yet.", "Read the application of the demo.")
    if "Deployment" in answer:
        return incorrect("A Deployment is in your list.", "It runs code, so what is it?")
    if set(answer) == {"Service", "Ingress"}:
        return correct("These two are the traits of the demo.")
    return incorrect("A trait is missing.", "How do requests come in from outside?")
