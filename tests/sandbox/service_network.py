"""Run by ``test_service_network.py`` in namespaces of its own: Services on their real range, names by the C library."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cluster_objects import Cache, endpoint, endpoint_slice, port, service

from oamkit.sandbox import netlink
from oamkit.sandbox.dns import ClusterDns
from oamkit.sandbox.services import ServiceProxy

RESOLV_CONF = """
nameserver 10.96.0.10
search default.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
"""


def prepare(folder: Path) -> None:
    """Make the Service range local, give two Pods their addresses, and be asked for names."""
    netlink.set_up("lo")
    for pod in ("10.244.0.2", "10.244.0.3"):
        netlink.add_address("lo", IPv4Address(pod), 32)
    netlink.add_local_route(IPv4Network("10.96.0.0/16"))
    (folder / "resolv.conf").write_text(RESOLV_CONF)
    subprocess.run(["mount", "--bind", folder / "resolv.conf", "/etc/resolv.conf"], check=True)


async def backend(name: str, host: str) -> asyncio.Server:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode())
        writer.close()

    return await asyncio.start_server(serve, host, 80)


async def outcome(host: str) -> str:
    """Return what a server says at port 80 of a host, or else the error."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(host, 80)
            said = (await reader.read()).decode()
            writer.close()
            return said
    except OSError as error:
        return type(error).__name__


async def main() -> None:
    services = Cache(
        service("web", "10.96.0.7", port(80, "http")),
        service("bare", "10.96.0.8", port(80)),
        service("db", "None", port(80, "http")),
        service("kube-dns", "10.96.0.10", port(53, "dns", "UDP"), namespace="kube-system"),
    )
    slices = Cache(
        endpoint_slice("web", [port(80, "http")], endpoint("10.244.0.2"), endpoint("10.244.0.3")),
        endpoint_slice("db", [port(80, "http")], endpoint("10.244.0.3", hostname="db-0")),
    )
    servers = [await backend("one", "10.244.0.2"), await backend("two", "10.244.0.3")]
    proxy = ServiceProxy(services, slices)
    dns = ClusterDns(services, slices, address=("10.96.0.10", 53))
    await proxy.start()
    await dns.start()
    hosts = ("web", "web.default", "10.96.0.7", "db", "db-0.db", "bare", "nothing", "example.com")
    for host in hosts:
        print(host, await outcome(host))
    for server in servers:
        server.close()
    await dns.close()
    await proxy.close()


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
    asyncio.run(main())
