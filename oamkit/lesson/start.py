"""The start of a lesson: what the lessons before have made is there, and what the lesson itself makes isn't yet."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from oamkit import images, show
from oamkit.cluster import active, helm, kit, objects
from oamkit.errors import ApiError, ImageError, InputError
from oamkit.lesson import demo
from oamkit.lesson.lessons import Need, needs
from oamkit.show import Line

__all__ = ["Started", "clear", "start"]


@dataclass(frozen=True)
class Started(Line):
    """A lesson that can begin.

    Attributes:
        number: The lesson's number.
        ready: What it builds on.
        seconds: How long it took to make that.
    """

    number: str
    ready: tuple[Need, ...]
    seconds: float

    def line(self) -> str:
        """Say it."""
        there = ", ".join(self.ready) or "nothing"
        return (
            f"Lesson {self.number} can begin. It builds on: {there} ({show.seconds(self.seconds)})."
        )


def start(number: str, *, provider: str = "") -> Started:
    """Bring the cluster into the state in which a lesson begins, whichever lessons were done before.

    What is there already is left as it is, so this takes a moment after the lesson before, and a minute on an empty machine. The
    working folder becomes the kit's own, so that paths in the lesson are those that you would type there.

    Args:
        number: The lesson, e.g. ``"06"``.
        provider: Where the cluster runs; by looking if empty.

    Raises:
        OamKitError: Something that the lesson needs can't be made.
    """
    begin = time.monotonic()
    os.chdir(kit.root())
    ready = needs(number)
    place = active.provider(provider or None)
    if Need.CLUSTER in ready:
        place.ensure()
        _remove_applications()
    if Need.IMAGE in ready:
        _image(demo.APP_IMAGE)
    if Need.RUNTIME in ready:
        _runtime()
    return Started(number, ready, time.monotonic() - begin)


def clear() -> None:
    """Remove from the cluster what the lessons make: the applications, and then the runtime with its namespace."""
    os.chdir(kit.root())
    _remove_applications()
    helm.uninstall(demo.RELEASE, namespace=demo.NAMESPACE)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": demo.NAMESPACE}}
    objects.delete(namespace)


def _remove_applications() -> None:
    try:
        left = objects.get("applicationconfiguration")
    except InputError:  # no runtime, so no applications
        return
    if len(left):
        for folder in demo.CONFIGS:
            objects.delete(folder)


def _image(image: demo.Image) -> None:
    place = active.provider()
    try:
        place.load_image(image.tag)
    except ImageError:
        images.build(image.context, image.tag, dockerfile=image.dockerfile)
        place.load_image(image.tag)


def _runtime() -> None:
    try:
        deployment = objects.get("deployment", demo.RUNTIME_DEPLOYMENT, namespace=demo.NAMESPACE)
        if deployment.at("status.availableReplicas", 0):
            return
    except ApiError as error:
        if error.status != 404:
            raise
    _image(demo.RUNTIME_IMAGE)
    helm.install(
        demo.RELEASE, demo.CHART, namespace=demo.NAMESPACE, create_namespace=True, timeout=180
    )
