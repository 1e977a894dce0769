"""A scene of an end-to-end test: a client, a namespace, and the runtime at work in this process."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from support.apiserver import ControlPlane

from oamkit.errors import ApiError
from oamkit.kube import Client, Connection, Resource
from oamkit.runtime.kinds import (
    APPLICATION_CONFIGURATIONS,
    COMPONENTS,
    DEFINITIONS,
    EVENTS,
    WORKLOAD_DEFINITIONS,
)
from oamkit.runtime.kinds import CONTAINERIZED_WORKLOADS as WORKLOADS
from oamkit.runtime.kinds import MANUAL_SCALER_TRAITS as SCALERS
from oamkit.runtime.manager import Settings, run

Obj = dict[str, Any]
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
SERVICES = Resource("", "v1", "services", "Service", namespaced=True)
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", namespaced=True)
SCOPES = Resource("core.oam.dev", "v1alpha2", "healthscopes", "HealthScope", namespaced=True)
KINDS = {
    (r.api_version, r.kind): r
    for r in (
        DEPLOYMENTS,
        SERVICES,
        CONFIG_MAPS,
        INGRESSES,
        SCOPES,
        APPLICATION_CONFIGURATIONS,
        COMPONENTS,
        WORKLOADS,
        SCALERS,
        WORKLOAD_DEFINITIONS,
        *DEFINITIONS,
    )
}


def deployment(name: str | None = "web", image: str = "nginx", **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name} if name else {},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
            **spec,
        },
    }


def component(workload: Obj, name: str = "web", parameters: list[Obj] | None = None) -> Obj:
    spec: Obj = {"workload": workload}
    if parameters:
        spec["parameters"] = parameters
    return oam("Component", name, spec)


def application(*components: Obj, name: str = "app") -> Obj:
    entries = list(components) or [{"componentName": "web"}]
    return oam("ApplicationConfiguration", name, {"components": entries})


def oam(kind: str, name: str, spec: Obj) -> Obj:
    return {
        "apiVersion": "core.oam.dev/v1alpha2",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


@dataclass
class Scene:
    """What a test works with: everything happens in ``namespace``."""

    client: Client
    namespace: str
    plane: ControlPlane

    async def create(self, *objects: Obj) -> Obj:
        made: Obj = {}
        for obj in objects:
            resource = KINDS[obj["apiVersion"], obj["kind"]]
            metadata = dict(obj["metadata"])
            if resource.namespaced:
                metadata["namespace"] = self.namespace
            made = await self.client.create(resource, {**obj, "metadata": metadata})
        return made

    async def patch(self, resource: Resource, name: str, patch: Obj) -> Obj:
        return await self.client.merge_patch(resource, name, patch, self.namespace)

    async def get(self, resource: Resource, name: str) -> Obj | None:
        try:
            return await self.client.get(resource, name, self.namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def there(
        self,
        resource: Resource,
        name: str,
        holds: Callable[[Obj], Any] = lambda obj: True,
        seconds: float = 15.0,
    ) -> Obj:
        """Wait until an object is there and as it should be."""
        end = time.monotonic() + seconds
        while True:
            obj = await self.get(resource, name)
            if obj is not None and holds(obj):
                return obj
            if time.monotonic() > end:
                raise AssertionError(f"{resource.kind} {name} is {obj}")
            await asyncio.sleep(0.02)

    async def gone(self, resource: Resource, name: str, seconds: float = 20.0) -> None:
        """Wait until an object isn't there."""
        end = time.monotonic() + seconds
        while (obj := await self.get(resource, name)) is not None:
            if time.monotonic() > end:
                raise AssertionError(f"{resource.kind} {name} is still there: {obj}")
            await asyncio.sleep(0.02)

    async def synced(self, name: str = "app", *, generation: int | None = None) -> Obj:
        """Wait until a pass succeeded."""

        def holds(obj: Obj) -> bool:
            wanted = generation or obj["metadata"]["generation"]
            return (
                condition(obj)["status"] == "True" and obj["status"]["observedGeneration"] >= wanted
            )

        return await self.there(APPLICATION_CONFIGURATIONS, name, holds)

    async def failed(self, text: str, name: str = "app") -> str:
        """Wait until a pass failed with a text in its condition; returns the whole message."""
        obj = await self.there(
            APPLICATION_CONFIGURATIONS,
            name,
            lambda obj: condition(obj)["status"] == "False" and text in condition(obj)["message"],
        )
        message: str = condition(obj)["message"]
        return message

    async def events(self, reason: str) -> list[Obj]:
        listed = await self.client.list(EVENTS, self.namespace)
        return [event for event in listed["items"] if event["reason"] == reason]

    async def told(self, reason: str, count: int = 1) -> Obj:
        """Wait until an event was told, so many times."""
        async with asyncio.timeout(10):
            while not (found := [e for e in await self.events(reason) if e["count"] >= count]):  # noqa: ASYNC110 - it is in the cluster
                await asyncio.sleep(0.02)
        return found[0]

    async def version(self, resource: Resource, name: str) -> str:
        obj = await self.get(resource, name)
        assert obj is not None
        version: str = obj["metadata"]["resourceVersion"]
        return version


BAR: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "bars.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "bars", "kind": "Bar"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"key": {"type": "string"}}}
                        },
                    }
                },
            }
        ],
    },
}
"""A kind with one field, `spec.key`, as a CustomResourceDefinition."""


def condition(obj: Obj, type_: str = "Synced") -> Obj:
    found: list[Obj] = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in found if c["type"] == type_), {"status": "", "message": ""})


@asynccontextmanager
async def runtime(plane: ControlPlane, **settings: Any) -> AsyncIterator[asyncio.Task[None]]:
    """The runtime at work; yields the task that it is."""
    stop = asyncio.Event()
    connection = Connection.from_kubeconfig(settings.pop("kubeconfig", plane.kubeconfig))
    task = asyncio.create_task(run(Settings(connection, **settings), stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(8):
            await task


async def beside(on: Scene) -> Scene:
    """One more scene, in a namespace of its own, by the same client."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await on.client.create(NAMESPACES, namespace)
    return Scene(on.client, name, on.plane)


@asynccontextmanager
async def scene(plane: ControlPlane, *, with_runtime: bool = True) -> AsyncIterator[Scene]:
    async with Client(Connection.from_kubeconfig(plane.kubeconfig)) as client:
        stage = await beside(Scene(client, "", plane))
        if with_runtime:
            async with runtime(plane, namespace=stage.namespace):
                yield stage
        else:
            yield stage


def play(plane: ControlPlane, test: Callable[[Scene], Awaitable[None]], **how: Any) -> None:
    """Run a test in a scene of its own."""

    async def main() -> None:
        async with scene(plane, **how) as stage:
            await test(stage)

    asyncio.run(main())
