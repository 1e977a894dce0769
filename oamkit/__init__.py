"""oamkit: a learning kit for the Open Application Model (OAM) on Kubernetes.

Everything that a notebook imports is here::

    from oamkit import apply, cluster, fetch, helm, images, wait_for

    cluster.ensure()
    images.build("flask-demo", "flask-sample:v1")
    cluster.load_image("flask-sample:v1")
    helm.install("oam", "charts/oam-kubernetes-runtime", namespace="oam-system", create_namespace=True)
    apply("flask-demo/config/")
    wait_for("deployment", "web")
    print(fetch("/"))

The verbs are synchronous, can be called again, return an object that shows itself, and raise an
:class:`~oamkit.errors.OamKitError` that says what to do next. What they need is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oamkit import cluster, cue, images, lesson, widgets
    from oamkit.cluster import helm
    from oamkit.cluster.fetching import fetch
    from oamkit.cluster.kubectl import kubectl
    from oamkit.cluster.objects import apply, delete, get
    from oamkit.cluster.reading import events, logs
    from oamkit.cluster.rendering import render
    from oamkit.cluster.waiting import wait_for
    from oamkit.cluster.yaml_view import show_yaml
    from oamkit.diagnosis import doctor
    from oamkit.errors import OamKitError
    from oamkit.languages import language

__version__ = "0.1.0"

__all__ = [
    "OamKitError",
    "__version__",
    "apply",
    "cluster",
    "cue",
    "delete",
    "doctor",
    "events",
    "fetch",
    "get",
    "helm",
    "images",
    "kubectl",
    "language",
    "lesson",
    "logs",
    "render",
    "show_yaml",
    "wait_for",
    "widgets",
]

_HOMES = {
    "OamKitError": "oamkit.errors",
    "apply": "oamkit.cluster.objects",
    "delete": "oamkit.cluster.objects",
    "doctor": "oamkit.diagnosis",
    "events": "oamkit.cluster.reading",
    "fetch": "oamkit.cluster.fetching",
    "get": "oamkit.cluster.objects",
    "kubectl": "oamkit.cluster.kubectl",
    "language": "oamkit.languages",
    "logs": "oamkit.cluster.reading",
    "render": "oamkit.cluster.rendering",
    "show_yaml": "oamkit.cluster.yaml_view",
    "wait_for": "oamkit.cluster.waiting",
}
_MODULES = {
    "cluster": "oamkit.cluster",
    "cue": "oamkit.cue",
    "helm": "oamkit.cluster.helm",
    "images": "oamkit.images",
    "lesson": "oamkit.lesson",
    "widgets": "oamkit.widgets",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _HOMES:
        found: object = getattr(import_module(_HOMES[name]), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
