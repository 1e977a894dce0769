"""What is left of a widget where no widget can run: a picture and words."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from oamkit.languages import translate
from oamkit.show import Rendered
from oamkit.topology import Graph, Topology, draw, fold, layout, tree

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Still", "of_graph", "of_topology"]

SPOKEN = 40
"""How many nodes the words beside a picture name one by one."""


@dataclass(frozen=True)
class Still(Rendered):
    """A picture that needs neither a script nor another file, and the same as text.

    Attributes:
        svg: The picture.
        alt: What it shows, in words.
        text: The same as a terminal shows it.
    """

    svg: str
    alt: str
    text: str

    def __str__(self) -> str:
        return self.text

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self.text)

    def to_html(self) -> str:
        """Return it as an image: inline SVG would vanish in a notebook that isn't trusted."""
        data = base64.b64encode(self.svg.encode()).decode()
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(self.alt)}" style="max-width:100%">'
        return f'<figure style="margin:0.5em 0">{image}</figure>'


def of_topology(shown: Topology, lost: str = "") -> Still:
    """Return an application's two pictures below one another.

    Args:
        shown: The application.
        lost: Why the cluster can't be reached; ``""`` if it can.
    """
    title = f"Application {shown.app}" if shown.app else f"All of the namespace {shown.namespace}"
    return of_graphs(title, (shown.oam, shown.kubernetes), shown.problem or lost)


def of_graph(graph: Graph) -> Still:
    """Return the picture of one graph."""
    return of_graphs("", (graph,), "")


def of_graphs(title: str, graphs: tuple[Graph, ...], problem: str) -> Still:
    """Return the picture of graphs, and what is wrong, if anything is."""
    folded = [fold(graph) for graph in graphs if graph.nodes]
    heading = ": ".join(translate(each) for each in (title, problem) if each)
    spoken = [
        f"{translate(graph.title)}: "
        + ". ".join(node.spoken(translate) for node in graph.nodes[:SPOKEN])
        for graph in folded
    ]
    text = [heading] if heading else []
    text += [tree(graph, translate) for graph in folded]
    nothing = [] if folded else [translate("There is nothing to show yet.")]
    return Still(
        draw(
            [layout(graph) for graph in folded],
            heading or (nothing[0] if nothing else ""),
            translate,
        ),
        ". ".join([*([heading] if heading else []), *spoken, *nothing]),
        "\n\n".join([*text, *nothing]),
    )
