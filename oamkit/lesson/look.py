"""What a check may see of the cluster: a reading of it that changes nothing and prints nothing."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from oamkit.cluster import active, objects
from oamkit.cluster.api import Json
from oamkit.cluster.states import has_failed, is_ready
from oamkit.cluster.values import Object
from oamkit.errors import ApiError, InputError

__all__ = ["Look"]

DEFAULT = "default"


class Look:
    """Reads the cluster in use for an exercise. What isn't there is ``None`` or empty, never an error.

    That the cluster can't be reached, or refuses, is an error; the exercise then *cannot be checked*.

    Example::

        web = look.get("deployment", "web")
        if web is None: ...
        look.at("deployment", "web", "spec.replicas")
        look.reachable("/", contains="Hello")
        look.can("dev", "update", "applicationconfigurations", groups=["developers"])
    """

    def __init__(self) -> None:
        self._seen: list[Object] = []
        self.tried = False
        """Whether the cluster was tried, not only read: what it does follows what it holds a moment later."""

    @property
    def settled(self) -> bool:
        """Whether controllers are done with all that was read, or have failed; if not, another look may show something else."""
        return all(is_ready(found) or has_failed(found) for found in self._seen)

    @property
    def state(self) -> frozenset[tuple[str, str]]:
        """The identity and version of all that was read: two looks with the same state have seen the same."""
        return frozenset(
            (found.at("metadata.uid", ""), found.at("metadata.resourceVersion", ""))
            for found in self._seen
        )

    def get(self, kind: str, name: str, *, namespace: str = DEFAULT) -> Object | None:
        """Return an object; ``None`` if it isn't there, or the cluster doesn't serve its kind."""
        api = active.api()
        try:
            found = Object(api.request("GET", api.resource(kind).path(namespace, name)))
        except InputError:
            return None
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        self._seen.append(found)
        return found

    def list(self, kind: str, *, namespace: str = DEFAULT, labels: str = "") -> tuple[Object, ...]:
        """Return all objects of a kind; none if the cluster doesn't serve it.

        Args:
            kind: E.g. ``"pods"``.
            namespace: Ignored for kinds without one.
            labels: A label selector, e.g. ``"app=web"``.
        """
        try:
            found = objects.get(kind, namespace=namespace, labels=labels).items
        except InputError:
            return ()
        self._seen.extend(found)
        return found

    def at(
        self, kind: str, name: str, path: str, default: Json = None, *, namespace: str = DEFAULT
    ) -> Json:
        """Return the value of an object's field; ``default`` if the object or the field isn't there."""
        found = self.get(kind, name, namespace=namespace)
        return default if found is None else found.at(path, default)

    def apps(self, *, namespace: str = DEFAULT) -> tuple[Object, ...]:
        """Return the ApplicationConfigurations."""
        return self.list("applicationconfigurations.core.oam.dev", namespace=namespace)

    def app(self, name: str = "example", *, namespace: str = DEFAULT) -> Object | None:
        """Return an ApplicationConfiguration; ``None`` if it isn't there."""
        return self.get("applicationconfigurations.core.oam.dev", name, namespace=namespace)

    def component(self, name: str = "web", *, namespace: str = DEFAULT) -> Object | None:
        """Return a Component; ``None`` if it isn't there."""
        return self.get("components.core.oam.dev", name, namespace=namespace)

    def traits(
        self, app: str = "example", component: str = "web", *, namespace: str = DEFAULT
    ) -> tuple[Mapping[str, Any], ...]:
        """Return the traits, as they are written, of a component in an application."""
        found = self.app(app, namespace=namespace)
        for each in found.at("spec.components", []) if found else []:
            if each.get("componentName") == component:
                return tuple(entry.get("trait") or {} for entry in each.get("traits") or [])
        return ()

    def condition(
        self, kind: str, name: str, wanted: str, *, namespace: str = DEFAULT
    ) -> Mapping[str, Any] | None:
        """Return the condition of a type from an object's status; ``None`` if it has none."""
        for condition in self.at(kind, name, "status.conditions", namespace=namespace) or []:
            if condition.get("type") == wanted:
                return dict(condition)
        return None

    def page(self, path: str = "/", *, host: str = "") -> tuple[int, str]:
        """Ask the cluster's Ingress once for a page.

        Args:
            path: Its path, or a whole URL.
            host: The ``Host`` header, where the Ingress tells hosts apart.

        Returns:
            Status code and body; code 0, and why, if nobody answered.
        """
        self.tried = True
        url = path if urlsplit(path).scheme else active.provider().url() + path
        headers = {"User-Agent": "oamkit"} | ({"Host": host} if host else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            request = urllib.request.Request(url, headers=headers)  # noqa: S310 - exercises name http URLs
            with opener.open(request, timeout=5) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")
        except (urllib.error.URLError, HTTPException, OSError) as error:
            return 0, str(error)

    def reachable(self, path: str = "/", *, contains: str = "", host: str = "") -> bool:
        """Return whether the cluster's Ingress serves a page, with a text in it."""
        status, text = self.page(path, host=host)
        return status == 200 and contains in text

    def refusal(self, manifest: Mapping[str, Any], *, namespace: str = DEFAULT) -> str:
        """Return why the API server wouldn't make an object, schemas and policies included; ``""`` if it would. Nothing is stored.

        Args:
            manifest: The object; it must not be there.
            namespace: Where.
        """
        self.tried = True
        api = active.api()
        group = str(manifest["apiVersion"]).rpartition("/")[0]
        kind = str(manifest["kind"]).lower()
        try:
            path = api.resource(f"{kind}.{group}" if group else kind).path(namespace)
            api.request("POST", path, query={"dryRun": "All"}, body=manifest)
        except (ApiError, InputError) as error:
            return error.message
        return ""

    def can(
        self,
        user: str,
        verb: str,
        kind: str,
        *,
        name: str = "",
        namespace: str = DEFAULT,
        groups: Sequence[str] = (),
    ) -> bool:
        """Ask the API server whether somebody may do something (a SubjectAccessReview, which stores nothing).

        Args:
            user: The user's name, or ``"system:serviceaccount:NAMESPACE:NAME"``.
            verb: E.g. ``"update"``.
            kind: E.g. ``"applicationconfigurations"``, or with a part of it ``"pods/log"``.
            name: One object; all of the kind by default.
            namespace: Where; ignored for kinds without one.
            groups: The groups that the user is in.
        """
        api = active.api()
        kind, _, part = kind.partition("/")
        try:
            resource = api.resource(kind)
        except InputError:
            return False
        attributes = {
            "verb": verb,
            "subresource": part,
            "group": resource.group,
            "resource": resource.plural,
            "name": name,
            "namespace": namespace if resource.namespaced else "",
        }
        answer = api.request(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {"user": user, "groups": list(groups), "resourceAttributes": attributes},
            },
        )
        return bool(answer.get("status", {}).get("allowed"))
