"""A topology as the front end draws it: plain data, with every word and every place in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from oamkit.languages import translate
from oamkit.topology import Graph, Layout, Topology, fold, layout, tree
from oamkit.topology.drawing import ROLES, shortened, state_line
from oamkit.topology.layout import NODE_HEIGHT, NODE_WIDTH

__all__ = ["graph_scene", "topology_scene"]


def topology_scene(shown: Topology, opened: Collection[str]) -> dict[str, Any]:
    """Return both views of a topology.

    Args:
        shown: The topology.
        opened: The ids of folds that a person opened.
    """
    views, ids = {}, {}
    for name, graph in (("oam", shown.oam), ("kubernetes", shown.kubernetes)):
        folded = fold(graph, opened)
        views[name] = graph_scene(folded, opened)
        ids[name] = {member: node.id for node in folded.nodes for member in node.members}
    return {
        "app": shown.app,
        "namespace": shown.namespace,
        "problem": translate(shown.problem),
        "views": views,
        "links": _links(shown, ids["oam"] | ids["kubernetes"]),
    }


def graph_scene(graph: Graph, opened: Collection[str] = ()) -> dict[str, Any]:
    """Return one graph, laid out."""
    drawn = layout(graph)
    return {
        "title": translate(graph.title),
        "width": drawn.width,
        "height": drawn.height,
        "nodeWidth": NODE_WIDTH,
        "nodeHeight": NODE_HEIGHT,
        "text": tree(graph, translate),
        "opened": [each for each in opened if any(f"{n.id}|" in each for n in graph.nodes)],
        "nodes": _nodes(drawn),
        "wires": [
            {
                "path": wire.path,
                "source": wire.edge.source,
                "target": wire.edge.target,
                "label": wire.edge.label,
                "soft": wire.edge.soft,
            }
            for wire in drawn.wires
        ],
    }


def _nodes(drawn: Layout) -> list[dict[str, Any]]:
    parents = {child: parent for parent, below in drawn.graph.children().items() for child in below}
    levels: dict[str, int] = {}
    found = []
    for place in drawn.places:
        node = place.node
        parent = parents.get(node.id, "")
        levels[node.id] = levels.get(parent, 0) + 1
        found.append(
            {
                "id": node.id,
                "x": place.x,
                "y": place.y,
                "parent": parent,
                "level": levels[node.id],
                "kind": translate(node.kind),
                "name": node.name,
                "line": state_line(node, translate),
                "kindShown": shortened(translate(node.kind), NODE_WIDTH - 40, 11),
                "nameShown": shortened(node.name, NODE_WIDTH - 20, 12, bold=True),
                "lineShown": shortened(state_line(node, translate), NODE_WIDTH - 20, 10.5),
                "letter": ROLES.get(node.role, ""),
                "role": str(node.role),
                "state": str(node.health.state),
                "sentence": node.spoken(translate),
                "members": list(node.members),
            }
        )
    return found


def _links(shown: Topology, folded: dict[str, str]) -> dict[str, list[str]]:
    links: dict[str, dict[str, None]] = {}
    for source, targets in shown.links.items():
        at = links.setdefault(folded.get(source, source), {})
        at.update(dict.fromkeys(folded.get(target, target) for target in targets))
    return {source: list(targets) for source, targets in links.items()}
