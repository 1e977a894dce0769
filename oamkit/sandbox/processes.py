"""What both layouts have in common: Pods and their containers on disk, and the verbs that don't ask how Pods are kept apart.

A Pod's state is in ``PodConfig.directory / "runtime"``:

=====================  ===================================================================
``pod.json``           its configuration and address
``<name>.<attempt>/``  a start of a container; see :mod:`oamkit.sandbox.shim`
others                 the layout's: files for ``/etc``, namespaces
=====================  ===================================================================

Limits are per container: a Pod's own ``memory_limit`` isn't enforced, and neither is ``cpu_limit``: without root there is no
control group to do it.
"""

from __future__ import annotations

import abc
import asyncio
import json
import os
import shutil
import signal as signals
from collections.abc import Sequence
from dataclasses import asdict
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit.errors import SandboxError
from oamkit.sandbox.config import POD_CIDR
from oamkit.sandbox.cri import (
    ContainerConfig,
    ContainerState,
    ContainerStatus,
    ExecSession,
    PodConfig,
    PodStatus,
)
from oamkit.sandbox.network_addresses import AddressPool
from oamkit.sandbox.shim_client import Container

if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Spec

__all__ = ["Pod", "ProcessRuntime"]


class Pod:
    """A Pod that is set up.

    Attributes:
        config: What it was set up from.
        address: Its address.
    """

    def __init__(self, config: PodConfig, address: IPv4Address) -> None:
        self.config = config
        self.address = address

    @property
    def folder(self) -> Path:
        """Where the runtime keeps its state."""
        return self.config.directory / "runtime"

    def containers(self) -> list[Container]:
        """Return all starts of its containers, oldest first."""
        found = [Container(path.parent) for path in self.folder.glob("*.*/spec.json")]
        return sorted(found, key=lambda container: container.folder.stat().st_ctime_ns)

    def newest(self, name: str) -> Container:
        """Return the newest start of a container.

        Raises:
            SandboxError: It was never started.
        """
        found = [container for container in self.containers() if container.name == name]
        if not found:
            raise SandboxError(
                f"Pod {self.config.namespace}/{self.config.name} has no container {name}."
            )
        return max(found, key=lambda container: container.attempt)

    def status(self) -> PodStatus:
        """Return what is known of it."""
        statuses = (container.status() for container in self.containers())
        known = tuple(status for status in statuses if status is not None)
        return PodStatus(self.config, str(self.address), known)

    def write(self) -> None:
        """Keep it for the next process of the agent."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        values = {**asdict(self.config), "address": self.address}
        new = self.folder / "pod.json.new"
        new.write_text(json.dumps(values, default=str, indent=2))
        new.replace(self.folder / "pod.json")

    @classmethod
    def read(cls, path: Path) -> Pod:
        """Read what :meth:`write` wrote."""
        values = json.loads(path.read_text())
        address = IPv4Address(values.pop("address"))
        values["directory"] = Path(values["directory"])
        for name in ("nameservers", "searches", "dns_options"):
            values[name] = tuple(values[name])
        values["hosts"] = {key: tuple(names) for key, names in values["hosts"].items()}
        return cls(PodConfig(**values), address)


class ProcessRuntime(abc.ABC):
    """A :class:`oamkit.sandbox.cri.ContainerRuntime` but for what a layout does in its own way.

    Args:
        pods_dir: The folder of the Pods' folders, e.g. :attr:`oamkit.sandbox.config.SandboxPaths.pods`.
        pod_cidr: The range of Pod addresses; its first address is the node's.
    """

    def __init__(self, pods_dir: Path, *, pod_cidr: str = POD_CIDR) -> None:
        self.pods_dir = pods_dir
        self.pod_network = IPv4Network(pod_cidr)
        self.node_address = self.pod_network.network_address + 1
        self._pods: dict[str, Pod] = {}

    @abc.abstractmethod
    async def _prepare_node(self) -> None:
        """Make ready what all Pods share."""

    @abc.abstractmethod
    async def _set_up(self, pod: Pod) -> None:
        """Make ready what a Pod's containers share; what is there stays."""

    @abc.abstractmethod
    async def _tear_down(self, pod: Pod) -> None:
        """Undo :meth:`_set_up`; no container runs any more."""

    @abc.abstractmethod
    def _spec(self, pod: Pod, config: ContainerConfig, folder: Path) -> Spec:
        """Return what the monitor of a container has to do; may make files in its folder."""

    def _exec_argv(self, folder: Path, argv: Sequence[str]) -> list[str]:
        """Return how the program of an exec is called on this machine."""
        del folder
        return list(argv)

    @abc.abstractmethod
    async def connect(
        self, uid: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.connect`."""

    async def start(self) -> None:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.start`."""
        try:
            self.pods_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._addresses = AddressPool(self.pod_network, self.pods_dir / "last-address")
            await self._prepare_node()
            for path in sorted(self.pods_dir.glob("*/runtime/pod.json")):
                pod = Pod.read(path)
                self._pods[pod.config.uid] = pod
                self._addresses.reserve(pod.address)
                await self._set_up(pod)
        except OSError as error:
            raise SandboxError(
                f"The node's network can't be made ready: {error}",
                hint="Run 'oamkit doctor'. OAMKIT_SANDBOX_LAYOUT=loopback does without it.",
                code="sandbox-network",
            ) from error

    async def close(self) -> None:  # noqa: B027 - a layout may have something to let go of
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.close`; nothing is held between calls."""

    async def pods(self) -> tuple[PodStatus, ...]:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.pods`."""
        return tuple(pod.status() for pod in self._pods.values())

    async def start_pod(self, config: PodConfig) -> PodStatus:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.start_pod`."""
        known = self._pods.get(config.uid)
        if known is not None:
            address = known.address
        else:
            address = self.node_address if config.host_network else self._addresses.take()
        pod = Pod(config, address)
        self._pods[config.uid] = pod
        try:
            pod.write()
            await self._set_up(pod)
        except OSError as error:
            raise SandboxError(
                f"Pod {config.namespace}/{config.name} can't be set up: {error}", code="pod-set-up"
            ) from error
        return pod.status()

    async def remove_pod(self, uid: str) -> None:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.remove_pod`."""
        pod = self._pods.get(uid)
        if pod is None:
            return
        running = [container for container in pod.containers() if _runs(container)]
        for container in running:
            container.signal(signals.SIGKILL)
        await asyncio.gather(*(container.wait() for container in running))
        await self._tear_down(pod)
        await asyncio.to_thread(_remove_tree, pod.folder)
        if pod.address != self.node_address:
            self._addresses.give_back(pod.address)
        self._pods.pop(uid, None)

    async def start_container(self, uid: str, config: ContainerConfig) -> ContainerStatus:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.start_container`."""
        pod = self._pod(uid)
        container = Container(pod.folder / f"{config.name}.{config.attempt}")
        status = container.status()
        if status is None:
            _remove_tree(container.folder)  # half of a start whose agent was killed
            config.log_path.parent.mkdir(parents=True, exist_ok=True)
            container.folder.mkdir(mode=0o700)
            spec = await asyncio.to_thread(self._spec, pod, config, container.folder)
            await container.start(spec)
            status = container.status()
        assert status is not None  # noqa: S101 - start() has seen to it
        return status

    async def wait_container(self, uid: str, name: str, attempt: int) -> ContainerStatus:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.wait_container`."""
        return await Container(self._pod(uid).folder / f"{name}.{attempt}").wait()

    async def signal_container(self, uid: str, name: str, signal: int) -> None:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.signal_container`."""
        self._pod(uid).newest(name).signal(signal)

    async def exec(
        self, uid: str, name: str, argv: Sequence[str], *, stdin: bool, tty: bool
    ) -> ExecSession:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.exec`."""
        container = self._pod(uid).newest(name)
        words = self._exec_argv(container.folder, argv)
        return await container.exec(words, stdin=stdin, tty=tty)

    async def attach(self, uid: str, name: str) -> ExecSession:
        """See :meth:`oamkit.sandbox.cri.ContainerRuntime.attach`."""
        return await self._pod(uid).newest(name).attach()

    def _pod(self, uid: str) -> Pod:
        pod = self._pods.get(uid)
        if pod is None:
            raise SandboxError(f"No Pod with the UID {uid} is set up.", code="no-pod")
        return pod


def _runs(container: Container) -> bool:
    status = container.status()
    return status is not None and status.state is ContainerState.RUNNING


def _remove_tree(folder: Path) -> None:
    """Remove a folder, also where a program has taken away its own right to do so.

    Raises:
        SandboxError: Something in it can't be removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for name, folders, _ in os.walk(folder):
        for each in folders:
            if not (path := Path(name, each)).is_symlink():
                path.chmod(0o700)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SandboxError(
            f"The folder {folder} can't be removed: {error}",
            hint="End what uses it and remove it by hand.",
            code="pod-removal",
        ) from error
