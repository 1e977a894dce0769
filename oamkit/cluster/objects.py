"""Objects of the cluster: apply, delete, get."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import overload

from oamkit.cluster import active, kubectl, manifests
from oamkit.cluster.api import Resource
from oamkit.cluster.values import Change, Changes, Object, Objects
from oamkit.errors import ApiError, CommandError
from oamkit.show import Table

__all__ = ["apply", "delete", "get"]

_CHANGE = re.compile(
    r'^(?P<kind>[^\s/"]+)[/ ]"?(?P<name>[^\s"]+)"?\s.*?'
    r"(?P<verb>created|configured|unchanged|serverside-applied|deleted)",
)


def apply(
    source: manifests.Source, *, namespace: str = "default", timeout: float = 60.0
) -> Changes:
    """Bring objects into the state that is written down, by ``kubectl apply``.

    Args:
        source: A file, a folder of files, an object, or several objects.
        namespace: For objects that name none.
        timeout: Seconds.

    Returns:
        What changed; applying the same again leaves everything ``unchanged``.

    Raises:
        InputError: A file isn't there, isn't YAML, or holds no Kubernetes object.
        CommandError: The cluster refused an object.

    Example::

        apply("flask-demo/config/")
        apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    """
    found = manifests.load(source)
    arguments, text = _files(source, found)
    done = kubectl.run(["apply", *arguments, *_namespace(namespace)], timeout=timeout, input=text)
    return Changes(_changes(done.stdout))


def delete(
    source: manifests.Source, *, namespace: str = "default", timeout: float = 90.0
) -> Changes:
    """Delete objects and wait until they are gone, by ``kubectl delete``.

    Args:
        source: A file, a folder of files, an object, or several objects.
        namespace: For objects that name none.
        timeout: Seconds.

    Returns:
        What was deleted; objects that weren't there are no error.

    Raises:
        InputError: A file isn't there, isn't YAML, or holds no Kubernetes object.
        CommandError: An object couldn't be deleted in time.
    """
    found = manifests.load(source)
    arguments, text = _files(source, found)
    namespaces = {manifest.identity[2] or namespace for manifest in found}
    if text is not None and len(namespaces) == 1:  # as a person would type it
        arguments, text = [_full_name(manifest) for manifest in found], None
        namespace = namespaces.pop()
    argv = ["delete", *arguments, "--ignore-not-found", *_namespace(namespace)]
    try:
        done = kubectl.run(argv, timeout=timeout, input=text)
    except CommandError as error:
        gone = ("no matches for kind", "the server doesn't have a resource type")
        if not any(sign in error.stderr for sign in gone):
            raise
        # A kind that the cluster no longer serves has no objects left.
        return Changes((), empty="Nothing to delete: the cluster doesn't serve these kinds.")
    return Changes(_changes(done.stdout), empty="Nothing to delete.")


@overload
def get(kind: str, name: str, *, namespace: str = "default") -> Object: ...


@overload
def get(kind: str, *, namespace: str = "default", labels: str = "") -> Objects: ...


def get(
    kind: str, name: str | None = None, *, namespace: str = "default", labels: str = ""
) -> Object | Objects:
    """Read an object, or all of a kind.

    Args:
        kind: Any name that kubectl understands, e.g. ``"deployment"``, ``"deploy"``, ``"appconfig"``.
        name: Its name; all objects of the kind by default.
        namespace: Ignored for kinds without one.
        labels: A label selector, e.g. ``"app=web"``.

    Raises:
        InputError: The cluster serves no such kind.
        ApiError: There is no object of that name (``status`` 404), or the API refused.
        ClusterError: There is no cluster, or it doesn't answer.
    """
    api = active.api()
    try:
        return _read(api.resource(kind), name, namespace, labels)
    except ApiError as error:
        if error.status != 404 or error.reason:
            raise
        # The server knows no such path: the kind has gone since we asked which there are.
        api.resources()
        return _read(api.resource(kind), name, namespace, labels)


def _read(resource: Resource, name: str | None, namespace: str, labels: str) -> Object | Objects:
    if name is None:
        return _list(resource, namespace, labels)
    try:
        return Object(active.api().request("GET", resource.path(namespace, name)))
    except ApiError as error:
        if error.status != 404 or not error.reason:
            raise
        there = ", ".join(_list(resource, namespace, "").names) or "none at all"
        place = f" in namespace {namespace!r}" if resource.namespaced else ""
        raise ApiError(
            f"There is no {resource.kind} {name!r}{place}.",
            status=404,
            reason=error.reason,
            details=error.details,
            hint=f"There is: {there}.",
        ) from error


def _list(resource: Resource, namespace: str, labels: str) -> Objects:
    query = {"labelSelector": labels} if labels else {}
    query["includeObject"] = "Object"
    answer = active.api().request(
        "GET",
        resource.path(namespace),
        query=query,
        accept="application/json;as=Table;g=meta.k8s.io;v=v1,application/json",
    )
    shown = [
        (index, column["name"].upper())
        for index, column in enumerate(answer["columnDefinitions"])
        if column.get("priority", 0) == 0
    ]
    rows = answer.get("rows") or []
    table = Table(
        columns=tuple(name for _, name in shown),
        rows=tuple(tuple(str(row["cells"][index]) for index, _ in shown) for row in rows),
        empty=f"No {resource.plural} found.",
        verbatim=True,
    )
    return Objects(tuple(Object(row["object"]) for row in rows), table)


def _files(
    source: manifests.Source, found: Iterable[manifests.Manifest]
) -> tuple[list[str | Path], str | None]:
    if isinstance(source, str | Path):
        return ["-f", source], None
    items = [dict(manifest.object) for manifest in found]
    return ["-f", "-"], json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _full_name(manifest: manifests.Manifest) -> str:
    """Return what kubectl calls an object, e.g. ``"deployment.apps/web"``."""
    version, kind, _, name = manifest.identity
    group, _, _ = version.rpartition("/")
    return f"{kind.lower()}.{group}/{name}" if group else f"{kind.lower()}/{name}"


def _namespace(namespace: str) -> list[str]:
    return [] if namespace == "default" else ["--namespace", namespace]


def _changes(output: str) -> tuple[Change, ...]:
    matches = (_CHANGE.match(line) for line in output.splitlines())
    return tuple(Change(f"{m['kind']}/{m['name']}", m["verb"]) for m in matches if m)
