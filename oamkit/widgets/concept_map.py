"""The concepts of OAM: what each means, whose it is, what it looks like, and a question about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oamkit.languages import message
from oamkit.topology import Edge, Graph, Health, Node, Role, State
from oamkit.topology.reading import Obj, text

__all__ = ["CONCEPTS", "Concept", "concept_graph", "live_objects"]

DEVELOPER = message("developer")
OPERATOR = "application operator"
INFRASTRUCTURE = "infrastructure operator"


@dataclass(frozen=True)
class Concept:
    """One concept.

    Attributes:
        name: What it is called.
        owner: Whose it is: the role that writes it.
        meaning: What it is for, in two or three sentences.
        example: How it is written.
        question: Something to think about.
        answer: The answer.
        kind: The kind of its objects; ``""`` if it has many kinds.
        role: The label ``app.oam.dev/resourceType`` of its objects, if its kinds are many.
    """

    name: str
    owner: str
    meaning: str
    example: str
    question: str
    answer: str
    kind: str = ""
    role: str = ""


CONCEPTS = (
    Concept(
        "ApplicationConfiguration",
        OPERATOR,
        "The deliverable: which components run, with which values of their parameters, and which traits are attached to each. "
        "It is self-contained: all of the application stands in this one object.",
        "kind: ApplicationConfiguration\nspec:\n  components:\n    - componentName: web\n"
        "      parameterValues:\n        - name: replicas\n          value: 3\n      traits:\n        - trait: {kind: Service, …}",
        "You delete the ApplicationConfiguration. What else goes?",
        "All that the runtime made of it: workloads and traits are owned by it. The Component stays: it is the developer's.",
        kind="ApplicationConfiguration",
    ),
    Concept(
        "Component",
        DEVELOPER,
        "One part of an application, such as a web service: the workload that runs it, and the parameters that others may set. "
        "It only describes; nothing runs until an application uses it.",
        "kind: Component\nspec:\n  workload: {kind: Deployment, …}\n  parameters:\n    - name: replicas\n"
        "      fieldPaths: [spec.replicas]",
        "Two applications use the same Component. How many Deployments are there?",
        "Two at most, one for each application, if each is in a namespace of its own. The Component itself runs nothing.",
        kind="Component",
    ),
    Concept(
        "Workload",
        DEVELOPER,
        "What runs: a Deployment, a CloneSet, a function … The developer writes it into the Component; the runtime fills in the "
        "parameters and makes it.",
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template: …",
        "Who may be asked when a workload's kind isn't known to the platform?",
        "The infrastructure operator: a WorkloadDefinition registers the kind, and the cluster must serve it.",
        role="WORKLOAD",
    ),
    Concept(
        "Trait",
        OPERATOR,
        "An operational capability that is attached to one component: a way in from outside, a number of copies, a backup. "
        "It changes how a component is run, never what it is.",
        "trait:\n  apiVersion: v1\n  kind: Service\n  spec:\n    ports:\n      - port: 80",
        "Why does the trait stand in the application and not in the Component?",
        "Because how a component is run is decided by the operator, each time anew. The developer needn't know of it.",
        role="TRAIT",
    ),
    Concept(
        "Scope",
        OPERATOR,
        "A group of components that share something, such as a HealthScope that tells whether all its members are healthy. "
        "A component can be in several scopes.",
        "kind: HealthScope\nspec:\n  probe-interval: 30\n  workloadRefs: []",
        "Who fills in workloadRefs?",
        "The runtime does, from the applications whose components name the scope.",
        kind="HealthScope",
    ),
    Concept(
        "WorkloadDefinition",
        INFRASTRUCTURE,
        "Registers a kind as a workload of this platform, and says more about it than its CRD does, e.g. which objects it makes.",
        "kind: WorkloadDefinition\nmetadata:\n  name: deployments.apps\nspec:\n  definitionRef:\n    name: deployments.apps",
        "What does its name mean?",
        "It is the name of the kind's resource and its group: the same as that of its CRD.",
        kind="WorkloadDefinition",
    ),
    Concept(
        "TraitDefinition",
        INFRASTRUCTURE,
        "Registers a kind as a trait: which workloads it fits (appliesToWorkloads), and which of its fields gets the workload's "
        "reference (workloadRefPath).",
        "kind: TraitDefinition\nmetadata:\n  name: services\nspec:\n  appliesToWorkloads: [deployments.apps]\n"
        "  definitionRef:\n    name: services",
        "A trait's kind has no TraitDefinition. Is the trait applied?",
        "Yes, with the usual behaviour; the application's status says that there is no definition.",
        kind="TraitDefinition",
    ),
    Concept(
        "ScopeDefinition",
        INFRASTRUCTURE,
        "Registers a kind as a scope, and says which of its fields lists the workloads that are in it.",
        "kind: ScopeDefinition\nspec:\n  workloadRefsPath: spec.workloadRefs\n  allowComponentOverlap: true\n"
        "  definitionRef:\n    name: healthscopes.core.oam.dev",
        "What is lost if the definition is missing?",
        "An application that names the scope can't be rendered: nobody knows where its workloads are listed.",
        kind="ScopeDefinition",
    ),
)

_LINES = (
    ("ApplicationConfiguration", "Component", "is made of", False),
    ("Component", "Workload", "describes", False),
    ("ApplicationConfiguration", "Trait", "attaches", False),
    ("ApplicationConfiguration", "Scope", "puts components into", False),
    ("Trait", "Workload", "works on", True),
    ("WorkloadDefinition", "Workload", "registers", True),
    ("TraitDefinition", "Trait", "registers", True),
    ("ScopeDefinition", "Scope", "registers", True),
)


def live_objects(concept: Concept, objects: Iterable[Obj]) -> list[Obj]:
    """Return the objects of the cluster that are this concept's."""
    if concept.kind:
        return [obj for obj in objects if text(obj, "kind") == concept.kind]
    label = "app.oam.dev/resourceType"
    # An EndpointSlice has the labels of its Service: only what the application itself owns counts.
    return [
        obj
        for obj in objects
        if text(obj, "metadata", "labels", label) == concept.role
        and text(obj, "metadata", "ownerReferences", 0, "kind") == "ApplicationConfiguration"
    ]


def concept_graph(objects: Iterable[Obj] = ()) -> Graph:
    """Draw the concepts as a map, each with the number of its objects.

    Example:
        >>> [node.name for node in concept_graph().nodes][:2]
        ['ApplicationConfiguration', 'Component']
    """
    known = list(objects)
    nodes = []
    for concept in CONCEPTS:
        count = len(live_objects(concept, known))
        health = Health(State.PRESENT, count=f"× {count}") if count else Health(State.MISSING)
        nodes.append(Node(concept.name, concept.owner, concept.name, Role.CONCEPT, health))
    edges = (Edge(source, target, label, soft) for source, target, label, soft in _LINES)
    return Graph("The concepts of OAM", tuple(nodes), tuple(edges))
