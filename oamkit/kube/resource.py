"""Where a kind lives in the API: group, version, plural and scope, and the URL paths that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from oamkit.errors import InputError

__all__ = ["Json", "Object", "Resource", "key_of"]

Json = Any
"""Whatever ``json.loads`` may return."""

Object = dict[str, Any]
"""A Kubernetes object as plain data."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of one API version.

    Args:
        group: The API group; ``""`` is the core group.
        version: The version in the group, e.g. ``"v1"``.
        plural: The name in URLs, e.g. ``"deployments"``.
        kind: The name in objects, e.g. ``"Deployment"``.
        namespaced: Whether its objects live in namespaces.

    Example:
        >>> deployments = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
        >>> deployments.api_version
        'apps/v1'
        >>> deployments.path("shop", "cart", "scale")
        '/apis/apps/v1/namespaces/shop/deployments/cart/scale'
        >>> Resource("", "v1", "nodes", "Node", namespaced=False).path(name="n1")
        '/api/v1/nodes/n1'
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of an object, or of the collection without ``name``.

        Args:
            namespace: Its namespace; ``None`` together with no ``name`` means all namespaces.
                Cluster-wide kinds ignore it.
            name: Its name.
            subresource: E.g. ``"status"``.

        Raises:
            InputError: A namespaced object is named without its namespace.
        """
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        elif self.namespaced and name:
            raise InputError(
                f"the {self.kind} {name} needs a namespace", field="metadata.namespace"
            )
        parts.append(self.plural)
        if name:
            # RBAC names such as "system:node" keep their colon: it needs no escape in a path.
            parts.append(quote(name, safe=":"))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def key_of(obj: Object) -> tuple[str, str]:
    """The key of an object among those of its kind: namespace (``""`` if none) and name."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata.get("name", "")
