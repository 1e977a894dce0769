"""What all drawn widgets share: the feed, the words, the errors, and what is left where no widget can run."""

from __future__ import annotations

import functools
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

import anywidget
import traitlets

from oamkit.cluster import active
from oamkit.errors import OamKitError
from oamkit.languages import translate
from oamkit.show import Rendered
from oamkit.widgets import feed, words

__all__ = ["Bundle", "Change", "LiveWidget", "bundle", "guarded", "source"]

STATIC = Path(__file__).parent / "static"
UNSEEN, HIDDEN = 15.0, 5.0
"""Seconds that a widget goes on following the cluster before its first view and after its last one."""

Change: TypeAlias = Mapping[str, Any]
"""What an observer is told: ``new``, ``old``, ``name``."""
Bundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]]
"""What Jupyter stores of a result, by MIME type, and data about it."""

Method = TypeVar("Method", bound=Callable[..., Any])


def source(*names: str) -> str:
    """Return front-end files as one text: a module that comes out of a kernel can't import another one."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def guarded(method: Method) -> Method:
    """Show in the widget what a method raises: nobody sees what an observer raises otherwise."""

    @functools.wraps(method)
    def wrapper(self: LiveWidget, *args: object, **options: object) -> object:
        try:
            return method(self, *args, **options)
        except Exception as error:  # noqa: BLE001 - shown to the learner
            self._failed(error)
            return None

    return wrapper  # type: ignore[return-value]


def bundle(drawn: Bundle | None, still: Rendered) -> Bundle:
    """Return what Jupyter stores of a widget: the widget, and what is left where no widget can run."""
    data, metadata = drawn or ({}, {})
    return {**data, "text/plain": str(still), "text/html": still.to_html()}, metadata


class LiveWidget(anywidget.AnyWidget):
    """A widget that shows what a cluster has.

    State is in traits, never in messages, so that a page that is opened again shows the same. The kernel stays in charge: closing a
    widget, or showing it no more, ends what it follows.

    Args:
        namespace: What it follows.

    Attributes:
        lost: Why the cluster can't be reached; ``""`` if it can.
        problem: What went wrong in the widget itself; ``""`` if nothing did.
        shown: Whether some page shows it.
    """

    needs_cluster: ClassVar[bool] = True
    """Whether it has nothing to tell as long as there is no cluster at all."""

    words = traitlets.Dict().tag(sync=True)
    lost = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Bool(False).tag(sync=True)
    paused = traitlets.Bool(False).tag(sync=True)
    again = traitlets.Int(0).tag(sync=True)

    def __init__(self, namespace: str = "default", **options: object) -> None:
        self._lock = threading.RLock()
        self._subscription: feed.Subscription | None = None
        self._snapshot = feed.Snapshot()
        self._namespace = namespace
        super().__init__(words=words.spoken_words(), **options)
        self._connect(UNSEEN)
        self.observe(self._on_shown, names=["shown"])
        self.observe(self._on_paused, names=["paused"])
        self.observe(self._on_again, names=["again"])

    @abstractmethod
    def fallback(self) -> Rendered:
        """Return what is shown where no widget can run."""

    @abstractmethod
    def _show(self, snapshot: feed.Snapshot) -> None:
        """Put what the cluster has into the traits."""

    def refresh(self) -> None:
        """Read the cluster now, whether or not the widget follows it."""
        self._connect(UNSEEN if not self.shown else None)

    def close(self) -> None:
        """End the widget; with the last one, the thread and all connections end."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()
        super().close()

    def __str__(self) -> str:
        return str(self.fallback())

    def _repr_mimebundle_(self, **options: dict[str, Any]) -> Bundle:
        return bundle(super()._repr_mimebundle_(**options), self.fallback())

    def _connect(self, seconds: float | None) -> None:
        if self._subscription is not None:
            self._subscription.close()
        try:
            file = active.kubeconfig()
        except OamKitError as error:
            self._subscription = None
            self._news(feed.Snapshot((), error.message if self.needs_cluster else ""))
            return
        self._subscription = feed.follow(
            file, self._namespace, self._news, self._failed, seconds=seconds
        )
        self._news(self._subscription.first(timeout=8))

    def _news(self, snapshot: feed.Snapshot) -> None:
        with self._lock:
            if self.paused:
                return
            self._snapshot = snapshot
            with self.hold_sync():
                self.lost = translate(snapshot.lost)
                self._show(snapshot)

    def _failed(self, error: Exception) -> None:
        self.problem = error.shown() if isinstance(error, OamKitError) else repr(error)

    @guarded
    def _on_shown(self, change: Change) -> None:
        if self._subscription is not None and self._subscription.open:
            self._subscription.last(None if change["new"] else HIDDEN)
        elif change["new"]:
            self._connect(None)

    @guarded
    def _on_paused(self, change: Change) -> None:
        if not change["new"]:
            self._connect(None)

    @guarded
    def _on_again(self, _: Change) -> None:
        self.problem = ""
        self._connect(None)
