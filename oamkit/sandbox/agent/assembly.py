"""Puts the agent together: client, runtime, Services, name server, workers and the kubelet's API."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from aiohttp import web

from oamkit.errors import SandboxError
from oamkit.images import ImageStore
from oamkit.kube.client import Client
from oamkit.kube.connection import Connection
from oamkit.kube.informer import Informer
from oamkit.sandbox.agent.agent import NodeAgent
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.events import Recorder
from oamkit.sandbox.agent.kubelet_api import KubeletApi, server_context
from oamkit.sandbox.agent.node import NodeReporter, node_facts
from oamkit.sandbox.agent.objects import ObjectCache
from oamkit.sandbox.agent.podconfig import HostResolver, read_resolv_conf
from oamkit.sandbox.agent.resources import ENDPOINT_SLICES, PODS, SERVICES
from oamkit.sandbox.agent.spdy_front import Front
from oamkit.sandbox.agent.spdy_server import SpdyServer
from oamkit.sandbox.agent.tokens import TokenSource
from oamkit.sandbox.config import Layout, NodeConfig
from oamkit.sandbox.cri import ContainerRuntime
from oamkit.sandbox.dns import ClusterDns
from oamkit.sandbox.services import ServiceProxy

__all__ = ["make_runtime", "run_agent"]

log = logging.getLogger(__name__)

DNS_PORT = 53
DNS_PORT_UNPRIVILEGED = 1053
RESOLV_CONF = Path("/etc/resolv.conf")


def make_runtime(config: NodeConfig) -> ContainerRuntime:
    """Return the runtime of a layout."""
    if config.layout is Layout.NAMESPACED:
        from oamkit.sandbox.namespaced import NamespacedRuntime

        return NamespacedRuntime(
            config.pods_dir, pod_cidr=config.pod_cidr, service_cidr=config.service_cidr
        )
    from oamkit.sandbox.loopback import LoopbackRuntime

    return LoopbackRuntime(
        config.pods_dir, pod_cidr=config.pod_cidr, cluster_domain=config.cluster_domain
    )


def host_resolver() -> HostResolver:
    """Return the machine's own resolver."""
    try:
        return read_resolv_conf(RESOLV_CONF.read_text())
    except OSError:
        return (), (), ()


def where_pods_live(config: NodeConfig, ip: str, port: int) -> tuple[str, int]:
    """Return where an endpoint's address really is: in the loopback layout Pod 10.244.a.b is 127.244.a.b.

    The node's own address is of that range, too, but what listens at the node (the API server) listens on the host itself.
    """
    if ip == config.node_ip:
        return config.layout.kubelet_host, port
    if config.layout is Layout.LOOPBACK and IPv4Address(ip) in IPv4Network(config.pod_cidr):
        return "127." + ip.partition(".")[2], port
    return ip, port


async def run_agent(config: NodeConfig, runtime: ContainerRuntime | None = None) -> None:
    """Run the agent until cancelled.

    Args:
        config: The node's names, addresses and files.
        runtime: Runs the processes; by default the layout's.

    Raises:
        InputError: The kubeconfig is broken.
        SandboxError: The node can't be made ready.
    """
    runtime = runtime or make_runtime(config)
    config.pods_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            Client(Connection.from_kubeconfig(config.kubeconfig), user_agent="oamkit-node-agent")
        )
        await runtime.start()
        stack.push_async_callback(runtime.close)
        services = Informer(client, SERVICES)
        slices = Informer(client, ENDPOINT_SLICES)
        pods = Informer(client, PODS, field_selector=f"spec.nodeName={config.node_name}")
        for informer in (services, slices):
            informer.start()
            stack.push_async_callback(informer.close)
        config = await start_dns(stack, config, services, slices)
        recorder = Recorder(client, config.node_name)
        objects = ObjectCache(client)
        stack.push_async_callback(objects.close)
        facts = node_facts(config)
        context = Context(
            client=client,
            runtime=runtime,
            images=ImageStore(config.images_dir),
            objects=objects,
            tokens=TokenSource(client),
            recorder=recorder,
            node=config,
            facts=facts,
            services=lambda: list(services.items.values()),
            resolver=host_resolver(),
        )
        agent = NodeAgent(context, pods)
        proxy = ServiceProxy(
            services,
            slices,
            node_ip=config.layout.kubelet_host,
            resolve=lambda ip, port: where_pods_live(config, ip, port),
        )
        await proxy.start()
        stack.push_async_callback(proxy.close)
        await stack.enter_async_context(kubelet_server(agent, runtime, config))
        reporter = NodeReporter(client, config, facts)
        async with asyncio.TaskGroup() as group:
            group.create_task(recorder.run())
            group.create_task(_node(reporter))
            group.create_task(agent.run())


async def start_dns(
    stack: contextlib.AsyncExitStack, config: NodeConfig, services: Informer, slices: Informer
) -> NodeConfig:
    """Start the cluster's name server; return the configuration with the address at which Pods find it.

    Port 53 may be taken or forbidden in the loopback layout, whose Pods can be told of another port.

    Raises:
        SandboxError: No address can be listened on.
    """
    isolated = config.layout is Layout.NAMESPACED
    for port in (DNS_PORT,) if isolated else (DNS_PORT, DNS_PORT_UNPRIVILEGED, 0):
        dns = ClusterDns(
            services,
            slices,
            domain=config.cluster_domain,
            address=(config.dns_ip, port),
            # From within its private network the machine's own name servers can't be reached.
            upstream=None if isolated else RESOLV_CONF,
        )
        try:
            await dns.start()
        except OSError as error:
            failure = error
            continue
        stack.push_async_callback(dns.close)
        if dns.address[1] == DNS_PORT:
            return config
        return replace(config, dns_ip=f"{dns.address[0]}:{dns.address[1]}")
    raise SandboxError(
        f"The cluster's name server can't listen on {config.dns_ip}: {failure}",
        hint="Run 'oamkit doctor': it says what this machine allows.",
        code="sandbox-dns",
    ) from failure


@contextlib.asynccontextmanager
async def kubelet_server(
    agent: NodeAgent, runtime: ContainerRuntime, config: NodeConfig
) -> AsyncIterator[None]:
    """Serve the kubelet's API as long as the context lasts.

    Raises:
        SandboxError: The address can't be listened on, or the certificate can't be read.
    """
    api = KubeletApi(agent, runtime, config)
    spdy = SpdyServer(agent, runtime, config.client_name)
    runner = web.AppRunner(api.application(), access_log=None, handler_cancellation=True)
    await runner.setup()
    host, port = config.layout.kubelet_host, config.kubelet_port
    others = runner.server
    assert others is not None  # noqa: S101 - setup() makes it
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: Front(others, spdy.serve), host, port, ssl=server_context(config)
        )
    except OSError as error:
        await runner.cleanup()
        raise SandboxError(
            f"The kubelet's API can't listen on {host}:{port}: {error}",
            hint="Is another node agent running? 'oamkit sandbox down' stops it.",
            code="sandbox-kubelet-port",
        ) from error
    try:
        yield
    finally:
        server.close()
        await spdy.close()
        await runner.cleanup()


async def _node(reporter: NodeReporter) -> None:
    await reporter.register()
    log.info("the node is registered")
    await reporter.run()
