"""The status bar: how the cluster is, with the logs of its parts one click away."""

from __future__ import annotations

import time

import traitlets

from oamkit.cluster import ClusterStatus, active, part_logs
from oamkit.languages import translate
from oamkit.lesson import demo
from oamkit.show import Rendered
from oamkit.widgets.base import Change, LiveWidget, guarded, source
from oamkit.widgets.feed import Snapshot
from oamkit.widgets.health import Item, items, status_table

__all__ = ["StatusWidget"]

ASK_AGAIN = 5.0
"""Seconds after which a provider is asked again that couldn't tell all."""


class StatusWidget(LiveWidget):
    """See :func:`oamkit.widgets.status`.

    Attributes:
        items: Name, state, detail and log of each part.
        log: Whose log is shown; ``""`` for none.
        lines: The log's last lines.
    """

    _esm = source("shared.js", "status.js")
    _css = source("shared.css")

    items = traitlets.List(traitlets.Dict()).tag(sync=True)
    log = traitlets.Unicode("").tag(sync=True)
    refreshed = traitlets.Int(0).tag(sync=True)
    lines = traitlets.Unicode("").tag(sync=True)

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._status: ClusterStatus | None = None
        self._told, self._asked = "", 0.0
        super().__init__(demo.NAMESPACE)
        self.observe(self._on_log, names=["log", "refreshed"])

    def fallback(self) -> Rendered:
        """Return the parts as a table."""
        return status_table(self._items)

    def _show(self, snapshot: Snapshot) -> None:
        status = self._provider_says(snapshot.lost)
        self._items = items(status, snapshot.objects, snapshot.lost)
        self.items = [
            {
                "name": translate(each.name),
                "state": str(each.health.state),
                "icon": each.health.state.icon,
                "word": translate(each.health.state.word),
                "count": each.health.count,
                "detail": translate(each.detail),
                "log": each.log,
            }
            for each in self._items
        ]

    def _provider_says(self, lost: str) -> ClusterStatus:
        """Ask the provider again only if something may have changed: it may have to start programs to know."""
        now = time.monotonic()
        stale = now - self._asked > ASK_AGAIN and not (self._status and self._status.url)
        if self._status is None or lost != self._told or stale:
            self._status = active.provider().status()
            self._told, self._asked = lost, now
        return self._status

    @guarded
    def _on_log(self, _: Change) -> None:
        self.lines = part_logs.tail(self.log) if self.log else ""
