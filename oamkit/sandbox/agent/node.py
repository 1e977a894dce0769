"""The Node object and its Lease: that the node is there, what it has, and that it is alive.

Sources: https://kubernetes.io/docs/concepts/architecture/nodes/ and …/leases/. The Lease is renewed every 10 s; the Node's status is
written when it changes, and every 5 minutes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import shutil
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from oamkit.errors import ApiError, OamKitError
from oamkit.kube.client import Client
from oamkit.sandbox.agent.model import NodeFacts, Object, rfc3339
from oamkit.sandbox.agent.resources import LEASES, NODES
from oamkit.sandbox.config import Layout, NodeConfig

__all__ = ["NodeReporter", "node_facts", "node_object"]

log = logging.getLogger(__name__)

KUBELET_VERSION = "v1.37.2+oamkit"
"""The version of Kubernetes whose kubelet this agent stands in for."""
MAX_PODS = 110
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
REPORT_SECONDS = 300.0
RETRY_SECONDS = 1.0
LEAST_DISK = 256 << 20
NAMESPACE = "kube-node-lease"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def node_facts(config: NodeConfig) -> NodeFacts:
    """Look at this machine."""
    return NodeFacts(
        name=config.node_name,
        ip=config.node_ip,
        cpus=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        storage=shutil.disk_usage(config.pods_dir).total,
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.platform()


def _runtime_version() -> str:
    try:
        return f"process://{version('oamkit')}"
    except PackageNotFoundError:
        return "process://0"


def _isolation(layout: Layout) -> str:
    shared = (
        "namespaces of their own for network, files and processes' names, but one user"
        if layout is Layout.NAMESPACED
        else "no namespaces: files, network and user are this machine's"
    )
    return f"Pods are processes of this machine ({shared}); they are not isolated like containers"


def node_object(
    config: NodeConfig, facts: NodeFacts, free: int, old: Object | None, now: float
) -> Object:
    """Return the Node as it should be.

    Args:
        config: The node's names and addresses.
        facts: What the machine has.
        free: Free bytes on the file system of the Pods.
        old: The Node as the API has it, for the times of its conditions.
        now: Seconds since the epoch.
    """
    resources = {
        "cpu": f"{facts.cpus:g}",
        "memory": f"{facts.memory >> 10}Ki",
        "ephemeral-storage": f"{facts.storage >> 10}Ki",
        "pods": str(MAX_PODS),
    }
    machine = platform.machine()
    architecture = ARCHITECTURES.get(machine, machine)
    full = free < LEAST_DISK
    before = {c["type"]: c for c in ((old or {}).get("status") or {}).get("conditions") or []}
    conditions = [
        ("MemoryPressure", False, "KubeletHasSufficientMemory", "the agent evicts no Pods"),
        ("DiskPressure", full, "KubeletHasDiskPressure" if full else "KubeletHasNoDiskPressure",
         f"{free >> 20} MiB are free below {config.pods_dir}"),
        ("PIDPressure", False, "KubeletHasSufficientPID", "the agent evicts no Pods"),
        ("ContainerIsolation", False, "PodsAreProcesses", _isolation(config.layout)),
        ("Ready", True, "KubeletReady", "the node agent runs Pods"),
    ]  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": config.node_name,
            "labels": {
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture,
                "kubernetes.io/hostname": config.node_name,
            },
        },
        "spec": {"podCIDR": config.pod_cidr, "podCIDRs": [config.pod_cidr]},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                {"type": "InternalIP", "address": config.node_ip},
                {"type": "Hostname", "address": config.layout.kubelet_host},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": config.kubelet_port}},
            # The API server may pass WebSockets on as they are (KEP-4006, gate ExtendWebSocketsToKubelet).
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
            "conditions": [
                {
                    "type": kind,
                    "status": "True" if state else "False",
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": rfc3339(now),
                    "lastTransitionTime": _since(
                        before.get(kind), "True" if state else "False", now
                    ),
                }
                for kind, state, reason, message in conditions
            ],
            "nodeInfo": {
                "machineID": _read("/etc/machine-id"),
                "systemUUID": _read("/etc/machine-id"),
                "bootID": _read("/proc/sys/kernel/random/boot_id"),
                "kernelVersion": platform.release(),
                "osImage": _os_image(),
                "containerRuntimeVersion": _runtime_version(),
                "kubeletVersion": KUBELET_VERSION,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": architecture,
            },
        },
    }


def _since(condition: Object | None, state: str, now: float) -> str:
    if condition is not None and condition["status"] == state:
        return str(condition["lastTransitionTime"])
    return rfc3339(now)


class NodeReporter:
    """Registers the node and keeps it alive.

    Args:
        client: Speaks to the API as the node.
        config: Names and addresses.
        facts: What the machine has.
    """

    def __init__(self, client: Client, config: NodeConfig, facts: NodeFacts) -> None:
        self._client = client
        self._config = config
        self._facts = facts
        self.uid = ""

    async def register(self) -> None:
        """Make the Node and its Lease, or bring them up to date; tries until the API server answers."""
        while True:
            try:
                await self.report()
                await self._renew()
            except OamKitError as error:
                log.warning("the node can't be registered yet: %s", error.message)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def run(self) -> None:
        """Renew the Lease and the status until cancelled."""
        reported = time.monotonic()
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew()
                if time.monotonic() - reported > REPORT_SECONDS:
                    await self.report()
                    reported = time.monotonic()
            except OamKitError as error:
                log.warning("the node can't report: %s", error.message)

    async def report(self) -> None:
        """Write the Node's status; make the Node if it isn't there."""
        name = self._config.node_name
        try:
            old = await self._client.get(NODES, name)
        except ApiError as error:
            if error.status != 404:
                raise
            made = await self._client.create(NODES, self._wanted(None))
        else:
            wanted = self._wanted(old)
            await self._client.merge_patch(NODES, name, {"metadata": wanted["metadata"]})
            patch = {"status": wanted["status"]}
            made = await self._client.merge_patch(NODES, name, patch, subresource="status")
        self.uid = made["metadata"]["uid"]

    def _wanted(self, old: Object | None) -> Object:
        free = shutil.disk_usage(self._config.pods_dir).free
        return node_object(self._config, self._facts, free, old, time.time())

    async def _renew(self) -> None:
        name = self._config.node_name
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": moment}
        try:
            await self._client.merge_patch(LEASES, name, {"spec": spec}, NAMESPACE)
        except ApiError as error:
            if error.status != 404:
                raise
            owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": self.uid}
            lease = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": name, "namespace": NAMESPACE, "ownerReferences": [owner]},
                "spec": spec,
            }
            await self._client.create(LEASES, lease)
