"""The start of a lesson: what the lessons before have made is there, and what the lesson itself makes isn't yet."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from oamkit import images, show
from oamkit.cluster import active, helm, kit, objects
from oamkit.errors import ImageError
from oamkit.languages import remember_notebook
from oamkit.lesson import demo, extras, leftovers, operators, overview, people, progress, release
from oamkit.lesson.lessons import Need, needs
from oamkit.lesson.overview import LessonProgress
from oamkit.show import Line

__all__ = ["Started", "clear", "start"]

NAMESPACE = "default"
"""Where the lessons work."""


@dataclass(frozen=True)
class Started(Line):
    """A lesson that can begin.

    Attributes:
        number: The lesson's number.
        ready: What it builds on.
        seconds: How long it took to make that.
        mended: What had to be removed or repaired first, in words.
        progress: How far the learner is in it.
    """

    number: str
    ready: tuple[Need, ...]
    seconds: float
    mended: tuple[str, ...] = ()
    progress: LessonProgress | None = None

    def line(self) -> str:
        """Say it."""
        took = show.seconds(self.seconds)
        line = (
            f"Lesson {self.number} can begin. It builds on: {', '.join(self.ready)} ({took})."
            if self.ready
            else f"Lesson {self.number} can begin. It needs nothing that was made before ({took})."
        )
        if self.progress is not None and self.progress.exercises:
            line += "\n" + self.progress.line()
        return line


def start(number: str, *, provider: str = "") -> Started:
    """Bring the cluster into the state in which a lesson begins, whatever was done in it before.

    What is as it should be is left so: this takes a moment after the lesson before, and a minute on an empty machine. What an earlier
    lesson or exercise left in the namespace ``default`` goes, what is broken is mended, and both are said. The working folder becomes
    the kit's own, so that paths in the lesson are those that you would type there.

    Args:
        number: The lesson, e.g. ``"06"``.
        provider: Where the cluster runs; by looking if empty.

    Raises:
        OamKitError: Something that the lesson needs can't be made.
    """
    begin = time.monotonic()
    remember_notebook()
    os.chdir(kit.root())
    operators.stop_all()
    people.forget()
    ready = needs(number)
    place = active.provider(provider or None)
    mended: list[str] = []
    if Need.CLUSTER in ready:
        place.ensure()
        mended += _clean(with_runtime=Need.RUNTIME in ready)
    if Need.IMAGE in ready:
        _image(demo.APP_IMAGE)
    if Need.RUNTIME in ready:
        mended += _runtime()
    if number in extras.EXTRAS:
        extras.EXTRAS[number]()
    for line in mended:
        show.say(line)
    progress.opened(number)
    return Started(number, ready, time.monotonic() - begin, tuple(mended), overview.of(number))


def clear() -> None:
    """Remove what the lessons make: from the cluster the applications, and then the runtime with its namespace; people's keys."""
    os.chdir(kit.root())
    people.forget()
    for line in _clean(with_runtime=False):
        show.say(line)
    helm.uninstall(demo.RELEASE, namespace=demo.NAMESPACE)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": demo.NAMESPACE}}
    objects.delete(namespace)


def _clean(*, with_runtime: bool) -> list[str]:
    """Remove what is in the way, and say what that was."""
    api = active.api()
    ours = active.provider().status().ours
    told: list[str] = []
    for namespace in leftovers.terminating(api):
        if ours or namespace == demo.NAMESPACE:
            leftovers.free(api, namespace)
            told.append(f"The namespace {namespace} was being deleted, and is gone now.")
    if not with_runtime and release.status(api) not in ("", "deployed"):
        told += release.remove_remains(api)
    found = leftovers.in_namespace(api, NAMESPACE, ours=ours) + leftovers.in_cluster(api, ours=ours)
    leftovers.remove(api, found)
    if names := [str(each) for each in found if not each.owned]:
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        told.append(f"Removed what was left of earlier work: {shown}.")
    return told


def _runtime() -> tuple[str, ...]:
    if release.look(active.api()).whole:
        return ()
    _image(demo.RUNTIME_IMAGE)
    return release.ensure(active.api())


def _image(image: demo.Image) -> None:
    place = active.provider()
    try:
        place.load_image(image.tag)
    except ImageError:
        images.build(image.context, image.tag, dockerfile=image.dockerfile)
        place.load_image(image.tag)
