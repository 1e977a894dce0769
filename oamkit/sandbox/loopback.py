"""Pods as plain processes, for a Linux that refuses namespaces.

Pod 10.244.a.b lives at 127.244.a.b, and a container's files are a tree of links (:mod:`oamkit.sandbox.loopback_root`). A hook
in Python (``loopback_hook/sitecustomize.py``) makes Python programs bind, connect and look up names accordingly; no compiler is needed for it,
since all that the sandbox builds are Python images.

What isn't like a container, further to :mod:`oamkit.sandbox.namespaced`: a program sees this machine's files and processes, a
read-only volume can be written to, programs in other languages bind to this machine's addresses, so that two of them with one
port clash, and ports below 1024 are for root.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.errors import SandboxError
from oamkit.sandbox import linux
from oamkit.sandbox.config import CLUSTER_DOMAIN, POD_CIDR
from oamkit.sandbox.cri import ContainerConfig
from oamkit.sandbox.loopback_root import build_root, mapped, mapped_environment
from oamkit.sandbox.processes import Pod, ProcessRuntime
from oamkit.sandbox.shim_client import Container

if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Spec

__all__ = ["LoopbackRuntime", "end_pods", "home"]

_HOOK = Path(__file__).with_name("loopback_hook")
_MARK = "OAMKIT_POD_UID"


def home(address: str) -> str:
    """Return where a Pod's address is on this machine.

    Example:
        >>> home("10.244.0.5")
        '127.244.0.5'
    """
    return str(IPv4Address(b"\x7f" + IPv4Address(address).packed[1:]))


class LoopbackRuntime(ProcessRuntime):
    """The :class:`oamkit.sandbox.cri.ContainerRuntime` of the layout ``loopback``.

    Args:
        pods_dir: The folder of the Pods' folders.
        pod_cidr: The range of Pod addresses; its first address is the node's.
        cluster_domain: The domain whose names are looked up at the Pod's name servers, each ``"address"`` or ``"address:port"``.
    """

    def __init__(
        self, pods_dir: Path, *, pod_cidr: str = POD_CIDR, cluster_domain: str = CLUSTER_DOMAIN
    ) -> None:
        super().__init__(pods_dir, pod_cidr=pod_cidr)
        self._domain = cluster_domain

    async def _prepare_node(self) -> None:
        if sys.platform != "linux":
            raise SandboxError(
                "Pods need Linux: elsewhere 127.0.0.1 is the only loopback address.",
                hint="Use kind instead: OAMKIT_PROVIDER=kind.",
                code="sandbox-platform",
            )

    async def _set_up(self, pod: Pod) -> None:
        """Do nothing: an address of the loopback network is there already."""

    async def _tear_down(self, pod: Pod) -> None:
        linux.kill_marked(f"{_MARK}={pod.config.uid}")

    def _spec(self, pod: Pod, config: ContainerConfig, folder: Path) -> Spec:
        root = folder / "root"
        build_root(config.rootfs, root, config.mounts)
        working_dir = Path(f"{root}{config.working_dir or '/'}")
        working_dir.mkdir(parents=True, exist_ok=True)
        env = mapped_environment(config.env, root)
        env[_MARK] = pod.config.uid
        env["OAMKIT_LOOPBACK"] = json.dumps(self._hook_settings(pod, root))
        env["PYTHONPATH"] = ":".join(filter(None, (str(_HOOK), env.get("PYTHONPATH"))))
        return {
            "id": "",
            "argv": self._exec_argv(folder, config.argv),
            "env": env,
            "working_dir": str(working_dir),
            "stdin": config.stdin,
            "stdin_once": config.stdin_once,
            "tty": config.tty,
            "isolated": False,
            "namespaces": [],
            "rootfs": str(config.rootfs),
            "host_paths": [],
            "files": {},
            "mounts": [],
            "read_only": False,
            "log": str(config.log_path),
            "memory_limit": config.memory_limit or 0,
        }

    def _exec_argv(self, folder: Path, argv: Sequence[str]) -> list[str]:
        return [mapped(word, folder / "root") for word in argv]

    def _hook_settings(self, pod: Pod, root: Path) -> dict[str, object]:
        config = pod.config
        ndots = [option.partition(":")[2] for option in config.dns_options if "ndots:" in option]
        hosts = {name: address for address, names in config.hosts.items() for name in names}
        prefix = str(self.pod_network.network_address).split(".")[: self.pod_network.prefixlen // 8]
        return {
            "ip": str(pod.address),
            "home": home(str(pod.address)),
            "prefix": ".".join(prefix) + ".",
            "root": str(root),
            "hostname": config.hostname,
            "hosts": {**hosts, config.hostname: str(pod.address)},
            "nameservers": config.nameservers,
            "searches": config.searches,
            "ndots": int(ndots[0]) if ndots else 1,
            "domain": self._domain,
        }

    async def connect(
        self, uid: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.connect`."""
        return await asyncio.open_connection(home(str(self._pod(uid).address)), port)


def end_pods(pods_dir: Path) -> None:
    """Kill the processes of all Pods, when the sandbox stops: without a pid namespace the kernel doesn't do it.

    Args:
        pods_dir: The folder of the Pods' folders.
    """
    for path in pods_dir.glob("*/runtime/*.*/status.json"):
        Container(path.parent).signal(signal.SIGKILL)
    for path in pods_dir.glob("*/runtime/pod.json"):
        linux.kill_marked(f"{_MARK}={Pod.read(path).config.uid}")
