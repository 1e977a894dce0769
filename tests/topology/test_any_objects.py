"""What holds for whatever a cluster may contain: nothing raises, nothing overlaps, nothing is lost."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from oamkit.topology import Edge, Graph, Node, draw, fold, layout, topology, tree
from oamkit.topology.layout import NODE_HEIGHT, NODE_WIDTH

OAM = "core.oam.dev/v1alpha2"
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def odd(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is expected, and now and then anything else."""
    return strategy | strategy | strategy | junk


names = st.sampled_from(["example", "web", "db", "a&<b>", "名字", "\x00\ud800"])
kinds = st.sampled_from(
    [
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("v1", "Pod"),
        ("v1", "Service"),
        ("networking.k8s.io/v1", "Ingress"),
        (OAM, "ApplicationConfiguration"),
        (OAM, "Component"),
        (OAM, "TraitDefinition"),
        (OAM, "HealthScope"),
        ("example.com/v1", "Odd"),
    ]
)
references = kinds.flatmap(
    lambda kind: st.fixed_dictionaries(
        {"apiVersion": odd(st.just(kind[0])), "kind": odd(st.just(kind[1])), "name": odd(names)}
    )
)
labels = st.dictionaries(st.sampled_from(["app", "app.oam.dev/name"]), odd(names), max_size=2)
conditions = st.lists(
    odd(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(["Ready", "Synced", "Progressing", "PodScheduled"]),
                "status": odd(st.sampled_from(["True", "False"])),
            }
        )
    ),
    max_size=2,
)
templates = kinds.flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "apiVersion": odd(st.just(kind[0])),
            "kind": odd(st.just(kind[1])),
            "metadata": odd(st.fixed_dictionaries({}, optional={"name": odd(names)})),
        }
    )
)
entries = st.fixed_dictionaries(
    {"componentName": odd(names)},
    optional={
        "traits": odd(st.lists(odd(st.fixed_dictionaries({"trait": odd(templates)})), max_size=2)),
        "scopes": odd(
            st.lists(odd(st.fixed_dictionaries({"scopeRef": odd(references)})), max_size=2)
        ),
        "parameterValues": odd(st.lists(junk, max_size=2)),
    },
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "replicas": odd(st.integers(0, 3)),
        "selector": odd(labels),
        "components": odd(st.lists(odd(entries), max_size=3)),
        "workload": odd(templates),
        "workloadRef": odd(references),
        "rules": odd(st.lists(junk, max_size=2)),
    },
)
statuses = st.fixed_dictionaries(
    {},
    optional={
        "conditions": odd(conditions),
        "readyReplicas": odd(st.integers(0, 3)),
        "containerStatuses": odd(st.lists(junk, max_size=2)),
        "workloads": odd(st.lists(junk, max_size=2)),
        "phase": odd(st.sampled_from(["Running", "Failed"])),
    },
)
objects = kinds.flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "apiVersion": odd(st.just(kind[0])),
            "kind": odd(st.just(kind[1])),
            "metadata": odd(
                st.fixed_dictionaries(
                    {"name": odd(names)},
                    optional={
                        "namespace": odd(st.sampled_from(["default", "other"])),
                        "labels": odd(labels),
                        "ownerReferences": odd(st.lists(odd(references), max_size=2)),
                        "generation": odd(st.integers(1, 2)),
                    },
                )
            ),
        },
        optional={"spec": odd(specs), "status": odd(statuses)},
    )
)


@settings(max_examples=150, deadline=None)
@given(st.lists(odd(objects), max_size=8), st.sampled_from(["example", "web", ""]))
def test_no_object_is_too_odd(found: list[Any], app: str) -> None:
    before = json.dumps(found)
    shown = topology(found, app)
    for graph in (shown.oam, shown.kubernetes):
        there = {node.id for node in graph.nodes}
        assert len(there) == len(graph.nodes)
        folded = fold(graph, limit=1, budget=2)
        assert all(edge.source in there and edge.target in there for edge in graph.edges)
        assert tree(graph).count("\n") >= len(graph.nodes) - 1
        ET.fromstring(draw([layout(graph), layout(folded)], "title"))
    event(f"{len(shown.kubernetes.nodes)} objects")
    assert json.dumps(found) == before


nodes = st.lists(st.integers(0, 12), unique=True, max_size=12)
lines = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13), st.booleans()), max_size=25)


@settings(max_examples=200, deadline=None)
@given(nodes, lines)
def test_every_node_has_a_place_of_its_own(
    ids: list[int], pairs: list[tuple[int, int, bool]]
) -> None:
    graph = Graph(
        "any",
        tuple(Node(str(at), f"Kind{at % 3}", str(at)) for at in ids),
        tuple(Edge(str(a), str(b), "", soft) for a, b, soft in pairs),
    )
    drawn = layout(graph)
    assert sorted(place.node.id for place in drawn.places) == sorted(map(str, ids))
    boxes = [(place.x, place.y) for place in drawn.places]
    for i, (x, y) in enumerate(boxes):
        assert 0 < x <= drawn.width - NODE_WIDTH
        assert 0 < y <= drawn.height - NODE_HEIGHT
        for u, v in boxes[:i]:
            assert abs(x - u) >= NODE_WIDTH or abs(y - v) >= NODE_HEIGHT
    assert layout(graph) == drawn
    shown = fold(graph, limit=2, budget=3)
    hidden = [member for node in shown.nodes for member in node.members]
    single = {node.id for node in shown.nodes if not node.members}
    assert single.isdisjoint(hidden)
    assert {str(at) for at in ids} >= single | set(hidden)
