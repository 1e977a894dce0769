"""Finding a container's image. There's no registry: an image is there because somebody has built or loaded it.

The Pod shows what a kubelet shows: ``ErrImagePull`` at a try, ``ImagePullBackOff`` between tries, ``ErrImageNeverPull`` and
``InvalidImageName``. Unlike there, an image that turns up in the meantime is used at once.
Source: https://kubernetes.io/docs/concepts/containers/images/
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from oamkit.errors import ImageError, InputError
from oamkit.images import Image, ImageStore, Reference
from oamkit.sandbox.agent.backoff import Backoff
from oamkit.sandbox.agent.events import Recorder
from oamkit.sandbox.agent.model import Object
from oamkit.sandbox.agent.stopping import field_path

__all__ = ["LOOK_AGAIN", "ImagePuller", "NotStartedError", "missing_message"]

LOOK_AGAIN = 2.0
"""Seconds between two looks for an image that isn't there."""
SHOWN = 8


class NotStartedError(Exception):
    """A container can't be started now; it becomes the container's ``waiting`` state.

    Args:
        reason: In CamelCase.
        message: For people.
        retry: Seconds after which to try again.
    """

    def __init__(self, reason: str, message: str, retry: float) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.retry = retry


def missing_message(reference: str, present: list[str]) -> str:
    """Say that an image isn't there, which ones are, and what to do."""
    known = ", ".join(present[:SHOWN]) + (", …" if len(present) > SHOWN else "")
    return (
        f'failed to find image "{reference}": the sandbox has no registry, only what was built or loaded on this machine '
        f"({known or 'no image yet'}). Build it with 'oamkit build -t {reference} FOLDER'"
    )


@dataclass
class ImagePuller:
    """Finds the images of one Pod.

    Attributes:
        store: The image store.
        recorder: For events.
    """

    store: ImageStore
    recorder: Recorder
    _back_offs: dict[str, Backoff] = field(default_factory=dict)
    _announced: set[str] = field(default_factory=set)

    async def image(self, pod: Object, container: Object) -> Image:
        """Return a container's image.

        Raises:
            NotStartedError: It isn't there.
        """
        reference = container.get("image") or ""
        name = container["name"]
        where = field_path(pod, name)
        try:
            image = await asyncio.to_thread(self.store.find, reference)
        except InputError as error:
            text = f'Failed to apply default image tag "{reference}": {error.message}'
            self._once(pod, where, "InspectFailed", text)
            raise NotStartedError("InvalidImageName", text, 300.0) from error
        except ImageError as error:
            raise NotStartedError("ImageInspectError", error.message, LOOK_AGAIN) from error
        if image is not None:
            self._back_offs.pop(name, None)
            self._announced.discard(where)
            text = f'Container image "{reference}" already present on machine'
            if container.get("imagePullPolicy") == "Always":
                text += ": the sandbox has no registry to look for a newer one"
            self.recorder.emit(pod, "Normal", "Pulled", text, container=where)
            return image
        if container.get("imagePullPolicy") == "Never":
            text = f'Container image "{reference}" is not present with pull policy of Never'
            self._once(pod, where, "ErrImageNeverPull", text)
            raise NotStartedError("ErrImageNeverPull", text, LOOK_AGAIN)
        return await self._missing(pod, name, reference, where)

    async def _missing(self, pod: Object, name: str, reference: str, where: str) -> Image:
        now = time.time()
        backoff = self._back_offs.get(name, Backoff())
        if backoff.delay and now < backoff.until(backoff.updated):
            text = f'Back-off pulling image "{reference}": ' + await self._text(reference)
            if where not in self._announced:
                self._announced.add(where)
                self.recorder.emit(pod, "Normal", "BackOff", text, container=where)
                self.recorder.emit(
                    pod, "Warning", "Failed", "Error: ImagePullBackOff", container=where
                )
            raise NotStartedError("ImagePullBackOff", text, LOOK_AGAIN)
        self._announced.discard(where)
        self._back_offs[name] = backoff.after(now)
        text = await self._text(reference)
        emit = self.recorder.emit
        emit(pod, "Normal", "Pulling", f'Pulling image "{reference}"', container=where)
        emit(
            pod, "Warning", "Failed", f'Failed to pull image "{reference}": {text}', container=where
        )
        emit(pod, "Warning", "Failed", "Error: ErrImagePull", container=where)
        raise NotStartedError("ErrImagePull", text, LOOK_AGAIN)

    async def _text(self, reference: str) -> str:
        try:
            images = await asyncio.to_thread(self.store.images)
        except ImageError as error:
            return error.message
        return missing_message(reference, [Reference.parse(i.reference).familiar for i in images])

    def _once(self, pod: Object, where: str, reason: str, text: str) -> None:
        if where not in self._announced:
            self._announced.add(where)
            self.recorder.emit(pod, "Warning", reason, text, container=where)
