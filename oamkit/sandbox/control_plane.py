"""The sandbox's processes: what each is started with, and how one knows that it is ready.

The flags make a small control plane of the real programs: what is left out is what a single machine doesn't need (leader
election, priority and fairness, profiling, node IPAM, autoscaling, …). Nothing listens anywhere but on loopback addresses and
Unix sockets, or in the sandbox's private network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from oamkit.sandbox.config import CLUSTER_DOMAIN, INGRESS_CLASS, Layout, SandboxPaths
from oamkit.sandbox.state import COMPONENTS, Plan, write_json

__all__ = ["Component", "Ready", "components", "etcd_socket", "write_authentication"]

# By name rather than '*': those that a single node without clouds and autoscaling needs.
CONTROLLERS = (
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "replicationcontroller-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "taint-eviction-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)

# Who isn't authenticated may ask whether the server is alive, and nothing else.
AUTHENTICATION = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AuthenticationConfiguration",
    "anonymous": {
        "enabled": True,
        "conditions": [{"path": path} for path in ("/livez", "/readyz", "/healthz")],
    },
}


class Ready(StrEnum):
    """How one knows that a component is ready."""

    ETCD = "its socket answers"
    API = "/readyz answers"
    SERVICE_ACCOUNT = "the default ServiceAccount is there"
    RUNNING = "it runs"
    NODE = "its Node is Ready"
    HTTP = "it accepts connections"


@dataclass(frozen=True)
class Component:
    """A process of the sandbox.

    Attributes:
        name: One of :data:`oamkit.sandbox.state.COMPONENTS`.
        argv: The program and its arguments.
        ready: How one knows that it is ready.
        env: Additional environment: limits of Go's memory use, mostly.
        stop_seconds: How long it may take to stop before it is killed.
    """

    name: str
    argv: tuple[str, ...]
    ready: Ready
    env: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 2.0


def components(plan: Plan, program: Callable[[str], Path]) -> tuple[Component, ...]:
    """Return the processes that a plan asks for, in the order of their start.

    Args:
        plan: The layout and ports.
        program: Finds a program, e.g. :func:`oamkit.sandbox.programs.find`.

    Raises:
        MissingToolError: A program isn't installed.
    """
    makers: tuple[Callable[[Plan, Callable[[str], Path]], Component], ...] = (
        _etcd,
        _api_server,
        _controller_manager,
        _scheduler,
        _node_agent,
        _traefik,
    )
    wanted = zip(COMPONENTS, makers, strict=True)
    return tuple(make(plan, program) for name, make in wanted if name in plan.components)


def write_authentication(path: Path) -> None:
    """Write the API server's AuthenticationConfiguration."""
    write_json(path, AUTHENTICATION)


def etcd_socket(plan: Plan) -> Path:
    """Return the Unix socket of etcd's clients: it stands in a folder of mode 0700, which is what keeps others out."""
    return plan.sockets / "etcd.sock"


def _go(limit: str, gogc: int = 25) -> dict[str, str]:
    """A soft limit, and collecting earlier: together they take a fifth off the memory for a tenth more processor time."""
    return {"GOMEMLIMIT": limit, "GOGC": str(gogc)}


def _etcd(plan: Plan, program: Callable[[str], Path]) -> Component:
    paths = SandboxPaths(plan.root)
    clients = f"unix://{etcd_socket(plan)}"
    # A name, not a path: of a peer's URL etcd takes the host part for the socket, and without one listens at an abstract address,
    # which any user of the machine may connect to (unix(7)). It stands in the working folder, of mode 0700.
    peers = "unix://etcd-peer.sock"
    argv = [
        str(program("etcd")),
        "--name=sandbox",
        f"--data-dir={paths.etcd}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=sandbox={peers}",
        "--log-level=warn",
        "--log-format=console",
        # A log that is short is read fast at the next start; there are no peers that might lag behind.
        "--snapshot-count=2000",
        # Each heartbeat wakes an idle machine; the timeout, of five at least, is what a start waits for at most.
        "--heartbeat-interval=50",
        "--election-timeout=250",
    ]
    if plan.fast:
        argv.append("--unsafe-no-fsync")
    return Component("etcd", tuple(argv), Ready.ETCD, _go("120MiB"))


def _api_server(plan: Plan, program: Callable[[str], Path]) -> Component:
    paths = SandboxPaths(plan.root)
    pki, layout = paths.pki, plan.layout
    # Pods reach it by the node's address, which is in a network that nobody outside sees.
    bind = "0.0.0.0" if layout is Layout.NAMESPACED else "127.0.0.1"  # noqa: S104
    argv = (
        str(program("kube-apiserver")),
        f"--etcd-servers=unix://{etcd_socket(plan)}",
        f"--bind-address={bind}",
        f"--secure-port={plan.ports.api}",
        # The endpoint of the Service 'kubernetes': loopback addresses are refused there.
        f"--advertise-address={layout.node_ip}",
        f"--service-cluster-ip-range={layout.service_cidr}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--authentication-config={paths.root / 'authentication.json'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet.key'}",
        # The node agent publishes the address where it listens as 'Hostname': Layout.kubelet_host.
        "--kubelet-preferred-address-types=Hostname,InternalIP",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={pki / 'sa.key'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--allow-privileged=true",
        "--enable-priority-and-fairness=false",
        "--event-ttl=30m",
        "--profiling=false",
        "--shutdown-watch-termination-grace-period=0s",
        # Only together: the second needs the first.
        "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
    )
    return Component("kube-apiserver", argv, Ready.API, _go("220MiB"))


def _controller_manager(plan: Plan, program: Callable[[str], Path]) -> Component:
    pki = SandboxPaths(plan.root).pki
    argv = (
        str(program("kube-controller-manager")),
        f"--kubeconfig={pki / 'controller-manager.kubeconfig'}",
        f"--controllers={','.join(CONTROLLERS)}",
        # Each controller under its own service account: the roles that Kubernetes ships are made for those.
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        # People's certificates: whoever's request was approved becomes a user of the cluster.
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--leader-elect=false",
        "--profiling=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--enable-dynamic-provisioning=false",
    )
    return Component("kube-controller-manager", argv, Ready.SERVICE_ACCOUNT, _go("120MiB"))


def _scheduler(plan: Plan, program: Callable[[str], Path]) -> Component:
    pki = SandboxPaths(plan.root).pki
    argv = (
        str(program("kube-scheduler")),
        f"--kubeconfig={pki / 'scheduler.kubeconfig'}",
        "--leader-elect=false",
        "--profiling=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )
    return Component("kube-scheduler", argv, Ready.RUNNING, _go("80MiB"))


def _node_agent(plan: Plan, _: Callable[[str], Path]) -> Component:
    config = SandboxPaths(plan.root).node_config
    argv = (sys.executable, "-m", "oamkit.sandbox.agent", str(config))
    return Component("node-agent", argv, Ready.NODE)


def _traefik(plan: Plan, program: Callable[[str], Path]) -> Component:
    argv = [
        str(program("traefik")),
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
        "--api=false",
        f"--entrypoints.web.address=127.0.0.1:{plan.ports.http}/tcp",
        f"--entrypoints.websecure.address=127.0.0.1:{plan.ports.https}/tcp",
        "--entrypoints.websecure.http.tls=true",
        "--entrypoints.web.transport.lifecycle.gracetimeout=1s",
        "--entrypoints.websecure.transport.lifecycle.gracetimeout=1s",
        "--providers.kubernetesingress=true",
        f"--providers.kubernetesingress.ingressclass={INGRESS_CLASS}",
        "--providers.kubernetesingress.ingressendpoint.hostname=localhost",
        "--providers.kubernetesingress.throttleduration=100ms",
        "--providers.providersthrottleduration=100ms",
    ]
    if plan.layout is Layout.LOOPBACK:
        # Pods' addresses aren't real there; ClusterIPs are, through the node agent's proxy.
        argv.append("--providers.kubernetesingress.nativelbbydefault=true")
    pki = SandboxPaths(plan.root).pki
    env = {**_go("100MiB"), "KUBECONFIG": str(pki / "traefik.kubeconfig")}
    return Component("traefik", tuple(argv), Ready.HTTP, env)
