"""The ingress controller of the kind cluster: a manifest of ours, with the image that can be had here."""

from __future__ import annotations

import re
from importlib import resources

from oamkit import show
from oamkit.cluster.api import Api, Json
from oamkit.cluster.kind.containers import Containers
from oamkit.cluster.kind.images import NodeImages
from oamkit.cluster.kind.settings import KindSettings
from oamkit.engine import mirrored
from oamkit.errors import ApiError, ClusterError, CommandError

__all__ = ["MANIFEST", "IngressController", "manifest"]

MANIFEST = "oamkit/cluster/kind/traefik.yaml"
"""The manifest's place in the checkout, as a person would name it."""

NAMESPACE = "traefik"
READY_SECONDS = 180
_IMAGE = re.compile(r"(?<=image: )docker\.io/library/(\S+)")


def manifest(image: str = "") -> tuple[str, str]:
    """Return the manifest and the image that stands in it.

    Args:
        image: Another image than the pinned one.

    Example:
        >>> manifest()[1].startswith("traefik:v3.")
        True
        >>> "image: mirror.example/traefik:v3" in manifest("mirror.example/traefik:v3")[0]
        True
    """
    text = (
        resources.files("oamkit.cluster.kind").joinpath("traefik.yaml").read_text(encoding="utf-8")
    )
    found = _IMAGE.search(text)
    assert found is not None  # noqa: S101 - our own file
    image = image or found[1]
    return _IMAGE.sub(image, text), image


class IngressController:
    """Traefik in the cluster.

    Args:
        containers: The engine's commands.
        images: The way to the nodes.
        settings: Another image, a mirror.
    """

    def __init__(self, containers: Containers, images: NodeImages, settings: KindSettings) -> None:
        self._containers = containers
        self._images = images
        self._settings = settings

    def ensure(self, api: Api) -> bool:
        """Install it unless it is there, and wait until it takes requests; return whether anything was done.

        Raises:
            ClusterError: It doesn't start.
        """
        text, image = manifest(self._settings.traefik_image)
        if self._runs(api, image):
            return False
        if self._images.fetch(image):
            self._images.load(image, shown=False)
        else:
            text, _ = manifest(mirrored(image, {"OAMKIT_MIRROR": self._settings.mirror}))
        show.command(["kubectl", "apply", "-f", MANIFEST])
        self._kubectl(["apply", "-f", "-"], text)
        try:
            self._kubectl(
                [
                    "rollout",
                    "status",
                    "deployment/traefik",
                    "-n",
                    NAMESPACE,
                    f"--timeout={READY_SECONDS}s",
                ]
            )
        except CommandError as error:
            raise ClusterError(
                f"The ingress controller doesn't start: {self._reason(api) or error.stderr.strip()}",
                hint=(
                    f"If its image {image} can't be fetched, name a mirror (OAMKIT_MIRROR) or an archive of it (OAMKIT_ARCHIVES), "
                    "then run cluster.ensure() again."
                ),
                code="no-ingress",
                docs="kind.md#images-from-elsewhere",
            ) from error
        return True

    def state(self, api: Api) -> str:
        """Return how it is: ``"running"``, ``"starting"`` or ``"missing"``."""
        try:
            return "running" if _available(self._deployment(api)) else "starting"
        except ApiError:
            return "missing"

    def _runs(self, api: Api, image: str) -> bool:
        try:
            found = self._deployment(api)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        containers = found["spec"]["template"]["spec"]["containers"]
        ours = image == containers[0]["image"] or not self._settings.traefik_image
        return ours and _available(found)

    def _deployment(self, api: Api) -> Json:
        return api.request("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/traefik")

    def _kubectl(self, argv: list[str], text: str | None = None) -> None:
        self._containers.run(["kubectl", *argv], timeout=READY_SECONDS + 30, input=text)

    def _reason(self, api: Api) -> str:
        """Return why its Pod waits, in the kubelet's words."""
        pods = api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        for pod in pods:
            for status in pod.get("status", {}).get("containerStatuses", ()):
                waiting = status.get("state", {}).get("waiting")
                if waiting:
                    return f"{waiting.get('reason', '')} {waiting.get('message', '')}".strip()
            for condition in pod.get("status", {}).get("conditions", ()):
                if condition["type"] == "PodScheduled" and condition["status"] != "True":
                    return str(condition.get("message", ""))
        return ""


def _available(deployment: Json) -> bool:
    status = deployment.get("status", {})
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(current and status.get("availableReplicas", 0))
