"""From objects to the two graphs of an application."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from oamkit.topology.desired import Desired, Part, desired
from oamkit.topology.graph import Edge, Graph, Node, Role, Topology
from oamkit.topology.health import MISSING, PRESENT, Health, State, health, worst
from oamkit.topology.reading import Obj, identity, identity_of, listing, mapping, reference, text
from oamkit.topology.routes import routes

__all__ = ["topology"]

OAM = "core.oam.dev/v1alpha2"
_ROLES = {"ApplicationConfiguration": Role.APPLICATION, "Component": Role.COMPONENT}
_DEFINING = {
    "Component", "ControllerRevision", "ScopeDefinition", "TraitDefinition", "WorkloadDefinition",
    "CustomResourceDefinition", "Event",
}  # fmt: skip
"""Kinds that describe others and aren't part of what runs."""


def topology(objects: Iterable[object], app: str = "", namespace: str = "default") -> Topology:
    """Make the two graphs of an application. Partial or odd objects never raise.

    Args:
        objects: All that is known of the cluster, in any order; what doesn't belong to the application is left out.
        app: The application's name; ``""`` for all objects of the namespace.
        namespace: Where the application is.

    Example:
        >>> web = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "Component", "metadata": {"name": "web"},
        ...        "spec": {"workload": {"apiVersion": "apps/v1", "kind": "Deployment"}}}
        >>> app = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "ApplicationConfiguration",
        ...        "metadata": {"name": "example"}, "spec": {"components": [{"componentName": "web"}]}}
        >>> [node.sentence for node in topology([web, app], "example").oam.nodes]
        ['ApplicationConfiguration example: in progress (not seen by the runtime yet)', 'Component web: there', 'Deployment web: not there yet']
    """
    known = [obj for obj in objects if isinstance(obj, dict) and _is_in(obj, namespace)]
    by_id = {identity(obj): obj for obj in known}
    root = identity_of(OAM, "ApplicationConfiguration", app)
    plan = desired(by_id[root], known, namespace) if root in by_id else Desired()
    if not app:
        graph = _kubernetes([obj for obj in known if _runs(obj)], {}, by_id, "")
        return Topology("", namespace, Graph("OAM"), graph)
    parts = {part.id: part for part in plan.parts}
    mine = _belonging(known, root, app, parts)
    oam = _oam(root, app, plan, by_id)
    kubernetes = _kubernetes(mine, parts, by_id, root)
    return Topology(app, namespace, oam, kubernetes, _links(oam, kubernetes), plan.problem)


def _is_in(obj: Obj, namespace: str) -> bool:
    return text(obj, "metadata", "namespace") in ("", namespace)


def _runs(obj: Obj) -> bool:
    return text(obj, "kind") not in _DEFINING


def _oam(root: str, app: str, plan: Desired, by_id: Mapping[str, Obj]) -> Graph:
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for name in plan.components:
        own = [part for part in plan.parts if part.component == name]
        at = identity_of(OAM, "Component", name)
        firm = [_node(part, by_id) for part in own if part.role is not Role.SCOPE]
        state = _summed(node.health for node in firm)
        there = at in by_id
        # A component is as well as what it made; while nothing of it is there it is only a description.
        shown = state if there and any(not node.ghost for node in firm) else PRESENT
        nodes[at] = Node(at, "Component", name, Role.COMPONENT, shown if there else MISSING)
        edges.append(Edge(root, at, "has the component"))
        for part in own:
            scope = part.role is Role.SCOPE
            if scope and part.id in nodes:
                edges.append(Edge(at, part.id, "joins the scope", soft=True))
                continue
            nodes.setdefault(part.id, _node(part, by_id))
            label = {Role.WORKLOAD: "runs as", Role.TRAIT: "has the trait"}.get(part.role)
            edges.append(Edge(at, part.id, label or "joins the scope"))
    own_health = health(by_id[root]) if root in by_id else MISSING
    if own_health.state is State.OK:
        all_of_it = _summed([own_health, *(node.health for node in nodes.values())])
        own_health = Health(all_of_it.state, all_of_it.reason)
    first = Node(root, "ApplicationConfiguration", app, Role.APPLICATION, own_health)
    return Graph("OAM", (first, *nodes.values()), tuple(edges))


def _summed(healths: Iterable[Health]) -> Health:
    """Return how something is that is as well as its parts; that a part is missing doesn't make it a ghost itself."""
    found = worst(healths)
    if found.state is State.MISSING:
        return Health(State.WORKING, "a part of it isn't there yet")
    return found


def _node(part: Part, by_id: Mapping[str, Obj]) -> Node:
    found = by_id.get(part.id)
    return Node(
        part.id, part.kind, part.name, part.role, MISSING if found is None else health(found)
    )


def _belonging(known: Sequence[Obj], root: str, app: str, parts: Mapping[str, Part]) -> list[Obj]:
    """Return the application, what it made, and what those made: by owners, and by the label that it puts on its own."""
    owned: defaultdict[str, list[Obj]] = defaultdict(list)
    for obj in known:
        for owner in _owners(obj):
            owned[owner].append(obj)
    start = [
        obj
        for obj in known
        if identity(obj) == root
        or identity(obj) in parts
        or text(obj, "metadata", "labels", "app.oam.dev/name") == app
    ]
    found: dict[str, Obj] = {}
    waiting = start[::-1]
    while waiting:
        obj = waiting.pop()
        at = identity(obj)
        if at not in found and _runs(obj):
            found[at] = obj
            waiting += owned[at][::-1]
    return list(found.values())


def _owners(obj: Obj) -> list[str]:
    """Return the ids of an object's owners, the one that controls it first."""
    references = [mapping(each) for each in listing(obj, "metadata", "ownerReferences")]
    references.sort(key=lambda each: each.get("controller") is not True)
    return [reference(each) for each in references]


def _kubernetes(
    mine: Sequence[Obj], parts: Mapping[str, Part], by_id: Mapping[str, Obj], root: str
) -> Graph:
    nodes: dict[str, Node] = {}
    for obj in mine:
        at, kind = identity(obj), text(obj, "kind") or "Unknown"
        role = parts[at].role if at in parts else _ROLES.get(kind, Role.OBJECT)
        nodes[at] = Node(at, kind, text(obj, "metadata", "name"), role, health(obj))
    if root and root not in nodes:
        name = root.partition("/")[2]
        nodes = {
            root: Node(root, "ApplicationConfiguration", name, Role.APPLICATION, MISSING)
        } | nodes
    for part in parts.values():
        if part.id not in nodes:
            nodes[part.id] = _node(part, by_id)
    edges: list[Edge] = []
    for obj in mine:
        at = identity(obj)
        owner = next((each for each in _owners(obj) if each in nodes and each != at), None)
        if owner is None and at in parts and at != root:
            owner = root  # made by the application, and not owned by it yet
        if owner is not None:
            edges.append(Edge(owner, at, "owns"))
    there = {identity(obj) for obj in mine}
    edges += [Edge(root, part.id, "should own") for part in parts.values() if part.id not in there]
    edges += [edge for edge in routes(mine) if edge.source in nodes and edge.target in nodes]
    ordered = sorted(nodes.values(), key=lambda node: (node.id != root, node.kind, node.name))
    return Graph("Kubernetes", tuple(ordered), tuple(edges))


def _links(oam: Graph, kubernetes: Graph) -> Mapping[str, tuple[str, ...]]:
    """Tell what each node is in the other view: a part is itself with all that it owns; a component is all its parts."""
    below: dict[str, list[str]] = {}
    children = kubernetes.children()

    def subtree(top: str) -> list[str]:
        if top not in below:
            found: dict[str, None] = {}
            waiting = [top]
            while waiting:
                at = waiting.pop()
                if at not in found:
                    found[at] = None
                    waiting += children.get(at, [])
            below[top] = list(found)
        return below[top]

    there = {node.id for node in kubernetes.nodes}
    links: defaultdict[str, dict[str, None]] = defaultdict(dict)
    of_component = oam.children()
    for node in oam.nodes:
        if node.role is Role.APPLICATION:
            links[node.id][node.id] = None
            continue
        parts = of_component.get(node.id, []) if node.role is Role.COMPONENT else [node.id]
        for part in parts:
            for other in subtree(part) if part in there else ():
                links[node.id][other] = None
                links[other][node.id] = None
    return {key: tuple(found) for key, found in links.items()}
