"""The names that the lessons share: the demo's images and folders, and the runtime's release."""

from __future__ import annotations

from dataclasses import dataclass

import oamkit

__all__ = [
    "APP_IMAGE",
    "CHART",
    "CONFIGS",
    "NAMESPACE",
    "RELEASE",
    "RUNTIME_DEPLOYMENT",
    "RUNTIME_IMAGE",
    "Image",
]


@dataclass(frozen=True)
class Image:
    """An image that the course builds.

    Attributes:
        tag: Its name.
        context: The folder that it is built from.
        dockerfile: Its Dockerfile, if that isn't in the folder.
    """

    tag: str
    context: str
    dockerfile: str | None = None


APP_IMAGE = Image("flask-sample:v1", "flask-demo")

CONFIGS = ("flask-demo/config", "flask-demo/config-2020")
"""Today's files, and those of 2020."""

CHART = "charts/oam-kubernetes-runtime"
RUNTIME_IMAGE = Image(
    f"oamkit/oam-kubernetes-runtime:{oamkit.__version__}", ".", "oamkit/runtime/Dockerfile"
)
RELEASE = "oam"
NAMESPACE = "oam-system"
RUNTIME_DEPLOYMENT = "oam-oam-kubernetes-runtime"
"""What the chart calls its Deployment: the release's name and its own."""
