"""What checks read off Pods."""

from __future__ import annotations

from oamkit.cluster import active
from oamkit.cluster.values import Object
from oamkit.errors import ApiError

__all__ = ["page", "problem", "ready"]


def ready(pod: Object) -> bool:
    """Tell whether a Pod is ready."""
    conditions = pod.at("status.conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def problem(pod: Object) -> str:
    """Return why a Pod's first container doesn't run, as the node says it; ``""`` if it does.

    Example:
        >>> waiting = {"waiting": {"reason": "ErrImagePull"}}
        >>> problem(Object({"status": {"containerStatuses": [{"state": waiting}]}}))
        'ErrImagePull'
    """
    state = pod.at("status.containerStatuses[0].state") or {}
    for kind in ("waiting", "terminated"):
        if kind in state:
            return str(state[kind].get("reason", kind))
    return "" if state else str(pod.at("status.phase", "Pending"))


def page(pod: str, path: str = "/", *, namespace: str = "default", port: int = 80) -> str:
    """Ask a Pod for a page, through the API server.

    Args:
        pod: Its name.
        path: The page's path.
        namespace: Where the Pod is.
        port: Its port.

    Returns:
        The page's text; ``""`` if the Pod doesn't give one.
    """
    url = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}"
    try:
        answer = active.api().request("GET", url)
    except ApiError:
        return ""
    return str(answer.get("message", answer))
