"""What rendering knows of the cluster: plain facts, looked up beforehand.

Rendering is pure. Whoever calls it looks up what it :func:`~oamkit.oam.needs.needs`, from a cluster or from files, in
as many rounds as one fact leads to the next (a component to its workload's kind, a trait's kind to its definition)::

    world = World()
    while wanted := needs(app, world):
        world = world.with_facts(objects=…, kinds=…)
    plan = render(app, world)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from oamkit.errors import OamKitError, RenderError
from oamkit.oam.kinds import API_VERSION, Obj, TypedReference
from oamkit.oam.schematic import CueCall

__all__ = [
    "CallFact",
    "KindKey",
    "MissingFactError",
    "ObjectFact",
    "ObjectKey",
    "ServedKind",
    "World",
    "definition_key",
]


class ObjectKey(NamedTuple):
    """Which object a fact is about; ``namespace`` is ``""`` for cluster-scoped kinds."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def at(cls, reference: TypedReference, namespace: str) -> ObjectKey:
        """Return the key of a referenced object in the referrer's namespace."""
        return cls(reference.api_version, reference.kind, namespace, reference.name)


def definition_key(kind: str, name: str) -> ObjectKey:
    """Return the key of a definition; definitions are cluster-scoped."""
    return ObjectKey(API_VERSION, kind, "", name)


class KindKey(NamedTuple):
    """Which kind a fact is about."""

    api_version: str
    kind: str


@dataclass(frozen=True, slots=True)
class ServedKind:
    """A kind that the cluster serves, as API discovery tells it.

    Args:
        plural: The resource's name, e.g. ``"deployments"``.
        namespaced: Whether its objects live in a namespace.
    """

    plural: str
    namespaced: bool = True


ObjectFact: TypeAlias = Obj | OamKitError | None
"""The object; or why it can't be read; or ``None``: there is no such object."""

KindFact: TypeAlias = ServedKind | OamKitError | None
"""How the kind is served; or why that can't be known; or ``None``: it isn't served."""

CallFact: TypeAlias = Obj | OamKitError
"""What CUE answered; or why it has no answer."""


class MissingFactError(RenderError):
    """A fact was asked for that nobody looked up.

    Args:
        key: Which one.
    """

    default_code = "missing-fact"

    def __init__(self, key: ObjectKey | KindKey | CueCall) -> None:
        told = key.what if isinstance(key, CueCall) else " ".join(filter(None, key))
        super().__init__(
            f"{told} was not looked up before rendering",
            hint="Look up what needs() names until it names nothing.",
        )
        self.key = key


@dataclass(frozen=True, slots=True)
class World:
    """The facts that are known so far.

    Example:
        >>> world = World(kinds={KindKey("apps/v1", "Deployment"): ServedKind("deployments")})
        >>> world.is_served("apps/v1", "Deployment")
        True
    """

    objects: Mapping[ObjectKey, ObjectFact] = field(default_factory=dict)
    kinds: Mapping[KindKey, KindFact] = field(default_factory=dict)
    calls: Mapping[CueCall, CallFact] = field(default_factory=dict)

    def with_facts(
        self,
        objects: Mapping[ObjectKey, ObjectFact] | None = None,
        kinds: Mapping[KindKey, KindFact] | None = None,
        calls: Mapping[CueCall, CallFact] | None = None,
    ) -> World:
        """Return a world that knows these facts too."""
        return World(
            {**self.objects, **(objects or {})},
            {**self.kinds, **(kinds or {})},
            {**self.calls, **(calls or {})},
        )

    def object(self, key: ObjectKey) -> Obj | None:
        """Return an object; ``None`` if there is no such object.

        Raises:
            MissingFactError: Nobody looked it up.
            OamKitError: It can't be read.
        """
        try:
            fact = self.objects[key]
        except KeyError:
            raise MissingFactError(key) from None
        if isinstance(fact, OamKitError):
            raise fact
        return fact

    def kind(self, api_version: str, kind: str) -> ServedKind | None:
        """Return how a kind is served; ``None`` if it isn't.

        Raises:
            MissingFactError: Nobody looked it up.
            OamKitError: It can't be known, e.g. because the cluster didn't answer.
        """
        key = KindKey(api_version, kind)
        try:
            fact = self.kinds[key]
        except KeyError:
            raise MissingFactError(key) from None
        if isinstance(fact, OamKitError):
            raise fact
        return fact

    def answer(self, call: CueCall) -> Obj:
        """Return what CUE answered.

        Raises:
            MissingFactError: Nobody asked it.
            OamKitError: It has no answer: the template or its parameters are wrong.
        """
        try:
            fact = self.calls[call]
        except KeyError:
            raise MissingFactError(call) from None
        if isinstance(fact, OamKitError):
            raise fact
        return fact

    def is_served(self, api_version: str, kind: str) -> bool:
        """Tell whether the cluster serves the kind in this API version; raises like :meth:`kind`."""
        return self.kind(api_version, kind) is not None
