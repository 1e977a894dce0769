"""A graph as text: what a terminal, a log and a screen reader get."""

from __future__ import annotations

from oamkit.topology.graph import Graph, Node, Say

__all__ = ["tree"]


def tree(graph: Graph, say: Say = str) -> str:
    """Write a graph as a tree, with the soft lines in words behind the nodes.

    Args:
        graph: The graph.
        say: Translates a word or a sentence; English stays by default.

    Example:
        >>> from oamkit.topology.graph import Edge, Node
        >>> pair = Graph("Kubernetes", (Node("a/x", "A", "x"), Node("b/y", "B", "y")), (Edge("a/x", "b/y"),))
        >>> print(tree(pair))
        Kubernetes
        A x  • there
        └─ B y  • there
    """
    nodes = {node.id: node for node in graph.nodes}
    targets = graph.children()
    below = {target for ids in targets.values() for target in ids}
    points: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.soft and edge.target in nodes:
            other = nodes[edge.target]
            points.setdefault(edge.source, []).append(f"{say(edge.label)} {other.title}")
    lines = [say(graph.title)] if graph.title else []
    seen: set[str] = set()
    for top in [at for at in nodes if at not in below] + list(nodes):
        waiting = [(top, "", "")]
        while waiting:
            at, first, rest = waiting.pop()
            if at in seen or at not in nodes:
                continue
            seen.add(at)
            lines.append(first + _line(nodes[at], points.get(at, []), say))
            inner = [each for each in targets.get(at, []) if each not in seen and each in nodes]
            for number, child in reversed(list(enumerate(inner))):
                last = number == len(inner) - 1
                waiting.append(
                    (child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
                )
    return "\n".join(lines)


def _line(node: Node, points: list[str], say: Say) -> str:
    state = node.health.state
    parts = [node.title, f"{state.icon} {say(state.word)}"]
    if node.health.count:
        parts.append(node.health.count)
    if node.health.reason:
        parts.append(f"({node.reason(say)})")
    if points:
        shown = points[:3] + (["…"] if len(points) > 3 else [])
        parts.append("→ " + ", ".join(shown))
    return "  ".join(part.replace("\n", " ") for part in parts)
