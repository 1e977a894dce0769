"""Ingress of `extensions/v1beta1` and `networking.k8s.io/v1beta1`, gone since Kubernetes 1.22."""

from __future__ import annotations

import re
from typing import Final

from oamkit.oam.kinds import Obj
from oamkit.oam.legacy.rules import LossyError, Rule, child, children

__all__ = ["RULES"]

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
_CLASS_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _ingress(obj: Obj) -> list[str]:
    spec = child(obj, "spec")
    notes: list[str] = []
    if spec.get("backend") is not None:
        if spec.get("defaultBackend") is not None:
            raise LossyError("it has both spec.backend and spec.defaultBackend")
        spec["defaultBackend"] = _backend(child(spec, "backend"), notes)
        notes.append("spec.backend is now spec.defaultBackend")
    spec.pop("backend", None)
    for rule in children(spec, "rules"):
        if rule.get("http") is None:
            continue
        for path in children(child(rule, "http"), "paths"):
            path["backend"] = _backend(child(path, "backend"), notes)
            if path.get("pathType") is None:
                path["pathType"] = "ImplementationSpecific"
                notes.append("pathType, which is required now, is ImplementationSpecific")
    _move_class(obj, spec, notes)
    return list(dict.fromkeys(notes))


def _backend(backend: Obj, notes: list[str]) -> Obj:
    rest = {key: value for key, value in backend.items() if value is not None}
    name, port = rest.pop("serviceName", None), rest.pop("servicePort", None)
    if rest.keys() - {"service", "resource"}:
        raise LossyError(f"a backend has the unknown field {min(rest)}")
    if name is None and port is None:
        if not rest:
            raise LossyError("a backend names no service")
        return rest
    if rest:
        raise LossyError("a backend names a service and something else")
    if not isinstance(name, str) or not name:
        raise LossyError("a backend has a servicePort but no serviceName")
    notes.append("serviceName and servicePort are now service.name and service.port")
    return {"service": {"name": name, "port": _port(port)}}


def _port(port: object) -> Obj:
    if isinstance(port, int) and not isinstance(port, bool):
        return {"number": port}
    if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) <= 5:
        return {"number": int(port)}
    if isinstance(port, str) and port:
        return {"name": port}
    raise LossyError("a backend's servicePort is neither a number nor a name")


def _move_class(obj: Obj, spec: Obj, notes: list[str]) -> None:
    metadata = child(obj, "metadata")
    if not metadata.get("annotations"):
        return
    annotations = child(metadata, "annotations")
    name = annotations.get(CLASS_ANNOTATION)
    if not isinstance(name, str) or not _CLASS_NAME.fullmatch(name):
        return  # what no IngressClass can be called stays with controllers that read the annotation
    if spec.get("ingressClassName") not in (None, name):
        raise LossyError(f"its annotation {CLASS_ANNOTATION} and spec.ingressClassName differ")
    del annotations[CLASS_ANNOTATION]
    if not annotations:
        del metadata["annotations"]
    spec["ingressClassName"] = name
    notes.append(f"the annotation {CLASS_ANNOTATION} is now spec.ingressClassName")


RULES: Final = tuple(
    Rule(version, "Ingress", "networking.k8s.io/v1", _ingress)
    for version in ("extensions/v1beta1", "networking.k8s.io/v1beta1")
)
