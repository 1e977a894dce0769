"""Graphs as plain values: what is drawn, whatever draws it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from oamkit.topology.health import PRESENT, Health, State

__all__ = ["Edge", "Graph", "Node", "Role", "Say", "Topology"]

Say: TypeAlias = Callable[[str], str]
"""Says a word or a sentence in the language of the reader."""


class Role(StrEnum):
    """What a node is to the application."""

    APPLICATION = "application"
    COMPONENT = "component"
    WORKLOAD = "workload"
    TRAIT = "trait"
    SCOPE = "scope"
    OBJECT = "object"
    CONCEPT = "concept"


@dataclass(frozen=True)
class Node:
    """One object, or several that are alike.

    Attributes:
        id: What kubectl calls it, e.g. ``"deployment.apps/web"``; of several, a name that no object can have.
        kind: E.g. ``"Deployment"``.
        name: E.g. ``"web"``.
        role: What it is to the application.
        health: How it is.
        members: The ids of the objects that it stands for, if it stands for several.
    """

    id: str
    kind: str
    name: str
    role: Role = Role.OBJECT
    health: Health = PRESENT
    members: tuple[str, ...] = ()

    @property
    def ghost(self) -> bool:
        """Whether it should be there and isn't."""
        return self.health.state is State.MISSING

    @property
    def sentence(self) -> str:
        """What a screen reader says of it, in English."""
        return self.spoken(str)

    def spoken(self, say: Say) -> str:
        """What a screen reader says of it.

        Args:
            say: Translates a word or a sentence.
        """
        count = f", {self.health.count}" if self.health.count else ""
        reason = f" ({self.reason(say)})" if self.health.reason else ""
        return f"{self.title}: {say(self.health.state.word)}{count}{reason}"

    def reason(self, say: Say) -> str:
        """Return why it is as it is; of several objects, how many are how."""
        if not self.members:
            return say(self.health.reason)
        counts = (each.split(" ", 1) for each in self.health.reason.split(", "))
        return ", ".join(f"{count} {say(word)}" for count, word in counts)

    @property
    def title(self) -> str:
        """What it is called in a text."""
        return (
            f"{self.name} ({self.kind})"
            if self.role is Role.CONCEPT
            else f"{self.kind} {self.name}"
        )


@dataclass(frozen=True)
class Edge:
    """A line between two nodes.

    Attributes:
        source: The id of the node that owns, or points.
        target: The id of the other.
        label: What the line means, e.g. ``"owns"``.
        soft: Whether it only points: such lines are dashed, and don't decide where nodes stand.
    """

    source: str
    target: str
    label: str = ""
    soft: bool = False


@dataclass(frozen=True)
class Graph:
    """Nodes and the lines between them.

    Attributes:
        title: What the picture is called.
        nodes: In the order in which they are drawn.
        edges: Only between nodes that are there.
    """

    title: str
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()

    def children(self) -> dict[str, list[str]]:
        """Return the targets of each node's firm lines; each node is the child of one other at most."""
        taken: set[str] = set()
        found: defaultdict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            if not edge.soft and edge.target not in taken and edge.source != edge.target:
                taken.add(edge.target)
                found[edge.source].append(edge.target)
        return found


@dataclass(frozen=True)
class Topology:
    """An application seen twice: as OAM tells it, and as Kubernetes does.

    Attributes:
        app: The application's name; ``""`` for all objects of a namespace.
        namespace: Where it is.
        oam: Application, components, workloads, traits and scopes.
        kubernetes: The objects, and who owns them.
        links: From the id of a node to the ids of what it is in the other view.
        problem: Why the application can't be rendered; ``""`` if it can.
    """

    app: str
    namespace: str
    oam: Graph
    kubernetes: Graph
    links: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    problem: str = ""
