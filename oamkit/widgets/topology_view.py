"""The topology widget: an application as OAM tells it and as Kubernetes does, live."""

from __future__ import annotations

from typing import Any

import traitlets

from oamkit import topology
from oamkit.show import Rendered
from oamkit.widgets import still
from oamkit.widgets.base import Change, LiveWidget, guarded, source
from oamkit.widgets.details import details
from oamkit.widgets.feed import Snapshot
from oamkit.widgets.scene import topology_scene

__all__ = ["TopologyWidget"]


class TopologyWidget(LiveWidget):
    """See :func:`oamkit.widgets.topology`.

    Attributes:
        view: ``"oam"``, ``"kubernetes"`` or ``"both"``.
        selected: What kubectl calls the object that is selected, e.g. ``"deployment.apps/web"``; ``""`` if none is. It can be set.
        graphs: The graphs that are shown; see :class:`oamkit.topology.Topology`.
    """

    _esm = source("shared.js", "graph.js", "topology.js")
    _css = source("shared.css")

    app = traitlets.Unicode("").tag(sync=True)
    view = traitlets.Enum(("oam", "kubernetes", "both"), "both").tag(sync=True)
    scene = traitlets.Dict().tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    details = traitlets.Dict().tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, app: str = "", namespace: str = "default") -> None:
        self.graphs = topology.topology((), app, namespace)
        super().__init__(namespace, app=app)
        self.observe(self._on_selected, names=["selected"])
        self.observe(self._on_opened, names=["opened"])

    def fallback(self) -> Rendered:
        """Return both views below one another, and as a text tree."""
        return still.of_topology(self.graphs, self.lost)

    def _show(self, snapshot: Snapshot) -> None:
        self.graphs = topology.topology(snapshot.objects, self.app, self._namespace)
        self._draw()
        self._describe()

    def _draw(self) -> None:
        self.scene = topology_scene(self.graphs, self.opened)

    def _describe(self) -> None:
        known: dict[str, Any] = {}
        if self.selected:
            known = details(self.selected, self._snapshot.objects, self.graphs)
        self.details = known

    @guarded
    def _on_selected(self, _: Change) -> None:
        with self._lock:
            self._describe()

    @guarded
    def _on_opened(self, _: Change) -> None:
        with self._lock:
            self._draw()
