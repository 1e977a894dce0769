"""What all workers of one agent share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from oamkit.images import ImageStore
from oamkit.kube.client import Client
from oamkit.sandbox.agent.events import Recorder
from oamkit.sandbox.agent.model import NodeFacts, Object
from oamkit.sandbox.agent.objects import ObjectCache
from oamkit.sandbox.agent.podconfig import HostResolver
from oamkit.sandbox.agent.podpaths import PodPaths
from oamkit.sandbox.agent.tokens import TokenSource
from oamkit.sandbox.config import NodeConfig
from oamkit.sandbox.cri import ContainerRuntime

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """What all workers of one agent share.

    Attributes:
        client: Speaks to the API as the node.
        runtime: Runs processes.
        images: The image store.
        objects: ConfigMaps and Secrets.
        tokens: Service-account tokens.
        recorder: Events.
        node: Names and addresses.
        facts: What Pods may ask of their node.
        services: All Services, for the variables that tell of them.
        resolver: The machine's own resolver.
    """

    client: Client
    runtime: ContainerRuntime
    images: ImageStore
    objects: ObjectCache
    tokens: TokenSource
    recorder: Recorder
    node: NodeConfig
    facts: NodeFacts
    services: Callable[[], Iterable[Object]]
    resolver: HostResolver

    def paths(self, uid: str) -> PodPaths:
        """Return where a Pod's files are."""
        return PodPaths(self.node.pods_dir / uid)
