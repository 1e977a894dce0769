"""The events widget: what the cluster's controllers say, newest first."""

from __future__ import annotations

from datetime import UTC, datetime

import traitlets

from oamkit.show import Rendered
from oamkit.widgets.base import Change, LiveWidget, source
from oamkit.widgets.eventlog import event_rows, event_table
from oamkit.widgets.feed import Snapshot
from oamkit.widgets.topology_view import TopologyWidget

__all__ = ["EventsWidget"]


class EventsWidget(LiveWidget):
    """See :func:`oamkit.widgets.events`.

    Attributes:
        rows: The events, newest first; the same one said again is counted.
        since: When this step began, in RFC 3339; the widget can leave out what is older.
        selected: What kubectl calls the object that the events can be limited to; ``""`` for all.
    """

    _esm = source("shared.js", "events.js")
    _css = source("shared.css")

    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    since = traitlets.Unicode("").tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    related = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, namespace: str = "default", linked: TopologyWidget | None = None) -> None:
        super().__init__(namespace, since=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._linked = linked
        if linked is not None:
            self._follow_selection()
            linked.observe(self._follow_selection, names=["selected", "scene"])
            self.observe(self._lead_selection, names=["selected"])

    def fallback(self) -> Rendered:
        """Return the events as a table."""
        return event_table(self.rows)

    def _show(self, snapshot: Snapshot) -> None:
        self.rows = event_rows(snapshot.objects)

    def _follow_selection(self, _: Change | None = None) -> None:
        if self._linked is not None:
            at = self._linked.selected
            with self.hold_sync():
                self.selected = at
                self.related = list(dict.fromkeys([at, *self._linked.graphs.links.get(at, ())]))

    def _lead_selection(self, change: Change) -> None:
        if self._linked is not None:
            self._linked.selected = change["new"]

    def close(self) -> None:
        """End the widget."""
        if self._linked is not None:
            self._linked.unobserve(self._follow_selection, names=["selected", "scene"])
            self._linked = None
        super().close()
