"""The OAM runtime's release: whether all of it is there as the chart made it, and making it so.

Helm keeps what it installed in a Secret, so the cluster itself says what must be there. Reading that takes a few requests; helm is
only called where something must be installed.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from oamkit.cluster import helm
from oamkit.cluster.api import Api, Json
from oamkit.cluster.states import holds, is_ready
from oamkit.cluster.values import Object
from oamkit.errors import ApiError, InputError, OamKitError
from oamkit.lesson import demo, leftovers

__all__ = ["State", "ensure", "look", "remove_remains", "status"]

SECONDS = 90.0
"""How long the runtime may take to get ready."""

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A lesson's start reads all kinds and objects of the chart: by libyaml that takes a tenth of the time."""

MANAGER = "helm"
"""Whose fields the repaired ones are: with another name, the next ``helm upgrade`` would find a conflict."""


@dataclass(frozen=True)
class State:
    """How the release is.

    Attributes:
        status: What helm says: ``"deployed"``, ``"pending-install"``, …; ``""`` if there is no release.
        broken: What of the release is missing or changed, as it should be.
        kinds: The kinds of the chart that are missing, or are an older release's, as their CustomResourceDefinitions.
        ready: Whether its Deployment is available.
        values: Those that differ from the chart's own, e.g. from an earlier lesson that has turned the webhooks on.
    """

    status: str
    broken: tuple[Json, ...] = ()
    kinds: tuple[Json, ...] = ()
    ready: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether nothing must be done."""
        as_it_was = self.status == "deployed" and not self.values
        return as_it_was and self.ready and not self.broken and not self.kinds


def status(api: Api) -> str:
    """Return what helm says of the release, as in :attr:`State.status`; changes nothing."""
    return _release(api)[0]


def look(api: Api) -> State:
    """Look how the release is; changes nothing."""
    said, release = _release(api)
    manifest = [each for each in yaml.load_all(release.get("manifest", ""), _YAML) if each]
    kinds = tuple(each for each in _chart_kinds() if not _is_served(api, each))
    broken = tuple(each for each in manifest if _is_broken(api, each))
    return State(said, broken, kinds, _deployment_ready(api), release.get("config") or {})


def ensure(api: Api) -> tuple[str, ...]:
    """Bring the release into the state that its chart describes. The runtime's image must be there.

    Returns:
        What had to be mended, in words; nothing where it was whole, or not there at all.

    Raises:
        OamKitError: It can't be brought into that state.
    """
    state = look(api)
    if state.whole:
        return ()
    told: list[str] = []
    if state.kinds and state.status:
        names = ", ".join(each["metadata"]["name"] for each in state.kinds)
        told.append(f"Kinds of OAM were missing or changed, and are back: {names}.")
    for each in state.kinds:
        _make_kind(api, each)
    if state.status == "deployed":
        state = look(api)
        if names := ", ".join(
            f"{each['kind']}/{each['metadata']['name']}" for each in state.broken
        ):
            told.append(f"Parts of the runtime were missing or changed, and are back: {names}.")
        try:
            for each in state.broken:
                _apply(api, each)
        except OamKitError:
            state = State("broken")
        else:
            if _becomes_ready(api, 20.0 if told else SECONDS):
                if state.values:
                    names = ", ".join(sorted(state.values))
                    told.append(
                        f"The runtime had other settings ({names}), and has the chart's own again."
                    )
                    _install()
                return tuple(told)
            told.append("The runtime didn't run, and is installed anew.")
            state = State("broken")
    elif state.status:
        told.append(f"The runtime was half installed ({state.status}), and is installed anew.")
    told += remove_remains(api, told=not state.status)
    _install()
    return tuple(told)


def _install() -> None:
    helm.install(
        demo.RELEASE, demo.CHART, namespace=demo.NAMESPACE, create_namespace=True, timeout=180
    )


def remove_remains(api: Api, *, told: bool = True) -> tuple[str, ...]:
    """Delete what is left of a release that isn't whole, without helm, which refuses to touch half a release.

    Args:
        api: The connection.
        told: Whether what is found is worth a word.
    """
    found = [
        each
        for each in leftovers.in_namespace(api, demo.NAMESPACE, ours=True)
        if not each.owned or each.resource.plural == "pods"
    ]
    for resource in api.resources():
        if resource.namespaced or not {"list", "delete"} <= resource.verbs:
            continue
        if resource.group not in (
            "rbac.authorization.k8s.io",
            "admissionregistration.k8s.io",
            leftovers.OAM,
        ):
            continue
        found += [
            leftovers.Leftover(resource, "", item["metadata"]["name"])
            for item in api.request("GET", resource.path("")).get("items") or []
            if _is_the_releases(item)
        ]
    leftovers.remove(api, found)
    if not found or not told:
        return ()
    return ("What was left of an earlier runtime is gone.",)


def _release(api: Api) -> tuple[str, Mapping[str, Any]]:
    """Return what helm says of the newest revision, and what it has written down of it."""
    path = f"/api/v1/namespaces/{demo.NAMESPACE}/secrets"
    query = {"labelSelector": f"owner=helm,name={demo.RELEASE}"}
    secrets = api.request("GET", path, query=query).get("items") or []
    if not secrets:
        return "", {}
    newest = max(secrets, key=lambda item: int(item["metadata"]["labels"].get("version", 0)))
    try:
        packed = base64.b64decode(base64.b64decode(newest["data"]["release"]))
        release = json.loads(gzip.decompress(packed))
        release["manifest"]
    except (KeyError, ValueError, OSError, EOFError):
        return "unreadable", {}
    return str(newest["metadata"]["labels"].get("status", "unknown")), release


def _chart_kinds() -> Iterator[Json]:
    for file in sorted((Path(demo.CHART) / "crds").glob("*.yaml")):
        yield yaml.load(file.read_text(encoding="utf-8"), _YAML)  # noqa: S506 - a safe loader


def _is_served(api: Api, definition: Json) -> bool:
    """Return whether a kind is served as the chart has it; one of an older release isn't."""
    found = _live(api, definition)
    if found is None or found.at("metadata.deletionTimestamp"):
        return False
    return holds(found["spec"], definition["spec"]) and is_ready(found)


def _is_broken(api: Api, wanted: Json) -> bool:
    found = _live(api, wanted)
    return found is None or bool(found.at("metadata.deletionTimestamp")) or not holds(found, wanted)


def _live(api: Api, wanted: Json) -> Object | None:
    try:
        return Object(api.request("GET", _path(api, wanted)))
    except InputError:  # its kind isn't served
        return None
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _path(api: Api, wanted: Json) -> str:
    group = wanted["apiVersion"].rpartition("/")[0]
    kind = wanted["kind"].lower()
    resource = api.resource(f"{kind}.{group}" if group else kind)
    metadata = wanted["metadata"]
    return resource.path(metadata.get("namespace") or demo.NAMESPACE, metadata["name"])


def _apply(api: Api, wanted: Json) -> None:
    if (live := _live(api, wanted)) is not None and live.at("metadata.deletionTimestamp"):
        resource = api.resource(wanted["kind"])
        namespace = demo.NAMESPACE if resource.namespaced else ""
        leftovers.remove(api, [leftovers.Leftover(resource, namespace, wanted["metadata"]["name"])])
    api.request(
        "PATCH",
        _path(api, wanted),
        query={"fieldManager": MANAGER, "force": "true"},
        body=wanted,
        content_type="application/apply-patch+yaml",
    )


def _make_kind(api: Api, definition: Json) -> None:
    """Make a CustomResourceDefinition; one that is being deleted goes first."""
    _apply(api, definition)
    deadline = time.monotonic() + 20
    while not _is_served(api, definition) and time.monotonic() < deadline:
        time.sleep(0.05)


def _deployment_ready(api: Api) -> bool:
    path = f"/apis/apps/v1/namespaces/{demo.NAMESPACE}/deployments/{demo.RUNTIME_DEPLOYMENT}"
    try:
        found = Object(api.request("GET", path))
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return is_ready(found) and found.at("status.availableReplicas", 0) > 0


def _becomes_ready(api: Api, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (ready := _deployment_ready(api)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return ready


def _is_the_releases(item: Mapping[str, Any]) -> bool:
    metadata = item["metadata"]
    labels = metadata.get("labels") or {}
    mine = labels.get("app.kubernetes.io/instance") == demo.RELEASE
    return mine or metadata["name"].partition(":")[0] == demo.RUNTIME_DEPLOYMENT
