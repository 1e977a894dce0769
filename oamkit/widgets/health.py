"""How the cluster is, part by part: what the status bar shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oamkit.cluster import ClusterStatus
from oamkit.languages import translate
from oamkit.lesson import demo
from oamkit.show import Table
from oamkit.topology import Health, State, health
from oamkit.topology.reading import Obj, text

__all__ = ["Item", "items", "status_table"]


@dataclass(frozen=True)
class Item:
    """A part of the cluster.

    Attributes:
        name: What it is.
        health: How it is.
        detail: More about it.
        log: Whose log can be shown; ``""`` if it has none.
    """

    name: str
    health: Health
    detail: str = ""
    log: str = ""


def items(status: ClusterStatus, objects: Iterable[Obj], lost: str) -> list[Item]:
    """Return the parts of a cluster.

    Args:
        status: What its provider says.
        objects: Its nodes, and what the runtime's namespace has.
        lost: Why its API server can't be reached; ``""`` if it can.
    """
    known = list(objects)
    answers = Health(State.FAILED, lost) if lost else Health(State.OK)
    found = [
        Item("Provider", Health(State.PRESENT), f"{status.provider}, because {status.reason}"),
        Item("API server", answers, lost or status.version, "kube-apiserver"),
    ]
    if lost:
        return found
    nodes = [obj for obj in known if text(obj, "kind") == "Node"]
    ready = [health(obj) for obj in nodes]
    count = f"{sum(each.state is State.OK for each in ready)}/{len(nodes)}"
    worst = next((each for each in ready if each.state is not State.OK), Health(State.OK))
    node = Health(worst.state, worst.reason, count) if nodes else Health(State.MISSING)
    found.append(
        Item("Node", node, ", ".join(text(obj, "metadata", "name") for obj in nodes), "node")
    )
    runtime = [
        obj
        for obj in known
        if (text(obj, "kind"), text(obj, "metadata", "name"))
        == ("Deployment", demo.RUNTIME_DEPLOYMENT)
    ]
    state = health(runtime[0]) if runtime else Health(State.MISSING)
    found.append(Item("OAM runtime", state, state.reason, "runtime" if runtime else ""))
    ingress = Health(State.OK) if status.url else Health(State.MISSING)
    found.append(Item("Ingress", ingress, status.url, "ingress" if status.url else ""))
    return found


def status_table(found: Iterable[Item]) -> Table:
    """Return the parts as a table."""
    return Table(
        ("PART", "STATE", "DETAIL"),
        tuple(
            (
                each.name,
                f"{each.health.state.icon} {translate(each.health.state.word)} {each.health.count}".strip(),
                each.detail,
            )
            for each in found
        ),
    )
