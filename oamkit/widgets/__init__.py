"""Pictures of the learner's own cluster that move: each is the last expression of a cell.

==============================  ========================================================================
``widgets.topology("example")``  an application as OAM tells it and as Kubernetes does, live
``widgets.events()``             what the controllers say, newest first
``widgets.concepts()``           the concepts of OAM as a map, with the objects that this cluster has
``widgets.steps("07")``          a lesson's exercises: check, hints, solution, reset
``widgets.status()``             the cluster, part by part, with logs
==============================  ========================================================================

Where no widget can run (a terminal, papermill, HTML export, a notebook that isn't trusted, GitHub's viewer) each shows a picture or a
table instead, and text. A widget reads and never writes, but for the steps' *Prepare* and *Reset*. ``close()`` ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oamkit.errors import InputError, MissingToolError

if TYPE_CHECKING:
    from oamkit.widgets.concepts_view import ConceptsWidget
    from oamkit.widgets.events_view import EventsWidget
    from oamkit.widgets.status_view import StatusWidget
    from oamkit.widgets.steps_view import StepsWidget
    from oamkit.widgets.topology_view import TopologyWidget

__all__ = ["concepts", "events", "status", "steps", "topology"]


def topology(app: str = "", namespace: str = "default") -> TopologyWidget:
    """Show an application: its components, traits and scopes, and the objects that Kubernetes made of them.

    Args:
        app: The application's name; all objects of the namespace by default. It needn't be there yet.
        namespace: Where it is.

    Returns:
        The widget. Its ``selected`` is what kubectl calls the object that is selected, e.g. ``"deployment.apps/web"``.

    Example::

        picture = widgets.topology("example")
        picture                                  # in one cell
        kubectl("describe", picture.selected)    # in another one, once you have selected a node
    """
    _text(app, "app")
    _text(namespace, "namespace")
    with _needing_lab():
        from oamkit.widgets.topology_view import TopologyWidget
    return TopologyWidget(app, namespace)


def events(namespace: str = "default", *, topology: TopologyWidget | None = None) -> EventsWidget:
    """Show what the cluster's controllers say, newest first; what is said again and again stands there once, with a number.

    Args:
        namespace: Where.
        topology: A topology widget; the events can then be limited to what is selected in it.
    """
    _text(namespace, "namespace")
    with _needing_lab():
        from oamkit.widgets.events_view import EventsWidget
    return EventsWidget(namespace, topology)


def concepts(namespace: str = "default") -> ConceptsWidget:
    """Show the concepts of OAM as a map: what each means, whose it is, how it is written, and what this cluster has of it.

    Args:
        namespace: Whose objects are shown.
    """
    _text(namespace, "namespace")
    with _needing_lab():
        from oamkit.widgets.concepts_view import ConceptsWidget
    return ConceptsWidget(namespace)


def steps(lesson: str) -> StepsWidget:
    """Show a lesson's exercises, to be checked one after the other.

    Args:
        lesson: The lesson's number, e.g. ``"07"``.
    """
    _text(lesson, "lesson")
    with _needing_lab():
        from oamkit.widgets.steps_view import StepsWidget
    return StepsWidget(lesson)


def status() -> StatusWidget:
    """Show how the cluster is: provider, API server, node, OAM runtime and Ingress, with their logs."""
    with _needing_lab():
        from oamkit.widgets.status_view import StatusWidget
    return StatusWidget()


def _text(value: object, field: str) -> None:
    if not isinstance(value, str):
        raise InputError(f"expected a text, got {value!r}", field=field)


@contextmanager
def _needing_lab() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets"):
            raise
        raise MissingToolError(
            f"Widgets need the package {error.name}, which isn't installed.",
            hint="Install the course's packages: pip install 'oamkit[lab]'.",
            code="missing-lab",
        ) from error
