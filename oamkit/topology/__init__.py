"""From live objects to the two pictures of an application: pure, without a cluster.

The way is always the same, whoever draws in the end::

    topology(objects, "example")     two graphs: as OAM tells it, and as Kubernetes does
    fold(graph)                      like leaves as one node
    layout(graph)                    where each node stands
    draw([layout, …]) / tree(graph)  a picture, or text; the widgets draw the same layout
"""

from oamkit.topology.drawing import draw
from oamkit.topology.folding import fold
from oamkit.topology.graph import Edge, Graph, Node, Role, Topology
from oamkit.topology.health import Health, State, health
from oamkit.topology.layout import Layout, Place, Wire, layout
from oamkit.topology.marks import marks
from oamkit.topology.tree import tree
from oamkit.topology.views import topology

__all__ = [
    "Edge",
    "Graph",
    "Health",
    "Layout",
    "Node",
    "Place",
    "Role",
    "State",
    "Topology",
    "Wire",
    "draw",
    "fold",
    "health",
    "layout",
    "marks",
    "topology",
    "tree",
]
