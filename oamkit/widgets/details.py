"""What is told of one object: its conditions, its events, and its YAML with what somebody wrote into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from oamkit.cluster.yaml_view import dump
from oamkit.languages import translate
from oamkit.topology import Node, Topology, marks
from oamkit.topology.marks import Path
from oamkit.topology.reading import Obj, clean, identity, mapping, reference, text
from oamkit.widgets.eventlog import conditions, event_rows

__all__ = ["details", "yaml_lines"]

MOST_EVENTS = 30
MOST_LINES = 1500
"""A longer YAML is cut: nobody reads it in a box beside a picture."""


def details(selected: str, objects: Sequence[Obj], shown: Topology) -> dict[str, Any]:
    """Return what is told of an object, or of the objects that one node stands for.

    Args:
        selected: The id of a node.
        objects: What is known.
        shown: The graphs.
    """
    by_id = {identity(obj): obj for obj in objects}
    nodes = {node.id: node for graph in (shown.kubernetes, shown.oam) for node in graph.nodes}
    node, obj = nodes.get(selected), by_id.get(selected)
    if obj is None:
        return {
            "id": selected,
            "title": f"{node.kind} {node.name}" if node else selected.partition("|")[2] or selected,
            "sentence": node.spoken(translate) if node else "",
            "conditions": [],
            "events": [],
            "yaml": [],
        }
    app = by_id.get(f"applicationconfiguration.core.oam.dev/{shown.app}", {})
    own = event_rows(each for each in objects if _tells_of(each, obj, selected))
    return {
        "id": selected,
        "title": _title(node, selected),
        "sentence": node.spoken(translate) if node else "",
        "conditions": conditions(obj),
        "events": own[:MOST_EVENTS],
        "yaml": yaml_lines(obj, marks(obj, objects, app)),
    }


def _tells_of(event: Obj, obj: Obj, at: str) -> bool:
    """Tell whether an event is about this very object, and not about an earlier one of its name."""
    about = mapping(event, "involvedObject")
    uid = text(about, "uid")
    return bool(about) and reference(about) == at and uid in ("", text(obj, "metadata", "uid"))


def yaml_lines(obj: Obj, notes: Mapping[Path, str]) -> list[dict[str, str]]:
    """Return an object's YAML line by line, each with the note that belongs to it.

    Example:
        >>> yaml_lines({"spec": {"replicas": 3}}, {("spec", "replicas"): "the operator's"})
        [{'text': 'spec:', 'note': ''}, {'text': '  replicas: 3', 'note': "the operator's"}]
    """
    first = {key: obj[key] for key in ("apiVersion", "kind") if key in obj}
    written = clean(dump({**first, **obj})).rstrip("\n")
    lines = written.split("\n")[:MOST_LINES]
    placed: dict[int, str] = {}
    if notes:
        _place(yaml.compose(written, yaml.SafeLoader), (), notes, placed)
    return [
        {"text": line, "note": translate(placed.get(number, ""))}
        for number, line in enumerate(lines)
    ]


def _title(node: Node | None, selected: str) -> str:
    return f"{node.kind} {node.name}" if node else selected


def _place(
    node: yaml.Node | None, path: Path, notes: Mapping[Path, str], placed: dict[int, str]
) -> None:
    """Note down the lines of each path that has a note."""
    children: list[tuple[Path, yaml.Node, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        children = [((*path, str(key.value)), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [((*path, number), each, each) for number, each in enumerate(node.value)]
    for at, start, value in children:
        if at in notes:
            end = value.end_mark.line + (1 if value.end_mark.column else 0)
            for line in range(start.start_mark.line, max(end, start.start_mark.line + 1)):
                placed.setdefault(line, notes[at])
        if any(len(each) > len(at) and each[: len(at)] == at for each in notes):
            _place(value, at, notes, placed)
