"""Pods as processes with network, mount, pid, host name and IPC namespaces of their own, without root.

Runs within the user, network, mount and pid namespace that the sandbox's supervisor made; there it is uid 0, outside nobody in
particular. What isn't like a container: there is one user only (uid 0 of that namespace; ``USER`` and ``runAsUser`` have no
effect), no system call is filtered, limits are as in :mod:`oamkit.sandbox.processes`, and what an image borrows from this
machine (``/usr``, libraries) can be read.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.sandbox.config import POD_CIDR, Layout
from oamkit.sandbox.cri import ContainerConfig
from oamkit.sandbox.network import PodNetwork, in_network
from oamkit.sandbox.processes import Pod, ProcessRuntime

if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Spec

__all__ = ["NamespacedRuntime"]

CONNECT_SECONDS = 5.0


class NamespacedRuntime(ProcessRuntime):
    """The :class:`oamkit.sandbox.cri.ContainerRuntime` of the layout ``namespaced``.

    Args:
        pods_dir: The folder of the Pods' folders.
        pod_cidr: The range of Pod addresses; its first address is the node's.
        service_cidr: The range of ClusterIPs, which count as the node's own addresses.
    """

    def __init__(
        self,
        pods_dir: Path,
        *,
        pod_cidr: str = POD_CIDR,
        service_cidr: str = Layout.NAMESPACED.service_cidr,
    ) -> None:
        super().__init__(pods_dir, pod_cidr=pod_cidr)
        self._network = PodNetwork(self.pod_network, IPv4Network(service_cidr))

    async def _prepare_node(self) -> None:
        await asyncio.to_thread(self._network.set_up_node)

    async def _set_up(self, pod: Pod) -> None:
        _write_etc(pod)
        if not self._network.is_connected(pod.folder):
            await asyncio.to_thread(
                self._network.connect,
                pod.folder,
                pod.address,
                pod.config.hostname,
                own=not pod.config.host_network,
            )

    async def _tear_down(self, pod: Pod) -> None:
        await asyncio.to_thread(self._network.disconnect, pod.folder, pod.address)

    def _spec(self, pod: Pod, config: ContainerConfig, folder: Path) -> Spec:
        del folder
        etc = pod.folder / "etc"
        return {
            "id": "",
            "argv": list(config.argv),
            "env": dict(config.env),
            "working_dir": config.working_dir or "/",
            "stdin": config.stdin,
            "stdin_once": config.stdin_once,
            "tty": config.tty,
            "isolated": True,
            "namespaces": [str(path) for path in self._network.namespaces(pod.folder)],
            "rootfs": str(config.rootfs),
            "host_paths": [str(path) for path in config.host_paths],
            "files": {f"/etc/{path.name}": str(path) for path in sorted(etc.iterdir())},
            "mounts": [(str(m.source), m.target, m.read_only) for m in config.mounts],
            "read_only": config.read_only_rootfs,
            "log": str(config.log_path),
            "memory_limit": config.memory_limit or 0,
        }

    async def connect(
        self, uid: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.connect`."""
        pod = self._pod(uid)
        try:
            return await self._connect(pod, "127.0.0.1", port)
        except ConnectionRefusedError:
            return await self._connect(pod, str(pod.address), port)

    async def _connect(
        self, pod: Pod, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if pod.config.host_network:
            connection = _tcp_socket()
        else:
            connection = in_network(pod.folder / "net", _tcp_socket)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, (host, port))
        except BaseException:
            connection.close()
            raise
        return await asyncio.open_connection(sock=connection)


def _tcp_socket() -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    return connection


def _write_etc(pod: Pod) -> None:
    """Write the files that all containers of a Pod have in ``/etc``, as the kubelet does."""
    config = pod.config
    folder = pod.folder / "etc"
    folder.mkdir(exist_ok=True)
    hosts = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    hosts.append(f"{pod.address}\t{config.hostname}")
    hosts += [f"{address}\t{' '.join(names)}" for address, names in config.hosts.items()]
    lines = [f"nameserver {address}" for address in config.nameservers]
    lines += [f"search {' '.join(config.searches)}"] if config.searches else []
    lines += [f"options {' '.join(config.dns_options)}"] if config.dns_options else []
    for name, content in (
        ("hosts", hosts),
        ("resolv.conf", lines),
        ("hostname", [config.hostname]),
    ):
        (folder / name).write_text("".join(f"{line}\n" for line in content))
