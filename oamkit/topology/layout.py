"""Where nodes stand: columns from left to right, a node beside the middle of what it owns.

Graphs of owners are trees but for a few lines that only point; so a tree is laid out, and those lines are drawn across. That takes
one walk over the nodes, in a time that grows with their number, and keeps nodes where they were when others come and go.
"""

from __future__ import annotations

from dataclasses import dataclass

from oamkit.topology.graph import Edge, Graph, Node

__all__ = ["NODE_HEIGHT", "NODE_WIDTH", "Layout", "Place", "Wire", "layout"]

NODE_WIDTH, NODE_HEIGHT = 196, 52
COLUMN_GAP, ROW_GAP, TREE_GAP = 44, 14, 10
MARGIN = 12
"""In px of the picture before any zoom."""


@dataclass(frozen=True)
class Place:
    """A node and its upper left corner, in px."""

    node: Node
    x: int
    y: int


@dataclass(frozen=True)
class Wire:
    """A line and its path, in the words of SVG."""

    edge: Edge
    path: str


@dataclass(frozen=True)
class Layout:
    """A graph that can be drawn.

    Attributes:
        graph: The graph.
        width: Of the picture, in px.
        height: Of the picture, in px.
        places: Each node's place, in the order of reading: from above, each before what it owns.
        wires: The lines; the soft ones first, so that they lie below.
    """

    graph: Graph
    width: int
    height: int
    places: tuple[Place, ...]
    wires: tuple[Wire, ...]


def layout(graph: Graph) -> Layout:
    """Lay a graph out; any graph, also one with cycles or lines to nodes that aren't there.

    Example:
        >>> pair = Graph("", (Node("a", "A", "a"), Node("b", "B", "b")), (Edge("a", "b"),))
        >>> [(place.node.id, place.x, place.y) for place in layout(pair).places]
        [('a', 12, 12), ('b', 252, 12)]
    """
    nodes = {node.id: node for node in graph.nodes}
    order, depth, children = _walk(graph, nodes)
    y: dict[str, int] = {}
    free = MARGIN
    for at in order:  # leaves from above to below
        if depth[at] == 0 and free > MARGIN:
            free += TREE_GAP
        if not children[at]:
            y[at] = free
            free += NODE_HEIGHT + ROW_GAP
    for at in reversed(order):  # what is owned stands before its owner here
        if children[at]:
            y[at] = (y[children[at][0]] + y[children[at][-1]]) // 2
    column = NODE_WIDTH + COLUMN_GAP
    corner = {at: (MARGIN + depth[at] * column, y[at]) for at in order}
    edges = sorted(graph.edges, key=lambda edge: not edge.soft)
    return Layout(
        graph,
        width=2 * MARGIN + NODE_WIDTH + column * max(depth.values(), default=0),
        height=max(free - ROW_GAP, MARGIN + NODE_HEIGHT) + MARGIN,
        places=tuple(Place(nodes[at], *corner[at]) for at in order),
        wires=tuple(
            Wire(edge, _path(corner[edge.source], corner[edge.target]))
            for edge in edges
            if edge.source in corner and edge.target in corner and edge.source != edge.target
        ),
    )


def _walk(
    graph: Graph, nodes: dict[str, Node]
) -> tuple[list[str], dict[str, int], dict[str, list[str]]]:
    """Return the nodes in the order of reading, how deep each stands, and the children that each was reached with."""
    targets = graph.children()
    below = {target for ids in targets.values() for target in ids}
    depth: dict[str, int] = {}
    order: list[str] = []
    children: dict[str, list[str]] = {at: [] for at in nodes}
    # A cycle has no top: its first node is taken for one, after all trees.
    tops = [at for at in nodes if at not in below] + list(nodes)
    for top in tops:
        waiting = [(top, "")]
        while waiting:
            at, parent = waiting.pop()
            if at in depth or at not in nodes:
                continue
            depth[at] = depth[parent] + 1 if parent else 0
            order.append(at)
            if parent:
                children[parent].append(at)
            waiting += [(child, at) for child in reversed(targets.get(at, []))]
    return order, depth, children


def _path(source: tuple[int, int], target: tuple[int, int]) -> str:
    """Draw from the right side to the left one; between nodes of one column, or backwards, around their right sides."""
    x1, y1 = source[0] + NODE_WIDTH, source[1] + NODE_HEIGHT // 2
    x2, y2 = target[0], target[1] + NODE_HEIGHT // 2
    if x2 > x1:
        middle = (x1 + x2) // 2
        return f"M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}"
    x2 = target[0] + NODE_WIDTH
    out = max(x1, x2) + COLUMN_GAP // 2
    return f"M{x1},{y1} C{out},{y1} {out},{y2} {x2},{y2}"
