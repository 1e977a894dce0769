"""Facts from a cluster, for rendering what lies in files there: what the files don't tell is asked of the API."""

from __future__ import annotations

from typing import Any

from oamkit.cluster.api import Api, Resource
from oamkit.errors import ApiError, OamKitError
from oamkit.oam.kinds import API_VERSION, APPLICATION_CONFIGURATION, COMPONENT, Obj, group_of
from oamkit.oam.offline import FileFacts, with_revision
from oamkit.oam.schematic import CueCall
from oamkit.oam.world import CallFact, KindFact, KindKey, ObjectFact, ObjectKey, ServedKind

__all__ = ["ClusterFacts"]


class ClusterFacts:
    """What files say counts; what they don't say is the cluster's.

    Args:
        api: The connection.
        files: The facts that the files tell.
    """

    def __init__(self, api: Api, files: FileFacts) -> None:
        self._api = api
        self._files = files
        self._versions: dict[str, dict[str, Resource]] = {}

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """Return how the cluster serves a kind in an API version; ``None`` if it doesn't."""
        if api_version not in self._versions:
            self._versions[api_version] = self._read_version(api_version)
        return self._versions[api_version].get(kind)

    def live(self, key: ObjectKey) -> Obj | None:
        """Return an object of the cluster; ``None`` if there is none."""
        resource = self.resource(key.api_version, key.kind)
        if resource is None or not key.name:
            return None
        try:
            return self._api.request("GET", resource.path(key.namespace, key.name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def object(self, key: ObjectKey) -> ObjectFact:
        """Return an object as it will be once the files are applied."""
        written = self._files.written(key)
        try:
            if written is None:
                return self.live(key)
            if (key.api_version, key.kind) == (API_VERSION, COMPONENT):
                live = self.live(key)
                return (
                    _revised(self._accepted(written, live), live)
                    if live
                    else with_revision(written, 1)
                )
        except OamKitError as error:
            return error
        return written

    def kind(self, key: KindKey) -> KindFact:
        """Return how the cluster serves a kind."""
        try:
            resource = self.resource(*key)
        except OamKitError as error:
            return error
        return ServedKind(resource.plural, namespaced=resource.namespaced) if resource else None

    def answer(self, call: CueCall) -> CallFact:
        """Return what CUE answers."""
        return self._files.answer(call)

    def application(self, app: Obj) -> Obj:
        """Return an application of the files with what the cluster knows of it: UID, generation and status."""
        metadata = app["metadata"]
        key = ObjectKey(
            API_VERSION, APPLICATION_CONFIGURATION, metadata["namespace"], metadata["name"]
        )
        live = self.live(key)
        if live is None:
            return app
        accepted = self._accepted(app, live)
        known = accepted["metadata"]
        for field in ("labels", "annotations"):  # what others put there stays
            known[field] = (known.get(field) or {}) | (metadata.get(field) or {})
        return accepted

    def _accepted(self, written: Obj, live: Obj) -> Obj:
        """Return what a live object would be with the spec that is written: with defaults and generation, tried on the server."""
        metadata = live["metadata"]
        resource = self.resource(written["apiVersion"], written["kind"])
        if resource is None:
            return written
        return self._api.request(
            "PUT",
            resource.path(metadata["namespace"], metadata["name"]),
            query={"dryRun": "All"},
            body={**live, "spec": written.get("spec")},
        )

    def _read_version(self, api_version: str) -> dict[str, Resource]:
        try:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            found = self._api.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        group, version = group_of(api_version), api_version.rpartition("/")[2]
        return {
            item["kind"]: _resource(group, version, item)
            for item in found["resources"]
            if "/" not in item["name"]
        }


def _resource(group: str, version: str, item: dict[str, Any]) -> Resource:
    return Resource(group, version, item["name"], item["kind"], namespaced=item["namespaced"])


def _revised(component: Obj, live: Obj) -> Obj:
    """Return a Component at the revision that it will have: the one it has, or the next if its spec changes."""
    latest = (live.get("status") or {}).get("latestRevision") or {}
    if not latest:
        return with_revision(component, 1)
    if live.get("spec") == component.get("spec"):
        return component
    return with_revision(component, latest["revision"] + 1)
