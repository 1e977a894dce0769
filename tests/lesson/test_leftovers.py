"""What is told to be a lesson's, and what isn't."""

from __future__ import annotations

import pytest

from oamkit.lesson.leftovers import _binds_people
from oamkit.sandbox.base_objects import base_objects
from oamkit.sandbox.config import Layout


def _binding(kind: str, name: str) -> dict[str, object]:
    return {"metadata": {"name": "any"}, "subjects": [{"kind": kind, "name": name}]}


@pytest.mark.parametrize(("kind", "name"), [("User", "anna"), ("Group", "developers")])
def test_bindings_of_people_are_a_lessons(kind: str, name: str) -> None:
    assert _binds_people(_binding(kind, name))


@pytest.mark.parametrize("name", ["system:masters", "kubeadm:cluster-admins", "oamkit:traefik"])
def test_bindings_of_the_cluster_s_own_parts_are_left_alone(name: str) -> None:
    assert not _binds_people(_binding("User", name))


def test_the_sandbox_s_own_bindings_are_left_alone() -> None:
    bindings = [
        each for each in base_objects(Layout.NAMESPACED) if each["kind"] == "ClusterRoleBinding"
    ]
    assert bindings
    assert not any(_binds_people(each) for each in bindings)
