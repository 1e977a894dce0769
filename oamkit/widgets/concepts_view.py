"""The concept explorer: the concepts of OAM as a map, each with what this cluster has of it."""

from __future__ import annotations

import traitlets

from oamkit.languages import translate
from oamkit.show import Rendered
from oamkit.topology.reading import identity, text
from oamkit.widgets import still
from oamkit.widgets.base import Change, LiveWidget, guarded, source
from oamkit.widgets.concept_map import CONCEPTS, concept_graph, live_objects
from oamkit.widgets.details import yaml_lines
from oamkit.widgets.feed import Snapshot
from oamkit.widgets.scene import graph_scene

__all__ = ["ConceptsWidget"]

MOST = 20
"""How many live objects of a concept are offered."""


class ConceptsWidget(LiveWidget):
    """See :func:`oamkit.widgets.concepts`.

    Attributes:
        selected: The name of the concept that is explained.
        object: What kubectl calls the live object whose YAML is shown; ``""`` for the example.
    """

    needs_cluster = False  # lesson 02 shows it before there is one
    _esm = source("shared.js", "graph.js", "concepts.js")
    _css = source("shared.css")

    scene = traitlets.Dict().tag(sync=True)
    concepts = traitlets.List(traitlets.Dict()).tag(sync=True)
    selected = traitlets.Unicode(CONCEPTS[0].name).tag(sync=True)
    object = traitlets.Unicode("").tag(sync=True)
    yaml = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, namespace: str = "default") -> None:
        super().__init__(namespace)
        self.observe(self._on_object, names=["object"])

    def fallback(self) -> Rendered:
        """Return the map."""
        return still.of_graph(concept_graph(self._snapshot.objects))

    def _show(self, snapshot: Snapshot) -> None:
        self.scene = graph_scene(concept_graph(snapshot.objects))
        self.concepts = [
            {
                "name": each.name,
                "owner": translate(each.owner),
                "meaning": translate(each.meaning),
                "example": each.example,
                "question": translate(each.question),
                "answer": translate(each.answer),
                "objects": [
                    {
                        "id": identity(obj),
                        "kind": text(obj, "kind"),
                        "name": text(obj, "metadata", "name"),
                    }
                    for obj in live_objects(each, snapshot.objects)[:MOST]
                ],
            }
            for each in CONCEPTS
        ]
        self._read()

    def _read(self) -> None:
        found = next((obj for obj in self._snapshot.objects if identity(obj) == self.object), None)
        self.yaml = yaml_lines(found, {}) if found else []

    @guarded
    def _on_object(self, _: Change) -> None:
        with self._lock:
            self._read()
