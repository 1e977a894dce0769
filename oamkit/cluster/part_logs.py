"""The last lines that a part of the cluster wrote, wherever its provider keeps them."""

from __future__ import annotations

from oamkit.cluster import active
from oamkit.errors import InputError, OamKitError
from oamkit.provider import ProviderName

__all__ = ["PARTS", "tail"]

PARTS = ("kube-apiserver", "node", "runtime", "ingress")

_SANDBOX = {"kube-apiserver": "kube-apiserver", "node": "node-agent", "ingress": "traefik"}
_PODS = {"kube-apiserver": ("kube-apiserver",), "node": ("kube-proxy",), "ingress": ("traefik", "ingress"),
         "runtime": ("oam-kubernetes-runtime",)}  # fmt: skip
"""What the names of their Pods contain, where the cluster runs its parts as Pods."""


def tail(part: str, *, lines: int = 60) -> str:
    """Return the last lines of a part's log.

    Args:
        part: One of :data:`PARTS`.
        lines: How many.

    Raises:
        InputError: There is no such part.
        OamKitError: Its log can't be read.
    """
    if part not in PARTS:
        raise InputError(f"expected one of {', '.join(PARTS)}, got {part!r}", field="part")
    if part in _SANDBOX and active.provider().name is ProviderName.SANDBOX:
        from oamkit.sandbox.lifecycle import Sandbox

        return "\n".join([*Sandbox().logs(_SANDBOX[part])][-lines:])
    return _of_pod(part, lines)


def _of_pod(part: str, lines: int) -> str:
    api = active.api()
    for pod in api.request("GET", "/api/v1/pods")["items"]:
        metadata = pod["metadata"]
        if any(word in metadata["name"] for word in _PODS[part]):
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
            answer = api.request("GET", path, query={"tailLines": str(lines)}, accept="*/*")
            return str(answer.get("message", ""))
    raise OamKitError(
        f"No Pod of this cluster looks like its {part}.", hint="Its log is kept somewhere else."
    )
