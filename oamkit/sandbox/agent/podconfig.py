"""From a Pod to what its containers share: names, name servers, hosts; and the checks of its security context.

Sources: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ and
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from pathlib import Path

from oamkit.sandbox.agent.fields import quantity
from oamkit.sandbox.agent.model import Object, SourceMissingError
from oamkit.sandbox.config import NodeConfig
from oamkit.sandbox.cri import PodConfig

__all__ = [
    "HostResolver",
    "ignored_settings",
    "limit",
    "pod_config",
    "read_resolv_conf",
    "verify_non_root",
]

HostResolver = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Name servers, search domains and options."""


def read_resolv_conf(text: str) -> HostResolver:
    r"""Read a ``resolv.conf`` (``resolv.conf(5)``).

    Example:
        >>> read_resolv_conf("nameserver 192.0.2.1\nsearch a b\n# no\noptions ndots:2\n")
        (('192.0.2.1',), ('a', 'b'), ('ndots:2',))
    """
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if not words:
            continue
        if words[0] == "nameserver":
            servers += words[1:2]
        elif words[0] in ("search", "domain"):
            searches = tuple(words[1:])
        elif words[0] == "options":
            options += words[1:]
    return tuple(servers), searches, tuple(options)


def _dns(pod: Object, node: NodeConfig, host: HostResolver) -> HostResolver:
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    servers: tuple[str, ...]
    searches: tuple[str, ...]
    options: tuple[str, ...]
    if policy == "None":
        servers, searches, options = (), (), ()
    elif policy == "Default":
        servers, searches, options = host
    else:
        domain = node.cluster_domain
        namespace = pod["metadata"]["namespace"]
        servers = (node.dns_ip,)
        searches = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain, *host[1])
        options = ("ndots:5",)
    extra = spec.get("dnsConfig") or {}
    merged = {option.partition(":")[0]: option for option in options}
    for option in extra.get("options") or []:
        value = option.get("value")
        merged[option["name"]] = option["name"] + (f":{value}" if value else "")
    return (
        tuple(dict.fromkeys((*servers, *(extra.get("nameservers") or ())))),
        tuple(dict.fromkeys((*searches, *(extra.get("searches") or ())))),
        tuple(merged.values()),
    )


def limit(container: Object, resource: str) -> float | None:
    """Return a container's limit of a resource in its base unit; ``None`` if there's none."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return float(quantity(limits[resource])) if resource in limits else None


def _memory_limit(pod: Object) -> int | None:
    own = limit(pod["spec"], "memory")
    if own is not None:
        return int(own)
    limits = [limit(container, "memory") for container in pod["spec"]["containers"]]
    return None if None in limits else int(sum(value or 0 for value in limits))


def pod_config(pod: Object, node: NodeConfig, directory: Path, host: HostResolver) -> PodConfig:
    """Return what the runtime sets up a Pod from.

    Args:
        pod: The Pod.
        node: The node's names and addresses.
        directory: The Pod's own folder.
        host: The machine's own resolver.
    """
    spec, meta = pod["spec"], pod["metadata"]
    hostname = str(spec.get("hostname") or meta["name"])[:63].rstrip("-.")
    if spec.get("setHostnameAsFQDN") and spec.get("subdomain"):
        hostname = f"{hostname}.{spec['subdomain']}.{meta['namespace']}.svc.{node.cluster_domain}"
    servers, searches, options = _dns(pod, node, host)
    return PodConfig(
        uid=meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        hostname=hostname,
        directory=directory,
        host_network=bool(spec.get("hostNetwork")),
        nameservers=servers,
        searches=searches,
        dns_options=options,
        hosts={a["ip"]: tuple(a.get("hostnames") or ()) for a in spec.get("hostAliases") or []},
        memory_limit=_memory_limit(pod),
    )


def _setting(pod: Object, container: Object, name: str) -> object:
    own = (container.get("securityContext") or {}).get(name)
    return own if own is not None else (pod["spec"].get("securityContext") or {}).get(name)


def verify_non_root(pod: Object, container: Object, image_user: str) -> None:
    """Refuse a container that promises not to run as root, but would (the kubelet's rule for ``runAsNonRoot``).

    Args:
        pod: The Pod.
        container: The container's spec.
        image_user: ``USER`` of the image.

    Raises:
        SourceMissingError: It would run as root, or nobody can tell.
    """
    if not _setting(pod, container, "runAsNonRoot"):
        return
    uid = _setting(pod, container, "runAsUser")
    if uid is not None:
        if uid == 0:
            raise SourceMissingError("container's runAsUser breaks non-root policy")
        return
    user = image_user.partition(":")[0]
    if user.isdigit() and int(user) > 0:
        return
    if user in ("", "root") or user.isdigit():
        raise SourceMissingError("container has runAsNonRoot and image will run as root")
    raise SourceMissingError(
        f"container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root"
    )


def ignored_settings(pod: Object) -> list[str]:
    """Return the settings of a Pod that have no effect on processes, for an event that says so."""
    ignored = []
    if pod["spec"].get("hostPID") or pod["spec"].get("hostIPC"):
        ignored.append("hostPID/hostIPC")
    names = (
        "runAsUser",
        "runAsGroup",
        "fsGroup",
        "privileged",
        "capabilities",
        "seccompProfile",
        "appArmorProfile",
    )
    contexts = [pod["spec"].get("securityContext") or {}]
    contexts += [c.get("securityContext") or {} for c in pod["spec"]["containers"]]
    ignored += [name for name in names if any(context.get(name) for context in contexts)]
    return ignored
