"""The figures and names that the parts of the sandbox share, and where its files are.

The supervisor writes a :class:`NodeConfig` for the node agent; everything else is fixed by the layout.

=============  ===========================================  ===========================================================
layout         where                                        Pods
=============  ===========================================  ===========================================================
``namespaced``  Linux that allows user namespaces           a network and mount namespace each, on a bridge
``loopback``    any other Linux                             plain processes; Pod 10.244.a.b lives at 127.244.a.b
=============  ===========================================  ===========================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

__all__ = ["Layout", "NodeConfig", "SandboxPaths"]

NODE_NAME = "oamkit-sandbox"
POD_CIDR = "10.244.0.0/16"
CLUSTER_DOMAIN = "cluster.local"
INGRESS_CLASS = "traefik"
KUBELET_CLIENT = "kube-apiserver-kubelet-client"
"""The API server's user name towards the node agent."""
TRAEFIK_USER = "oamkit:traefik"
"""Traefik's user name towards the API server."""


class Layout(StrEnum):
    """How Pods are kept apart; see the table above."""

    NAMESPACED = "namespaced"
    LOOPBACK = "loopback"

    @property
    def service_cidr(self) -> str:
        """The range of ClusterIPs: must be routable to this machine itself."""
        return "10.96.0.0/16" if self is Layout.NAMESPACED else "127.96.0.0/16"

    @property
    def api_service_ip(self) -> str:
        """The ClusterIP of the Service ``kubernetes``: the first of the range, as the API server takes it."""
        return self.service_cidr.removesuffix(".0/16") + ".1"

    @property
    def dns_ip(self) -> str:
        """The ClusterIP of the cluster's name server: the tenth of the range, as kubeadm has it."""
        return self.service_cidr.removesuffix(".0/16") + ".10"

    @property
    def node_ip(self) -> str:
        """The node's ``InternalIP``: the bridge's address, or an address of the loopback range that the API accepts by name."""
        return "10.244.0.1"

    @property
    def kubelet_host(self) -> str:
        """Where the kubelet's API listens and the API server finds it: the node's address, or its stand-in on the loopback range.

        The node agent publishes it as the Node's address of type ``Hostname``.
        """
        return self.node_ip if self is Layout.NAMESPACED else "127.0.0.1"


@dataclass(frozen=True)
class SandboxPaths:
    """Where the sandbox keeps its files.

    Attributes:
        root: ``oamkit.paths.data() / "sandbox"``.
    """

    root: Path

    @property
    def pki(self) -> Path:
        """Keys and certificates; mode 0700."""
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        """The cluster's objects."""
        return self.root / "etcd"

    @property
    def logs(self) -> Path:
        """A log for each component."""
        return self.root / "logs"

    @property
    def pods(self) -> Path:
        """A folder for each Pod, by UID."""
        return self.root / "pods"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for people; mode 0600."""
        return self.root / "kubeconfig"

    @property
    def state(self) -> Path:
        """What runs: process ids, ports, layout (see :mod:`oamkit.sandbox.state`)."""
        return self.root / "state.json"

    @property
    def node_config(self) -> Path:
        """The :class:`NodeConfig` of the node agent."""
        return self.root / "node.json"

    @property
    def lock(self) -> Path:
        """Held while the sandbox is started or stopped."""
        return self.root / "lock"


@dataclass(frozen=True)
class NodeConfig:
    """What the node agent is started with (``python -m oamkit.sandbox.agent CONFIG``).

    Attributes:
        layout: How Pods are kept apart.
        node_name: ``metadata.name`` of the Node.
        node_ip: ``InternalIP`` of the Node, where the kubelet's API listens.
        kubelet_port: Port of the kubelet's API.
        kubeconfig: Kubeconfig of user ``system:node:<node_name>`` in group ``system:nodes``.
        serving_cert: The kubelet API's certificate.
        serving_key: Its key.
        client_ca: The CA whose clients may use the kubelet's API; the API server's client has the name ``client_name``.
        client_name: The common name of the API server's kubelet client.
        pods_dir: :attr:`SandboxPaths.pods`.
        images_dir: The image store (:class:`oamkit.images.ImageStore`).
        api_address: ``host:port`` at which the agent and Pods' Service ``kubernetes`` reach the API server directly.
        pod_cidr: Range of Pod addresses.
        service_cidr: Range of ClusterIPs.
        dns_ip: ClusterIP of the name server.
        cluster_domain: Its domain.
    """

    layout: Layout
    node_name: str
    node_ip: str
    kubelet_port: int
    kubeconfig: Path
    serving_cert: Path
    serving_key: Path
    client_ca: Path
    client_name: str
    pods_dir: Path
    images_dir: Path
    api_address: str
    pod_cidr: str = POD_CIDR
    service_cidr: str = ""
    dns_ip: str = ""
    cluster_domain: str = CLUSTER_DOMAIN

    def write(self, path: Path) -> None:
        """Write it as JSON, with mode 0600."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), default=str, indent=2))

    @classmethod
    def read(cls, path: Path) -> NodeConfig:
        """Read what :meth:`write` wrote."""
        values = json.loads(path.read_text())
        paths = ("kubeconfig", "serving_cert", "serving_key", "client_ca", "pods_dir", "images_dir")
        values.update({name: Path(values[name]) for name in paths})
        return cls(**{**values, "layout": Layout(values["layout"])})
