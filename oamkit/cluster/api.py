"""A synchronous client of the cluster's API, for objects of any kind.

The official client reads the kubeconfig and makes the TLS connections; on top of it we speak plain JSON, because a course on
OAM works with kinds that no client library has classes for. Its dynamic client asks for one document per API group and keeps
them in a file below ``/tmp`` that outlives the cluster; aggregated discovery (https://kep.k8s.io/3352) needs two requests.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from oamkit.errors import ApiError, ClusterError, InputError

__all__ = ["Api", "Json", "Resource", "connect"]

Json = Any
"""Whatever ``json.loads`` may return."""

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class Resource:
    """A kind that the cluster serves.

    Attributes:
        group: Its API group; ``""`` for the core group.
        version: The version that the server prefers.
        plural: Its name in URLs.
        kind: Its name in objects.
        namespaced: Whether its objects live in namespaces.
        names: All lower-case names that kubectl knows it by.
        verbs: What can be done with its objects, e.g. ``"delete"``.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    names: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()

    def path(self, namespace: str, name: str = "") -> str:
        """Return the URL path of an object, or of all of them without ``name``."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{root}{place}/{self.plural}" + (f"/{name}" if name else "")

    @property
    def full_name(self) -> str:
        """What kubectl prints before the slash, e.g. ``"deployment.apps"``."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()


class Api:
    """A connection to one cluster; safe for several threads.

    Args:
        kubeconfig: The file that says where the cluster is and who we are.

    Raises:
        ClusterError: The file can't be used.
    """

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                str(kubeconfig), client_configuration=configuration
            )
        except (config.ConfigException, OSError) as error:
            raise ClusterError(
                f"The kubeconfig {kubeconfig} can't be used: {error}",
                hint="Run cluster.ensure(): it makes the cluster and its kubeconfig.",
                code="kubeconfig",
            ) from error
        if _is_loopback(configuration.host):
            configuration.proxy = None  # a proxy can't reach our own loopback
        self._client = client.ApiClient(configuration)
        self._host = configuration.host.rstrip("/")
        self._resources: tuple[Resource, ...] = ()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        timeout: float = 15.0,
    ) -> dict[str, Any]:
        """Send a request and return the JSON of the answer.

        Args:
            method: ``"GET"``, ``"POST"``, ``"PATCH"``, ``"PUT"`` or ``"DELETE"``.
            path: E.g. ``"/apis/apps/v1/namespaces/default/deployments"``.
            query: Query parameters.
            body: What is sent as JSON.
            accept: The ``Accept`` header.
            content_type: The ``Content-Type`` header.
            timeout: Seconds for connecting and for each read.

        Raises:
            ApiError: The API refused.
            ClusterError: The API can't be reached.
        """
        import urllib3

        headers = {"Accept": accept, "Content-Type": content_type}
        for setting in self._client.configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        url = self._host + path + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._client.rest_client.pool_manager.request(
                method,
                url,
                headers=headers,
                body=None if body is None else json.dumps(body),
                timeout=timeout,
                retries=urllib3.Retry(connect=1, read=0, redirect=0, other=0),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterError(
                f"The cluster's API at {self._host} doesn't answer: {error}",
                hint="Run cluster.ensure(): it starts the cluster if it doesn't run.",
                code="unreachable",
            ) from error
        document = _json(answer.data)
        if answer.status >= 400:
            raise ApiError(
                document.get("message") or f"{method} {path} was answered with {answer.status}.",
                status=answer.status,
                reason=document.get("reason", ""),
                details=document.get("details"),
            )
        return document

    def resource(self, kind: str) -> Resource:
        """Return the kind of a name that kubectl would understand.

        Args:
            kind: E.g. ``"Deployment"``, ``"deploy"``, ``"deployments.apps"``, ``"appconfig"``; lower or upper case.

        Raises:
            InputError: The cluster serves no such kind.
        """
        wanted = kind.lower()
        for fresh in (False, True):  # a CRD may have been added since we asked
            if fresh or not self._resources:
                self._resources = tuple(self._discover())
            for resource in self._resources:
                if wanted in resource.names:
                    return resource
        raise InputError(
            f"the cluster serves no kind {kind!r}",
            field="kind",
            hint="kubectl('api-resources') lists the kinds. Kinds of OAM come with its runtime: install that first.",
        )

    def resources(self) -> tuple[Resource, ...]:
        """Return all kinds that the cluster serves now."""
        self._resources = tuple(self._discover())
        return self._resources

    def close(self) -> None:
        """Close the connections. The next request opens new ones."""
        self._client.rest_client.pool_manager.clear()

    def _discover(self) -> Iterator[Resource]:
        for path in ("/api", "/apis"):
            for group in self.request("GET", path, accept=DISCOVERY).get("items", []):
                seen: set[str] = set()
                for version in group["versions"]:  # the preferred one comes first
                    for item in version.get("resources", []):
                        if item["resource"] not in seen:
                            seen.add(item["resource"])
                            yield _resource(group["metadata"].get("name", ""), version, item)


def _resource(group: str, version: Mapping[str, Any], item: Mapping[str, Any]) -> Resource:
    kind = (item.get("responseKind") or {}).get("kind", "")
    bare = {item["resource"], item.get("singularResource") or kind.lower(), kind.lower()}
    names = bare | set(item.get("shortNames") or ())
    if group:
        names |= {f"{name}.{group}" for name in bare}
    return Resource(
        group=group,
        version=version["version"],
        plural=item["resource"],
        kind=kind,
        namespaced=item.get("scope") == "Namespaced",
        names=frozenset(names),
        verbs=frozenset(item.get("verbs") or ()),
    )


def _json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        return {"message": data.decode(errors="replace").strip()}
    return document if isinstance(document, dict) else {"items": document}


def _is_loopback(host: str) -> bool:
    name = urlsplit(host).hostname or ""
    return name in ("localhost", "::1") or name.startswith("127.")


_lock = threading.Lock()
_connections: dict[tuple[str, int], Api] = {}


def connect(kubeconfig: Path) -> Api:
    """Return the connection for a kubeconfig; one for each content of the file, since a new cluster has new certificates."""
    try:
        key = (str(kubeconfig), kubeconfig.stat().st_mtime_ns)
    except OSError as error:
        raise ClusterError(
            f"There is no kubeconfig {kubeconfig}.",
            hint="Run cluster.ensure(): it makes the cluster and its kubeconfig.",
            code="kubeconfig",
        ) from error
    with _lock:
        if key not in _connections:
            for old in [known for known in _connections if known[0] == key[0]]:
                _connections.pop(old).close()
            _connections[key] = Api(kubeconfig)
        return _connections[key]
