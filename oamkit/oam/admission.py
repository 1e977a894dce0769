"""Admission of Components and ApplicationConfigurations (contract 9): what a request is, and who answers it.

The answers are decided here; the facts about the cluster come through :class:`Lookups`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from oamkit.errors import OamKitError
from oamkit.oam.jsonpatch import diff
from oamkit.oam.kinds import GROUP, VERSION, Obj
from oamkit.oam.schematic import CueCall
from oamkit.oam.shape import copied, mapping, required_text, text
from oamkit.oam.world import CallFact, KindKey, ObjectKey, ServedKind

__all__ = ["DeniedError", "Lookups", "Mutation", "Request", "Validation", "mutated", "validated"]


class DeniedError(OamKitError):
    """A request isn't admitted.

    Args:
        message: Why.
        status: The HTTP status that the client gets.
    """

    default_code = "denied"

    def __init__(self, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class Lookups(Protocol):
    """What the cluster says now: what was applied a moment ago must be seen, so it is no local copy."""

    async def object(self, key: ObjectKey) -> Obj | None:
        """Return an object; ``None`` if there is none."""
        ...  # pragma: no cover - a protocol

    async def kind(self, key: KindKey) -> ServedKind | None:
        """Return how a kind is served; ``None`` if it isn't."""
        ...  # pragma: no cover - a protocol

    async def named(self, plural: str, group: str, version: str) -> KindKey | None:
        """Return the kind of a resource; in the version that the server prefers unless one is named."""
        ...  # pragma: no cover - a protocol

    async def answer(self, call: CueCall) -> CallFact:
        """Return what CUE answers, or why it doesn't."""
        ...  # pragma: no cover - a protocol


Mutation = Callable[[Obj, str, Lookups], Awaitable[None]]
"""Changes an object, of a namespace, in place."""
Validation = Callable[[Obj, str, Lookups], Awaitable[None]]
"""Raises :class:`DeniedError` if an object, of a namespace, isn't right."""

RESOURCES: Final = {
    "Component": "components",
    "ApplicationConfiguration": "applicationconfigurations",
    "WorkloadDefinition": "workloaddefinitions",
    "TraitDefinition": "traitdefinitions",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the API server asks about (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/)."""

    uid: str
    operation: str
    resource: tuple[str, str, str]
    namespace: str
    obj: object

    @classmethod
    def parse(cls, review: object) -> Request:
        """Read an AdmissionReview of ``admission.k8s.io/v1``.

        Raises:
            InputError: It is something else.
        """
        request = mapping(mapping(review, "").get("request"), "request")
        resource = mapping(request.get("resource"), "request.resource")
        group, version, plural = (
            text(resource.get(key), f"request.resource.{key}")
            for key in ("group", "version", "resource")
        )
        return cls(
            uid=required_text(request, "uid", "request"),
            operation=required_text(request, "operation", "request"),
            resource=(group, version, plural),
            namespace=text(request.get("namespace"), "request.namespace"),
            obj=request.get("object"),
        )

    @property
    def settled(self) -> bool:
        """Whether it is none of our business: a deletion, or an object that is on its way out.

        A Component or a definition that goes before the application must not hold the application's finalizer.
        """
        if self.operation in ("DELETE", "CONNECT"):
            return True
        metadata = self.obj.get("metadata") if isinstance(self.obj, dict) else None
        return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))

    def object_of(self, kind: str) -> Obj:
        """Return the object.

        Raises:
            DeniedError: It is of another kind, or no object.
        """
        wanted = (GROUP, VERSION, RESOURCES[kind])
        if self.resource != wanted:
            group, version, resource = self.resource
            raise DeniedError(
                f"expect resource to be {GROUP}/{VERSION}, Resource={wanted[2]},"
                f" got {group}/{version}, Resource={resource}",
                status=400,
            )
        if not isinstance(self.obj, dict):
            raise DeniedError(f"there is no {kind} in the request", status=400)
        return self.obj


async def mutated(request: Request, kind: str, mutate: Mutation, lookups: Lookups) -> list[Obj]:
    """Return the JSON patch of a mutating webhook; an empty one changes nothing.

    Raises:
        OamKitError: The request isn't admitted; a :class:`DeniedError` says with which status.
    """
    if request.settled:
        return []
    old = request.object_of(kind)
    new = copied(old)
    await mutate(new, request.namespace, lookups)
    return diff(old, new)


async def validated(request: Request, kind: str, validate: Validation, lookups: Lookups) -> None:
    """Check the object of a validating webhook.

    Raises:
        OamKitError: The request isn't admitted; a :class:`DeniedError` says with which status.
    """
    if not request.settled:
        await validate(request.object_of(kind), request.namespace, lookups)
