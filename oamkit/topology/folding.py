"""Keeps large pictures small: like leaves are drawn as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from oamkit.topology.graph import Edge, Graph, Node
from oamkit.topology.health import Health, State, worst

__all__ = ["fold"]

SHOWN = 100
"""How many of a fold that was opened are drawn: the worst ones. The others stay folded."""


def fold(graph: Graph, opened: Collection[str] = (), *, limit: int = 5, budget: int = 200) -> Graph:
    """Draw siblings of one kind as one node where there are many.

    Leaves are folded if there are more than ``limit`` of a kind below one node. If the picture still has more than ``budget``
    nodes, whole branches are folded too, wherever there are more than ``limit`` alike.

    Args:
        graph: The whole graph.
        opened: The ids of folds that a person opened.
        limit: How many siblings of a kind are drawn one by one.
        budget: How many nodes a picture should have at most.

    Example:
        >>> pods = [Node(f"pod/{n}", "Pod", str(n)) for n in range(9)]
        >>> top = Node("replicaset.apps/web", "ReplicaSet", "web")
        >>> big = Graph("", (top, *pods), tuple(Edge(top.id, pod.id) for pod in pods))
        >>> [(node.kind, node.name) for node in fold(big).nodes]
        [('ReplicaSet', 'web'), ('Pod', '× 9')]
    """
    folded = _fold(graph, opened, limit, branches=False)
    if len(folded.nodes) > budget:
        folded = _fold(folded, opened, limit, branches=True)
    return folded


def _fold(graph: Graph, opened: Collection[str], limit: int, *, branches: bool) -> Graph:
    children = graph.children()
    nodes = {node.id: node for node in graph.nodes}
    below = {target for targets in children.values() for target in targets}
    siblings = {**children, "": [node.id for node in graph.nodes if node.id not in below]}
    becomes: dict[str, str] = {}
    made: dict[str, Node] = {}
    for parent, ids in siblings.items():
        groups: defaultdict[str, list[Node]] = defaultdict(list)
        for at in ids:
            leaf = not children.get(at)
            if at in nodes and not nodes[at].members and (leaf or (branches and parent)):
                groups[nodes[at].kind].append(nodes[at])
        for kind, members in groups.items():
            if len(members) <= limit:
                continue
            at = f"{parent}|{kind}"
            ranked = sorted(members, key=lambda node: -_severity(node.health))
            kept = ranked[SHOWN:] if at in opened else ranked
            if kept:
                made[at] = _folded(at, kind, kept)
                becomes |= {inner: at for node in kept for inner in _subtree(node.id, children)}
    return _rewritten(graph, becomes, made)


def _severity(state: Health) -> int:
    return list(State).index(state.state)


def _subtree(top: str, children: dict[str, list[str]]) -> Iterable[str]:
    seen: set[str] = set()
    waiting = [top]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting += children.get(at, [])
    return seen


def _folded(at: str, kind: str, members: list[Node]) -> Node:
    counts = Counter(node.health.state for node in members)
    states = sorted(counts, key=list(State).index, reverse=True)
    words = ", ".join(f"{counts[state]} {state.word}" for state in states)
    ids = tuple(node.id for node in members)
    state = worst(node.health for node in members).state
    return Node(at, kind, f"× {len(members)}", members[0].role, Health(state, words), ids)


def _rewritten(graph: Graph, becomes: dict[str, str], made: dict[str, Node]) -> Graph:
    if not made:
        return graph
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        at = becomes.get(node.id, node.id)
        nodes.setdefault(at, made.get(at, node))
    edges: dict[tuple[str, str, bool], Edge] = {}
    for edge in graph.edges:
        source, target = (
            becomes.get(edge.source, edge.source),
            becomes.get(edge.target, edge.target),
        )
        if source != target:
            edges.setdefault(
                (source, target, edge.soft), replace(edge, source=source, target=target)
            )
    return Graph(graph.title, tuple(nodes.values()), tuple(edges.values()))
