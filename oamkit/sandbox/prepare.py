"""What must be there before the daemon starts: folders, ports, certificates and configuration files."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oamkit import paths as places
from oamkit.errors import InputError, SandboxError
from oamkit.sandbox import ports
from oamkit.sandbox.config import KUBELET_CLIENT, NODE_NAME, Layout, NodeConfig, SandboxPaths
from oamkit.sandbox.control_plane import write_authentication
from oamkit.sandbox.kubeconfig import write_kubeconfig
from oamkit.sandbox.pki import Pki, leaves
from oamkit.sandbox.probe import namespaces_refused
from oamkit.sandbox.state import Plan, Ports, State

__all__ = [
    "best_layout",
    "check_layout",
    "folders",
    "listeners",
    "plan",
    "unwritable",
    "write_credentials",
    "write_files",
]

NEEDED_BYTES = 200 * 2**20
KUBELET_PORT, OTHER_KUBELET_PORT = 10250, 10260


def folders(paths: SandboxPaths, *, running: bool) -> None:
    """Make the sandbox's folders, with mode 0700, and see that there is room in them.

    Args:
        paths: Where they are.
        running: Whether the sandbox runs already: then it has what it needs.

    Raises:
        SandboxError: They can't be made, or the disk is full.
    """
    try:
        for folder in (paths.root, paths.pki, paths.etcd, paths.logs, paths.pods):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        free = shutil.disk_usage(paths.root).free
    except OSError as error:
        raise unwritable(paths.root, error) from error
    if free < NEEDED_BYTES and not running:
        raise SandboxError(
            f"{paths.root} has only {free // 2**20} MB of disk left; the sandbox needs {NEEDED_BYTES // 2**20} MB.",
            hint="Make room, or let OAMKIT_HOME name a folder on another disk.",
            code="sandbox-disk-full",
        )


LAYOUT_VARIABLE = "OAMKIT_SANDBOX_LAYOUT"


def best_layout() -> Layout:
    """Return the layout that ``OAMKIT_SANDBOX_LAYOUT`` names, or else the one that keeps Pods apart as well as this machine allows.

    Raises:
        InputError: There is no layout of that name.
    """
    named = os.environ.get(LAYOUT_VARIABLE, "")
    if named:
        if named not in list(Layout):
            raise InputError(
                f"expected one of {', '.join(Layout)}, got {named!r}", field=LAYOUT_VARIABLE
            )
        return Layout(named)
    return Layout.LOOPBACK if namespaces_refused() is not None else Layout.NAMESPACED


def check_layout(paths: SandboxPaths, last: State | None, layout: Layout) -> None:
    """See that the objects that are there fit a layout: their ClusterIPs are of its range.

    Raises:
        SandboxError: They were made in the other layout.
    """
    if last is not None and last.layout is not layout and any(paths.etcd.iterdir()):
        raise SandboxError(
            f"The sandbox was made in the layout '{last.layout}', and this machine now asks for '{layout}'.",
            hint="Run 'oamkit sandbox reset': it deletes what is in the sandbox. Or allow namespaces again ('oamkit doctor').",
            code="sandbox-layout-changed",
        )


def listeners(
    asked: Mapping[str, int | None],
    last: Ports | None,
    layout: Layout,
    stack: contextlib.ExitStack,
) -> dict[str, socket.socket]:
    """Open the listeners on the host's loopback address, by name; see :mod:`oamkit.sandbox.ports`.

    The usual ports are below 32768, where Linux begins to give ports to outgoing connections (``ip_local_port_range``): a port
    of those may be taken for a moment just when the sandbox is to have it again.

    Args:
        asked: The ports that a person asked for.
        last: The ports of last time.
        layout: The layout; in the namespaced one the kubelet's API isn't seen from the host.
        stack: Closes them.

    Raises:
        SandboxError: A port that was asked for can't be taken.
    """
    wanted: list[tuple[str, str, list[int]]] = [
        ("api", "the Kubernetes API", [6443, 16443, 26443]),
        ("http", "HTTP", [80, 8080, 18080, 28080]),
        ("https", "HTTPS", [443, 8443, 18443, 28443]),
    ]
    if layout is Layout.LOOPBACK:
        wanted.append(("kubelet", "the node agent", [KUBELET_PORT, 20250, 30250]))
    before: dict[str, Any] = dataclasses.asdict(last) if last else {}
    return {
        name: stack.enter_context(
            ports.listen(words, asked=asked.get(name), last=before.get(name), usual=usual)
        )
        for name, words, usual in wanted
    }


def plan(
    paths: SandboxPaths,
    layout: Layout,
    *,
    listeners: Mapping[str, socket.socket],
    fast: bool,
    components: tuple[str, ...],
) -> Plan:
    """Return what the daemon is to be started with."""
    numbers = {name: int(each.getsockname()[1]) for name, each in listeners.items()}
    if layout is Layout.NAMESPACED:
        taken = KUBELET_PORT in numbers.values()
        numbers["kubelet"] = OTHER_KUBELET_PORT if taken else KUBELET_PORT
    inherited = {int(each.getsockname()[1]): each.fileno() for each in listeners.values()}
    return Plan(
        root=paths.root,
        sockets=places.runtime(),
        images=places.data() / "images",
        layout=layout,
        ports=Ports(**numbers),
        listeners=inherited if layout is Layout.NAMESPACED else {},
        fast=fast,
        components=components,
    )


def write_files(plan: Plan) -> None:
    """Write certificates, kubeconfigs and the components' configuration files.

    Raises:
        OSError: They can't be written.
    """
    paths = SandboxPaths(plan.root)
    write_credentials(paths, plan.layout, plan.ports)
    write_authentication(paths.root / "authentication.json")
    pki = Pki(paths.pki)
    NodeConfig(
        layout=plan.layout,
        node_name=NODE_NAME,
        node_ip=plan.layout.node_ip,
        kubelet_port=plan.ports.kubelet,
        kubeconfig=paths.pki / "node.kubeconfig",
        serving_cert=pki.cert("kubelet"),
        serving_key=pki.key("kubelet"),
        client_ca=pki.ca,
        client_name=KUBELET_CLIENT,
        pods_dir=paths.pods,
        images_dir=plan.images,
        api_address=f"{ports.HOST}:{plan.ports.api}",
        service_cidr=plan.layout.service_cidr,
        dns_ip=plan.layout.dns_ip,
    ).write(paths.node_config)


def write_credentials(paths: SandboxPaths, layout: Layout, at: Ports) -> tuple[str, ...]:
    """Write certificates and kubeconfigs, as far as they are missing, end soon or don't fit; return the certificates' names.

    Raises:
        OSError: They can't be written.
    """
    pki = Pki(paths.pki)
    made = pki.ensure(leaves(layout))
    server = f"https://{ports.HOST}:{at.api}"
    write_kubeconfig(paths.kubeconfig, pki, "admin", server)
    for user in ("controller-manager", "scheduler", "node", "traefik"):
        write_kubeconfig(paths.pki / f"{user}.kubeconfig", pki, user, server)
    return made


def unwritable(root: Path, error: OSError) -> SandboxError:
    """Return the error that says why the sandbox's folder can't be written to."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return SandboxError(
        f"The sandbox's folder {root} can't be written to: {error.strerror}.",
        hint="Make room on that disk, or let OAMKIT_HOME name a folder on another one."
        if full
        else "Give yourself access to it, or let OAMKIT_HOME name another folder.",
        code="sandbox-disk-full" if full else "sandbox-unwritable",
    )
