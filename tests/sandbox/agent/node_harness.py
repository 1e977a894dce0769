"""A node agent on a real API server, with a container runtime in memory."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path

from memory_runtime import MemoryRuntime

from oamkit.images import ImageConfig, ImageStore
from oamkit.images.layers import Entry, write_layer
from oamkit.images.layout import MEDIA_LAYER
from oamkit.kube import Client, Connection, Informer
from oamkit.sandbox.agent.agent import NodeAgent
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.events import Recorder
from oamkit.sandbox.agent.model import NodeFacts
from oamkit.sandbox.agent.objects import ObjectCache
from oamkit.sandbox.agent.resources import EVENTS, PODS
from oamkit.sandbox.agent.tokens import TokenSource
from oamkit.sandbox.config import Layout, NodeConfig

NUMBERS = itertools.count(1)
SECONDS = 30


def put_image(folder: Path, reference: str, **config) -> None:
    """Put an image with one small file into a store."""
    store = ImageStore(folder)
    source = folder / "hello"
    source.write_text("hello")
    layer = store.layout.temporary / "layer"
    added = store.layout.add_file(
        layer, MEDIA_LAYER, write_layer(layer, [Entry("hello", source, 0o644)])
    )
    platform = {"architecture": "amd64", "os": "linux"}
    store.put(reference, ImageConfig(**config), [added], [added["digest"]], platform=platform)


def node_config(folder: Path, name: str) -> NodeConfig:
    return NodeConfig(
        layout=Layout.NAMESPACED,
        node_name=name,
        node_ip="10.244.0.1",
        kubelet_port=0,
        kubeconfig=folder,
        serving_cert=folder,
        serving_key=folder,
        client_ca=folder,
        client_name="api",
        pods_dir=folder / "pods",
        images_dir=folder / "images",
        api_address="127.0.0.1:1",
        service_cidr="10.96.0.0/16",
        dns_ip="10.96.0.10",
    )


class Node:
    """The agent, and what a test does with it."""

    def __init__(self, client: Client, folder: Path, runtime: MemoryRuntime, name: str) -> None:
        self.client = client
        self.runtime = runtime
        self.config = node_config(folder, name)
        self.config.pods_dir.mkdir(exist_ok=True)
        self._seen = Informer(client, PODS, field_selector=f"spec.nodeName={name}")
        self._news = asyncio.Event()

    async def __aenter__(self):
        self.objects = ObjectCache(self.client)
        recorder = Recorder(self.client, self.config.node_name)
        self.context = Context(
            client=self.client,
            runtime=self.runtime,
            images=ImageStore(self.config.images_dir),
            objects=self.objects,
            tokens=TokenSource(self.client),
            recorder=recorder,
            node=self.config,
            facts=NodeFacts(self.config.node_name, "10.244.0.1", 2, 1 << 30),
            services=list,
            resolver=((), (), ()),
        )
        pods = Informer(self.client, PODS, field_selector=f"spec.nodeName={self.config.node_name}")
        self.agent = NodeAgent(self.context, pods)
        self._tasks = [asyncio.create_task(self.agent.run()), asyncio.create_task(recorder.run())]
        self._seen.subscribe(lambda *_: self._news.set())
        self._seen.start()
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.objects.close()
        await self._seen.close()

    async def create(self, name="web", *, argv=("run",), metadata=None, containers=None, **spec):
        containers = containers or [{"name": "main", "image": "demo", "command": list(argv)}]
        for container in [*containers, *spec.get("initContainers", ())]:
            container.setdefault("image", "demo")
            container.setdefault("imagePullPolicy", "IfNotPresent")
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", **(metadata or {})},
            "spec": {
                "nodeName": self.config.node_name,
                "terminationGracePeriodSeconds": 1,
                "automountServiceAccountToken": False,
                "containers": containers,
                **spec,
            },
        }
        return await self.client.create(PODS, pod)

    async def until(self, wanted, name="web"):
        """Return the Pod as soon as the API has it as wanted; ``wanted`` gets ``None`` for one that isn't there."""
        async with asyncio.timeout(SECONDS):
            while True:
                self._news.clear()
                pod = self._seen.items.get(("default", name))
                if (found := _safely(wanted, pod)) and self._seen.synced.is_set():
                    return pod if found is True else found
                await self._news.wait()

    async def eventually(self, wanted):
        """Return when something on this machine is as wanted."""
        async with asyncio.timeout(SECONDS):
            while not wanted():  # noqa: ASYNC110 - files tell nobody that they change
                await asyncio.sleep(0.02)

    async def events(self, name="web"):
        listed = await self.client.list(
            EVENTS, "default", field_selector=f"involvedObject.name={name}"
        )
        return {event["reason"]: event for event in listed["items"]}


def _safely(wanted, pod):
    with contextlib.suppress(KeyError, TypeError, IndexError):
        return wanted(pod)
    return False


@contextlib.asynccontextmanager
async def node(plane, folder: Path, runtime: MemoryRuntime | None = None, name: str = ""):
    """A running agent on a node of its own."""
    put_image(folder / "images", "demo", cmd=("run",))
    async with (
        Client(Connection.from_kubeconfig(plane.kubeconfig)) as client,
        Node(client, folder, runtime or MemoryRuntime(), name or f"node{next(NUMBERS)}") as made,
    ):
        yield made
