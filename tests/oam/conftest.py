"""A cluster that is only facts, and short ways to write the objects that the tests are about."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from oamkit.errors import OamKitError
from oamkit.oam import (
    ApplicationConfiguration,
    KindKey,
    ObjectKey,
    Plan,
    ServedKind,
    World,
    needs,
    render,
)

KINDS = {
    ("apps/v1", "Deployment"): ServedKind("deployments"),
    ("v1", "Service"): ServedKind("services"),
    ("networking.k8s.io/v1", "Ingress"): ServedKind("ingresses"),
    ("core.oam.dev/v1alpha2", "ManualScalerTrait"): ServedKind("manualscalertraits"),
    ("core.oam.dev/v1alpha2", "HealthScope"): ServedKind("healthscopes"),
    ("example.com/v1", "Foo"): ServedKind("foo"),
    ("v1", "Namespace"): ServedKind("namespaces", namespaced=False),
}


@dataclass
class Facts:
    """What a cluster would say, and how often it was asked."""

    objects: dict[tuple[str, str], dict[str, Any] | OamKitError] = field(default_factory=dict)
    kinds: dict[tuple[str, str], ServedKind | OamKitError] = field(
        default_factory=lambda: dict(KINDS)
    )
    rounds: int = 0
    asked: set[ObjectKey | KindKey] = field(default_factory=set)

    def add(self, *objects: dict[str, Any]) -> Facts:
        for obj in objects:
            self.objects[obj["kind"], obj["metadata"]["name"]] = obj
        return self

    def world(self, app: ApplicationConfiguration) -> World:
        self.rounds, self.asked = 0, set()
        world = World()
        while wanted := needs(app, world):
            self.rounds += 1
            assert not self.asked & (wanted.objects | wanted.kinds), "asked twice"
            self.asked |= wanted.objects | wanted.kinds
            world = world.with_facts(
                {key: self.objects.get((key.kind, key.name)) for key in wanted.objects},
                {key: self.kinds.get(tuple(key)) for key in wanted.kinds},
            )
        return world

    def render(self, app: dict[str, Any]) -> Plan:
        view = ApplicationConfiguration.parse(app)
        return render(view, self.world(view))


class Make:
    """Makes objects, as short as a test wants to have them."""

    @staticmethod
    def app(*entries: dict[str, Any], status: Any = None, **metadata: Any) -> dict[str, Any]:
        return {
            "apiVersion": "core.oam.dev/v1alpha2",
            "kind": "ApplicationConfiguration",
            "metadata": {
                "name": "example",
                "namespace": "shop",
                "uid": "app-uid",
                "generation": 7,
                **metadata,
            },
            "spec": {"components": list(entries)},
            **({"status": status} if status else {}),
        }

    @staticmethod
    def entry(name: str = "web", *traits: dict[str, Any], **fields: Any) -> dict[str, Any]:
        entry = {"componentName": name, **fields}
        if traits:
            entry["traits"] = [{"trait": trait} for trait in traits]
        return entry

    @staticmethod
    def component(
        name: str = "web", workload: Any = None, parameters: Any = (), latest: str = ""
    ) -> dict[str, Any]:
        if workload is None:
            workload = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}}
        obj: dict[str, Any] = {
            "apiVersion": "core.oam.dev/v1alpha2",
            "kind": "Component",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"workload": workload, "parameters": list(parameters)},
        }
        if latest:
            number = int(latest.rpartition("-v")[2])
            obj["status"] = {"latestRevision": {"name": latest, "revision": number}}
        return obj

    @staticmethod
    def revision(component: dict[str, Any], name: str) -> dict[str, Any]:
        return {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": name, "namespace": "shop"},
            "data": component,
        }

    @staticmethod
    def definition(kind: str, name: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "core.oam.dev/v1alpha2",
            "kind": kind,
            "metadata": {"name": name},
            "spec": {"definitionRef": {"name": name}, **spec},
        }

    @staticmethod
    def scaler(count: int = 3, name: str = "", **metadata: Any) -> dict[str, Any]:
        trait: dict[str, Any] = {
            "apiVersion": "core.oam.dev/v1alpha2",
            "kind": "ManualScalerTrait",
            "spec": {"replicaCount": count},
        }
        if name:
            metadata["name"] = name
        if metadata:
            trait["metadata"] = metadata
        return trait

    @staticmethod
    def recorded(
        component: str, workload: str, *traits: str, revision: str = "", **fields: Any
    ) -> dict[str, Any]:
        """An entry of status.workloads with a Deployment and ManualScalerTraits."""
        return {
            "componentName": component,
            "componentRevisionName": revision,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload},
            "traits": [
                {
                    "traitRef": {
                        "apiVersion": "core.oam.dev/v1alpha2",
                        "kind": "ManualScalerTrait",
                        "name": trait,
                    }
                }
                for trait in traits
            ],
            **fields,
        }


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def facts(make: Make) -> Facts:
    """A cluster with one Component ``web`` and the ManualScalerTrait's definition."""
    return Facts().add(
        make.component(),
        make.definition(
            "TraitDefinition", "manualscalertraits.core.oam.dev", workloadRefPath="spec.workloadRef"
        ),
    )
