"""Rendering without a cluster: the facts come from the objects that lie in the same files.

Only a cluster knows the application's UID, how often its spec was changed, and how many revisions its components had. Without one
the application is taken as new: generation 1, and each Component's first revision. What can't be taken that way (a pinned revision,
data that parts pass on) is said instead of guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from oamkit.errors import InputError, OamKitError
from oamkit.oam import legacy
from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.builtin import BUILTIN, is_builtin_group
from oamkit.oam.flow import Flow, flow
from oamkit.oam.kinds import (
    API_VERSION,
    COMPONENT,
    SCOPE_DEFINITION,
    TRAIT_DEFINITION,
    WORKLOAD_DEFINITION,
    Obj,
    group_of,
)
from oamkit.oam.naming import revision_name
from oamkit.oam.needs import needs
from oamkit.oam.plan import Plan
from oamkit.oam.render import render
from oamkit.oam.revisions import CONTROLLER_REVISION
from oamkit.oam.schematic import CueCall
from oamkit.oam.shape import mapping
from oamkit.oam.world import CallFact, KindFact, KindKey, ObjectFact, ObjectKey, ServedKind, World

__all__ = [
    "Facts",
    "FileFacts",
    "Outcome",
    "as_new",
    "blamed",
    "gather",
    "outcome",
    "with_revision",
]

_DEFINITIONS = (WORKLOAD_DEFINITION, TRAIT_DEFINITION, SCOPE_DEFINITION)


class Facts(Protocol):
    """Whoever can tell the facts that rendering needs."""

    def object(self, key: ObjectKey) -> ObjectFact:
        """Return an object, ``None`` if there is none, or why that can't be known."""

    def kind(self, key: KindKey) -> KindFact:
        """Return how a kind is served, ``None`` if it isn't, or why that can't be known."""

    def answer(self, call: CueCall) -> CallFact:
        """Return what CUE answers, or why it doesn't."""


class FileFacts:
    """The facts that a set of objects tells.

    Kinds are those of Kubernetes and of OAM, those of CustomResourceDefinitions among the objects, and those that definitions name.

    Args:
        objects: Components, definitions, scopes and whatever else lies there; they aren't changed.
        namespace: Of objects that name none.
        answer: Asks CUE, for definitions with templates.
    """

    def __init__(
        self,
        objects: Iterable[Obj],
        namespace: str = "default",
        answer: Callable[[CueCall], CallFact] | None = None,
    ) -> None:
        self._namespace = namespace
        self._answer = answer
        self._objects = list(objects)
        self._kinds = dict(_custom_kinds(self._objects))
        self._plurals = set(_defined_names(self._objects))

    def written(self, key: ObjectKey) -> Obj | None:
        """Return an object as it is written; ``None`` if it isn't among them."""
        for obj in self._objects:
            metadata = obj["metadata"]
            place = metadata.get("namespace") or self._namespace
            named = (obj["apiVersion"], obj["kind"], metadata["name"])
            if named == (key.api_version, key.kind, key.name) and key.namespace in ("", place):
                return obj
        return None

    def object(self, key: ObjectKey) -> ObjectFact:
        """Return an object; a Component without a revision is at its first."""
        found = self.written(key)
        if found is None and (key.api_version, key.kind) == CONTROLLER_REVISION:
            return InputError(
                f"only a cluster has the revision {key.name}",
                hint="Use componentName, or ask the cluster: oamkit render --cluster.",
            )
        if found is not None and (key.api_version, key.kind) == (API_VERSION, COMPONENT):
            return found if found.get("status") else with_revision(found, 1)
        return found

    def answer(self, call: CueCall) -> CallFact:
        """Return what CUE answers."""
        return self._answer(call) if self._answer else InputError(f"{call.what} needs CUE")

    def kind(self, key: KindKey) -> KindFact:
        """Return how a current cluster with these definitions would serve a kind."""
        known = self._kinds.get(key) or BUILTIN.get(key)
        if known or legacy.successor(*key) or is_builtin_group(key.api_version):
            return known
        for plural in _plurals(key.kind):
            if f"{plural}.{group_of(key.api_version)}" in self._plurals:
                return ServedKind(plural)
        return InputError(
            f"nothing among the files tells the kind {key.kind} of {key.api_version}",
            hint="Add its CustomResourceDefinition or the definition that names it, or ask the cluster: oamkit render --cluster.",
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an application comes to.

    Args:
        app: The application.
        plan: What it stands for, before data was passed on.
        passed: The same with data passed on, and what waits for data.
        notes: What a reader should know, a sentence each: conversions, and what is waited for.
    """

    app: ApplicationConfiguration
    plan: Plan
    passed: Flow
    notes: tuple[str, ...] = ()

    def objects(self, *, waiting: bool = True) -> Iterator[Obj]:
        """Yield the objects in the order of applying.

        Args:
            waiting: Whether those too that the runtime doesn't apply yet, for their data isn't there.
        """
        for part in self.passed.plan.parts():
            if waiting or part.field not in self.passed.waiting:
                yield part.obj


def as_new(app: Obj, namespace: str = "default") -> Obj:
    """Return an application as it is just after its first ``kubectl apply``: in a namespace, with generation 1."""
    given = {key: value for key, value in app["metadata"].items() if value not in (None, "")}
    return {**app, "metadata": {"namespace": namespace, "generation": 1} | given}


def with_revision(component: Obj, number: int) -> Obj:
    """Return a Component as it is once its revision is recorded.

    Example:
        >>> with_revision({"metadata": {"name": "web"}}, 1)["status"]
        {'latestRevision': {'name': 'web-v1', 'revision': 1}}
    """
    name = revision_name(component["metadata"]["name"], number)
    return {**component, "status": {"latestRevision": {"name": name, "revision": number}}}


def gather(app: ApplicationConfiguration, facts: Facts) -> World:
    """Return a world that knows all that rendering the application needs."""
    world = World()
    while wanted := needs(app, world):
        world = world.with_facts(
            {key: facts.object(key) for key in wanted.objects},
            {key: facts.kind(key) for key in wanted.kinds},
            {call: facts.answer(call) for call in wanted.calls},
        )
    return world


def outcome(app: Obj, facts: Facts) -> Outcome:
    """Render an application and pass its data on.

    Args:
        app: The ApplicationConfiguration; :func:`as_new` if no cluster has it.
        facts: Where the facts come from.

    Raises:
        InputError: A field of the application is wrong.
        RenderError: What it names isn't there or doesn't fit; :func:`blamed` tells where.

    Example:
        >>> web = {"apiVersion": "core.oam.dev/v1alpha2", "kind": "Component", "metadata": {"name": "web"},
        ...        "spec": {"workload": {"apiVersion": "apps/v1", "kind": "Deployment"}}}
        >>> app = {"metadata": {"name": "example"}, "spec": {"components": [{"componentName": "web"}]}}
        >>> [obj["kind"] for obj in outcome(as_new(app), FileFacts([web])).objects()]
        ['Deployment']
    """
    parsed = ApplicationConfiguration.parse(app)
    world = gather(parsed, facts)
    plan = render(parsed, world)
    passed = flow(parsed, plan, world)
    notes = [f"{conversion}." for conversion in plan.conversions()]
    notes += [_waiting(entry) for entry in passed.unsatisfied]
    return Outcome(parsed, plan, passed, tuple(notes))


def blamed(app: Obj, facts: Facts) -> str:
    """Return the field of an application's first entry that can't be rendered by itself; else ``"spec.components"``."""
    parsed = ApplicationConfiguration.parse(app)
    world = gather(parsed, facts)
    for entry in parsed.components:
        try:
            render(replace(parsed, components=(entry,)), world)
        except OamKitError:
            return entry.field
    return "spec.components"


def _waiting(entry: Obj) -> str:
    source, target = entry["from"], entry["to"]
    return (
        f"{target['kind']} {target['name']} waits for data of {source['kind']} {source['name']},"
        f" which only a cluster has: {entry['reason']}."
    )


def _custom_kinds(objects: Iterable[Obj]) -> Iterator[tuple[KindKey, ServedKind]]:
    for obj in objects:
        if obj["kind"] != "CustomResourceDefinition":
            continue
        try:
            spec = obj["spec"]
            served = ServedKind(spec["names"]["plural"], namespaced=spec["scope"] == "Namespaced")
            for version in spec["versions"]:
                if version["served"]:
                    yield (
                        KindKey(f"{spec['group']}/{version['name']}", spec["names"]["kind"]),
                        served,
                    )
        except (KeyError, TypeError) as error:
            raise InputError(
                f"the CustomResourceDefinition {obj['metadata']['name']} lacks {error}",
                field="spec",
                hint="It needs group, scope, names and versions.",
            ) from error


def _defined_names(objects: Iterable[Obj]) -> Iterator[str]:
    for obj in objects:
        if (obj["apiVersion"], obj["kind"]) in {(API_VERSION, kind) for kind in _DEFINITIONS}:
            yield obj["metadata"]["name"]
            reference = mapping(mapping(obj.get("spec"), "spec").get("definitionRef"), "spec")
            yield str(reference.get("name", ""))


def _plurals(kind: str) -> tuple[str, ...]:
    """Return the ways in which a kind's plural is usually made."""
    word = kind.lower()
    return (f"{word}s", f"{word}es", f"{word[:-1]}ies", word)
