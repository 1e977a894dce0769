"""The cluster of the course: make it, look at it, bring images to it, delete it.

Where it runs is :mod:`oamkit.provider`'s choice; all verbs can be called again, and do only what is missing.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from oamkit.cluster import active, kit
from oamkit.cluster.base import ClusterStatus, Deleted, LoadedImage, Part
from oamkit.errors import ApiError, InputError

__all__ = [
    "ClusterStatus",
    "Deleted",
    "LoadedImage",
    "Part",
    "delete",
    "ensure",
    "export_logs",
    "load_image",
    "openapi",
    "status",
    "url",
]


def ensure(provider: str | None = None) -> ClusterStatus:
    """Make the cluster or start it, whichever is needed, and wait until it is usable.

    Args:
        provider: ``"sandbox"``, ``"kind"`` or ``"kubeconfig"``; chosen by looking at this machine by default. Every later verb of
            this process works with the same one.

    Returns:
        The cluster and how it is; ``changed`` tells whether it had to be made or started.

    Raises:
        ClusterError: It can't be made or reached.
        MissingToolError: A program that it needs isn't installed.
        InputError: There is no provider of that name.
    """
    return active.provider(provider).ensure()


def delete() -> Deleted:
    """Delete the cluster with all that is in it. That it isn't there is no error.

    Raises:
        ClusterError: It isn't ours to delete (provider ``kubeconfig``), or can't be stopped.
    """
    return active.provider().delete()


def load_image(tag: str) -> LoadedImage:
    """Bring an image to the cluster's nodes, so that Pods can be made of it.

    Args:
        tag: The image's name, e.g. ``"flask-sample:v1"``.

    Raises:
        ImageError: There is no such image: build it first.
        ClusterError: There is no cluster.
    """
    return active.provider().load_image(tag)


def openapi(api_version: str) -> dict[str, Any]:
    """Return how the cluster itself describes the kinds of an API group in one version: OpenAPI v3.

    Args:
        api_version: E.g. ``"apps/v1"`` or ``"v1"``.

    Raises:
        InputError: The cluster doesn't serve it.
        ClusterError: There is no cluster.

    Example::

        cue.from_openapi(cluster.openapi("apps/v1"), "Deployment")
    """
    place = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
    try:
        return active.api().request("GET", f"/openapi/v3/{place}")
    except ApiError as error:
        if error.status != 404:
            raise
        raise InputError(
            f"the cluster serves no {api_version}",
            field="api_version",
            hint="kubectl('api-versions') lists what it serves.",
        ) from error


def export_logs(folder: str | Path | None = None) -> Path:
    """Write the logs of the cluster's parts to a folder, for you or for somebody whom you ask for help.

    Args:
        folder: The folder; a new one below ``build/logs`` of the checkout by default.

    Returns:
        The folder.

    Raises:
        ClusterError: There is no cluster.
        CommandError: The logs can't be had.
    """
    place = (
        Path(folder) if folder else kit.root() / "build" / "logs" / time.strftime("%Y%m%d-%H%M%S")
    )
    place.mkdir(parents=True, exist_ok=True)
    return active.provider().export_logs(place)


def status() -> ClusterStatus:
    """Look how the cluster is; changes nothing."""
    return active.provider().status()


def url(path: str = "/") -> str:
    """Return where a path of the cluster's Ingress is.

    Args:
        path: The path.

    Raises:
        ClusterError: There is no cluster.
    """
    return active.provider().url() + "/" + path.lstrip("/")
