"""The node's network, and a network namespace for each Pod.

::

    Pod 10.244.0.5                node (the sandbox's namespace)
    ┌────────────┐                ┌──────────────────────────────────────────┐
    │ eth0 ──────┼── veth ────────┼─ pod0005 ─┐                              │
    │ default    │                │           ├─ bridge oamkit0 10.244.0.1   │
    │ via .0.1   │                │  pod0006 ─┘                              │
    └────────────┘                │  local 10.96.0.0/16 dev lo: ClusterIPs   │
                                  └──────────────────────────────────────────┘

Every ClusterIP counts as the node's own, so that a proxy on the node can listen there; also a Pod that reaches itself by its
Service goes through the proxy, so that the bridge needs no hairpin mode. A Pod's namespaces (network, hostname, IPC) are held by
bind mounts of ``/proc/…/ns/*`` in its folder rather than by a process (``namespaces(7)``): they outlive the agent, and end with the sandbox's mount
namespace at the latest.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TypeVar

from oamkit.sandbox import linux, netlink

__all__ = ["PodNetwork", "in_network"]

BRIDGE = "oamkit0"
_KINDS = {"net": linux.CLONE_NEWNET, "uts": linux.CLONE_NEWUTS, "ipc": linux.CLONE_NEWIPC}
Result = TypeVar("Result")


class PodNetwork:
    """Makes the node's network and connects Pods to it.

    Args:
        pods: The range of Pod addresses; its first one is the node's.
        services: The range of ClusterIPs.
    """

    def __init__(self, pods: IPv4Network, services: IPv4Network) -> None:
        self._pods = pods
        self._services = services
        self.gateway = pods.network_address + 1

    def set_up_node(self) -> None:
        """Make the bridge and the routes; what is there already stays."""
        netlink.set_up("lo")
        try:
            netlink.add_bridge(BRIDGE, _hardware_address(self.gateway))
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
        netlink.add_address(BRIDGE, self.gateway, self._pods.prefixlen)
        netlink.add_local_route(self._services)
        with contextlib.suppress(OSError):  # Pods on one bridge can do without
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def namespaces(self, folder: Path) -> list[Path]:
        """Return the files that hold a Pod's namespaces."""
        return [path for kind in _KINDS if (path := folder / kind).exists()]

    def is_connected(self, folder: Path) -> bool:
        """Tell whether a Pod's namespaces are there; they are gone when the sandbox was restarted."""
        return os.path.ismount(folder / "ipc")

    def connect(self, folder: Path, address: IPv4Address, hostname: str, *, own: bool) -> None:
        """Make a Pod's namespaces and connect it.

        Args:
            folder: Where the namespaces' files are made.
            address: The Pod's address.
            hostname: The Pod's host name.
            own: Whether it gets a network of its own rather than the node's.
        """
        self.disconnect(folder, address)
        kinds = {kind: flag for kind, flag in _KINDS.items() if own or kind != "net"}
        for kind in kinds:
            (folder / kind).touch()
        node = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _in_thread(lambda: self._furnish(folder, kinds, address, hostname, node))
        finally:
            os.close(node)

    def _furnish(
        self, folder: Path, kinds: dict[str, int], address: IPv4Address, hostname: str, node: int
    ) -> None:
        linux.unshare(sum(kinds.values()))
        socket.sethostname(hostname)
        if "net" in kinds:
            own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                linux.setns(node, linux.CLONE_NEWNET)
                netlink.add_veth(
                    _link_name(address),
                    bridge=BRIDGE,
                    peer="eth0",
                    peer_namespace=own,
                    peer_mac=_hardware_address(address),
                )
                linux.setns(own, linux.CLONE_NEWNET)
            finally:
                os.close(own)
            netlink.set_up("lo")
            netlink.set_up("eth0")
            netlink.add_address("eth0", address, self._pods.prefixlen)
            netlink.add_default_route(self.gateway)
        for kind in kinds:  # "ipc" last: it says that all is done
            linux.mount(f"/proc/thread-self/ns/{kind}", str(folder / kind), flags=linux.MS_BIND)

    def disconnect(self, folder: Path, address: IPv4Address) -> None:
        """Delete a Pod's link and namespaces; what isn't there is fine."""
        if address != self.gateway:
            netlink.delete_link(_link_name(address))
        for kind in reversed(_KINDS):
            path = folder / kind
            if os.path.ismount(path):
                linux.umount(str(path))
            path.unlink(missing_ok=True)


def _link_name(address: IPv4Address) -> str:
    """Return the name of a Pod's link on the node.

    Example:
        >>> _link_name(IPv4Address("10.244.1.10"))
        'pod010a'
    """
    return f"pod{int(address) & 0xFFFF:04x}"


def _hardware_address(address: IPv4Address) -> bytes:
    """Return an address's own hardware address, so that no neighbour remembers the one of an earlier Pod."""
    return b"\x0a\x58" + address.packed


def in_network(namespace: Path, call: Callable[[], Result]) -> Result:
    """Return what ``call`` returns in another network namespace.

    A network namespace is a thread's, so a thread that is made for this call joins it.
    """

    def run() -> Result:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            linux.setns(descriptor, linux.CLONE_NEWNET)
        finally:
            os.close(descriptor)
        return call()

    return _in_thread(run)


def _in_thread(call: Callable[[], Result]) -> Result:
    """Return what ``call`` returns in a thread of its own, whose namespaces nobody else uses."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run, name="oamkit-namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
