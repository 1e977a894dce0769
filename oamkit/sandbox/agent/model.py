"""The plain data that the agent's decisions are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from oamkit.sandbox.cri import ContainerStatus

__all__ = [
    "ContainerRecord",
    "Inputs",
    "NodeFacts",
    "Object",
    "Ref",
    "SourceMissingError",
    "TokenKey",
    "all_containers",
    "containers",
    "from_rfc3339",
    "init_containers",
    "is_sidecar",
    "namespaced_name",
    "rfc3339",
]

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as decoded JSON."""


class Ref(NamedTuple):
    """A ConfigMap or Secret in the Pod's own namespace.

    Attributes:
        kind: ``"ConfigMap"`` or ``"Secret"``.
        name: ``metadata.name``.
    """

    kind: str
    name: str


class TokenKey(NamedTuple):
    """What a projected service-account token is asked for with.

    Attributes:
        audience: Whom it is meant for; ``""`` for the API server.
        seconds: How long it is to be valid.
    """

    audience: str
    seconds: int


class SourceMissingError(Exception):
    """Something that a Pod refers to isn't there (yet): no error of the agent, it shows up in the Pod's status."""


@dataclass(frozen=True)
class NodeFacts:
    """What Pods may ask of their node.

    Attributes:
        name: ``metadata.name`` of the Node.
        ip: Its address.
        cpus: Cores.
        memory: Bytes.
        storage: Bytes of the file system that holds the Pods.
    """

    name: str
    ip: str
    cpus: float
    memory: int
    storage: int = 0


@dataclass(frozen=True)
class Inputs:
    """Everything besides the Pod itself that its containers are made from.

    Attributes:
        objects: The ConfigMaps and Secrets that it refers to; ``None`` for one that isn't there.
        tokens: The service-account tokens that it asks for.
        node: Its node.
        pod_ip: Its address; ``""`` while it has none.
    """

    objects: Mapping[Ref, Object | None]
    node: NodeFacts
    tokens: Mapping[TokenKey, str] = field(default_factory=dict)
    pod_ip: str = ""


def containers(pod: Object) -> list[Object]:
    """Return a Pod's ordinary containers."""
    return list(pod["spec"].get("containers") or [])


def init_containers(pod: Object) -> list[Object]:
    """Return a Pod's init containers, sidecars included, in order."""
    return list(pod["spec"].get("initContainers") or [])


def all_containers(pod: Object) -> Iterator[Object]:
    """Yield init containers, then ordinary ones."""
    yield from init_containers(pod)
    yield from containers(pod)


def is_sidecar(container: Object) -> bool:
    """Tell whether an init container goes on running beside the ordinary ones (KEP-753)."""
    return bool(container.get("restartPolicy") == "Always")


def namespaced_name(pod: Object) -> str:
    """Return ``namespace/name``."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def rfc3339(seconds: float) -> str:
    """Return a time as the API writes it.

    Example:
        >>> rfc3339(0)
        '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_rfc3339(text: str) -> float:
    """Return the seconds since the epoch of a time that the API wrote.

    Example:
        >>> from_rfc3339("1970-01-01T00:01:00Z")
        60.0
    """
    return datetime.fromisoformat(text).timestamp()


@dataclass
class ContainerRecord:
    """What the agent remembers of one container of a Pod.

    Attributes:
        name: ``spec.containers[].name``.
        image_id: The image that its newest start was made from.
        attempts: How many starts there were, also in earlier lives of the agent: the next one's ``attempt``.
        last: Its newest start.
        previous: The one before.
        stale: Whether ``last`` belongs to an earlier set-up of the Pod, e.g. before the machine was restarted.
        waiting: Reason and message while it can't be started.
        started: Whether it is started in the sense of the API: it runs, ``postStart`` is done and the startup probe has succeeded.
        ready: Whether its readiness probe, if any, has succeeded.
        kill_reason: Why it is to be stopped; ``""`` if it isn't.
        messages: Termination messages by attempt.
    """

    name: str
    image_id: str = ""
    attempts: int = 0
    last: ContainerStatus | None = None
    previous: ContainerStatus | None = None
    stale: bool = False
    waiting: tuple[str, str] | None = None
    started: bool = False
    ready: bool = False
    kill_reason: str = ""
    messages: dict[int, str] = field(default_factory=dict)
