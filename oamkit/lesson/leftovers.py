"""What earlier lessons, and their learners, have left in the cluster: found, deleted, and freed where its deletion is stuck.

On a cluster that the kit made, the namespace ``default`` is the learner's: whatever is in it goes. On any other cluster only what
belongs to OAM and to the demo goes. Outside that namespace only what can be told to be the course's goes: definitions that no chart
brought, what has the label ``oamkit.dev/lesson``, bindings of roles to people, and webhooks that nobody answers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from oamkit.cluster.api import Api, Json, Resource
from oamkit.errors import ApiError, ClusterError

__all__ = ["LABEL", "Leftover", "free", "in_cluster", "in_namespace", "remove", "terminating"]

LABEL = "oamkit.dev/lesson"
"""What a lesson makes outside the namespace ``default`` has this label, with the lesson's number."""

PATIENCE = 3.0
"""Seconds that whoever put a finalizer on an object has for taking it off again, once the object is deleted."""

DEADLINE = 60.0

OAM = "core.oam.dev"

_KEPT = {
    ("", "services", "kubernetes"),
    ("", "configmaps", "kube-root-ca.crt"),
    ("", "serviceaccounts", "default"),
}
"""What Kubernetes itself keeps in every namespace, or in ``default``."""

_OF_THE_CLUSTER = ("system:", "kubeadm:", "oamkit:")
"""How names begin that are the cluster's own, not people's: Kubernetes', kind's and the sandbox's."""

_OF_EXERCISES = ("workshop", "work-shop", "staging", "oam-statefulsets")
"""What learners make in exercises before they know labels, outside the namespace ``default``."""

_PASSING = {"events", "endpoints", "endpointslices", "leases"}
"""Kinds whose objects come and go by themselves."""

_DEFINITIONS = ("workloaddefinitions", "traitdefinitions", "scopedefinitions")


@dataclass(frozen=True)
class Leftover:
    """An object that shall go.

    Attributes:
        resource: Its kind.
        namespace: Where it is; ``""`` for kinds without one.
        name: Its name.
        owned: Whether a controller made it, so that it isn't worth telling.
    """

    resource: Resource
    namespace: str
    name: str
    owned: bool = False

    @property
    def path(self) -> str:
        """Where the API has it."""
        return self.resource.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.resource.full_name}/{self.name}"


def in_namespace(api: Api, namespace: str, *, ours: bool) -> list[Leftover]:
    """Return what is in a namespace and shall go.

    Args:
        api: The connection.
        namespace: Which one.
        ours: Whether the cluster is the kit's own.
    """
    return [
        Leftover(resource, namespace, item["metadata"]["name"], _is_owned(item))
        for resource in _namespaced(api)
        for item in _items(api, resource.path(namespace))
        if (resource.group, resource.plural, item["metadata"]["name"]) not in _KEPT
        and (ours or _is_of_oam(resource, item))
    ]


def in_cluster(api: Api, *, ours: bool) -> list[Leftover]:
    """Return what is in no namespace, or in one of a lesson's own, and shall go."""
    found = []
    for resource in api.resources():
        if resource.namespaced or not {"list", "delete"} <= resource.verbs:
            continue
        if resource.group == OAM and resource.plural in _DEFINITIONS:
            wanted: Callable[[Json], bool] = _is_no_charts
        elif ours and resource.plural == "clusterrolebindings":
            wanted = _binds_people
        elif ours and resource.plural in ("namespaces", "clusterroles"):
            wanted = _is_of_an_exercise
        elif ours and resource.group == "admissionregistration.k8s.io":
            wanted = partial(_calls_nobody, api)
        else:
            wanted = _is_a_lessons
        found += [
            Leftover(resource, "", item["metadata"]["name"])
            for item in _items(api, resource.path(""))
            if wanted(item)
        ]
    return found


def remove(api: Api, leftovers: Iterable[Leftover]) -> None:
    """Delete objects and wait until they are gone; what holds one back longer than :data:`PATIENCE` is taken off it.

    Raises:
        ClusterError: One can't be deleted.
    """
    left = sorted(leftovers, key=_order)
    begin = time.monotonic()
    for each in left:
        _delete(api, each)
    while left := [each for each in left if _still_there(api, each, time.monotonic() - begin)]:
        if time.monotonic() - begin > DEADLINE:
            names = ", ".join(map(str, left[:5]))
            raise ClusterError(
                f"These objects can't be deleted: {names}.",
                hint="Begin with a fresh cluster: oamkit reset --cluster.",
                code="stuck",
            )
        time.sleep(0.1)


def terminating(api: Api) -> list[str]:
    """Return the namespaces that are being deleted."""
    return [
        item["metadata"]["name"]
        for item in _items(api, "/api/v1/namespaces")
        if item["metadata"].get("deletionTimestamp")
    ]


def free(api: Api, namespace: str) -> None:
    """Let a namespace that is being deleted go: finalizers of what is in it are taken off, and dead API groups with them.

    Raises:
        ClusterError: It stays all the same.
    """
    begin = time.monotonic()
    path = f"/api/v1/namespaces/{namespace}"
    while (found := _read(api, path)) is not None and found["metadata"].get("deletionTimestamp"):
        passed = time.monotonic() - begin
        if passed > DEADLINE:
            raise ClusterError(
                f"The namespace {namespace} can't be deleted.",
                hint="Begin with a fresh cluster: oamkit reset --cluster.",
                code="stuck",
            )
        if passed > PATIENCE / 3:
            _remove_dead_groups(api)
            for each in in_namespace(api, namespace, ours=True):
                if passed > PATIENCE:
                    _unfasten(api, each.path)
                _delete(api, each)
        if passed > PATIENCE:
            _unfasten(api, path)
            if set(found["spec"].get("finalizers") or ()) - {"kubernetes"}:
                body = {**found, "spec": {"finalizers": ["kubernetes"]}}
                with contextlib.suppress(ApiError):
                    api.request("PUT", f"{path}/finalize", body=body)
        time.sleep(0.1)


def _order(each: Leftover) -> tuple[int, bool, str]:
    """Who makes others goes first, else they come back."""
    first = {"applicationconfigurations": 0, "customresourcedefinitions": 3, "namespaces": 3}
    default = 1 if each.resource.group == OAM else 2
    return first.get(each.resource.plural, default), each.owned, str(each)


def _still_there(api: Api, each: Leftover, passed: float) -> bool:
    found = _read(api, each.path)
    if found is None:
        return False
    if not found["metadata"].get("deletionTimestamp"):  # somebody made it again
        _delete(api, each)
    elif passed > PATIENCE:
        if each.resource.plural == "customresourcedefinitions":
            _unfasten_all(api, found)
        elif each.resource.plural == "namespaces":
            free(api, each.name)
        _unfasten(api, each.path)
        if each.resource.plural == "pods":  # its node may be gone
            _delete(api, each, grace=0)
    return True


def _delete(api: Api, each: Leftover, *, grace: int = 1) -> None:
    """Delete an object, whoever else does so."""
    options: dict[str, Json] = {"propagationPolicy": "Background"}
    if each.resource.plural == "pods":
        options["gracePeriodSeconds"] = grace
    try:
        api.request("DELETE", each.path, body=options)
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def _unfasten(api: Api, path: str) -> None:
    found = _read(api, path)
    if found is None or not found["metadata"].get("finalizers"):
        return
    patch = {"metadata": {"finalizers": None}}
    with contextlib.suppress(ApiError):  # it may go in the same moment
        api.request("PATCH", path, body=patch, content_type="application/merge-patch+json")


def _unfasten_all(api: Api, definition: Json) -> None:
    """Take the finalizers off all objects of a kind that is being deleted."""
    spec = definition["spec"]
    version = next(each["name"] for each in spec["versions"] if each.get("served"))
    plural, kind = spec["names"]["plural"], spec["names"]["kind"]
    namespaced = spec["scope"] == "Namespaced"
    resource = Resource(spec["group"], version, plural, kind, namespaced=namespaced)
    for item in _items(api, f"/apis/{spec['group']}/{version}/{plural}"):
        metadata = item["metadata"]
        _unfasten(api, resource.path(metadata.get("namespace", ""), metadata["name"]))


def _remove_dead_groups(api: Api) -> None:
    """Delete API services whose server is gone: a namespace waits for them for ever, since it can't know what they hold."""
    for item in _items(api, "/apis/apiregistration.k8s.io/v1/apiservices"):
        dead = item["spec"].get("service") and any(
            each["type"] == "Available" and each["status"] == "False"
            for each in (item.get("status") or {}).get("conditions") or []
        )
        if dead:
            name = item["metadata"]["name"]
            with contextlib.suppress(ApiError):
                api.request("DELETE", f"/apis/apiregistration.k8s.io/v1/apiservices/{name}")


def _namespaced(api: Api) -> Iterator[Resource]:
    for resource in api.resources():
        usable = resource.namespaced and {"list", "delete"} <= resource.verbs
        if usable and resource.plural not in _PASSING:
            yield resource


def _items(api: Api, path: str) -> list[Json]:
    try:
        return list(api.request("GET", path).get("items") or [])
    except ApiError as error:
        if error.status in (403, 404, 405, 503):  # its kind has just gone, or its server is dead
            return []
        raise


def _read(api: Api, path: str) -> Json | None:
    try:
        return api.request("GET", path)
    except ApiError as error:
        if error.status in (404, 503):
            return None
        raise


def _is_owned(item: Json) -> bool:
    return any(owner.get("controller") for owner in item["metadata"].get("ownerReferences") or [])


def _is_of_oam(resource: Resource, item: Json) -> bool:
    labels = item["metadata"].get("labels") or {}
    return resource.group == OAM or "app.oam.dev/name" in labels or LABEL in labels


def _is_no_charts(item: Json) -> bool:
    labels = item["metadata"].get("labels") or {}
    return labels.get("app.kubernetes.io/managed-by") != "Helm"


def _is_a_lessons(item: Json) -> bool:
    return LABEL in (item["metadata"].get("labels") or {})


def _calls_nobody(api: Api, item: Json) -> bool:
    """Return whether it is a webhook whose Service isn't there: it refuses, or delays, whatever it should be asked about."""
    services = [
        (hook.get("clientConfig") or {}).get("service") for hook in item.get("webhooks") or []
    ]
    return _is_a_lessons(item) or any(
        _read(api, f"/api/v1/namespaces/{each['namespace']}/services/{each['name']}") is None
        for each in services
        if each
    )


def _is_of_an_exercise(item: Json) -> bool:
    return _is_a_lessons(item) or item["metadata"]["name"] in _OF_EXERCISES


def _binds_people(item: Json) -> bool:
    if _is_a_lessons(item):
        return True
    return not item["metadata"]["name"].startswith(_OF_THE_CLUSTER) and any(
        subject["kind"] in ("User", "Group") and not subject["name"].startswith(_OF_THE_CLUSTER)
        for subject in item.get("subjects") or []
    )
