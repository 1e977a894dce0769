"""Says a container of a ContainerizedWorkload in the words of Kubernetes (contract 6.1)."""

from __future__ import annotations

from oamkit.oam.kinds import Obj
from oamkit.oam.shape import listing, mapping, required_text, text

__all__ = ["container_of", "first_port"]

_PROBE_NUMBERS = (
    "initialDelaySeconds",
    "periodSeconds",
    "timeoutSeconds",
    "successThreshold",
    "failureThreshold",
)
_HANDLERS = ("exec", "httpGet", "tcpSocket")


def container_of(container: Obj, field: str, mounts: list[Obj]) -> Obj:
    """Return the Pod's container.

    Args:
        container: One of ``spec.containers``.
        field: Where it stands, for errors.
        mounts: Its volume mounts.

    Raises:
        InputError: Something in it can't be read.

    Example:
        >>> container_of({"name": "web", "image": "nginx", "env": [{"name": "A"}]}, "", [])
        {'name': 'web', 'image': 'nginx'}
    """
    made: Obj = {
        "name": required_text(container, "name", field),
        "image": required_text(container, "image", field),
        "command": container.get("command"),
        "args": container.get("args"),
        "ports": [
            {
                "name": port.get("name"),
                "containerPort": port.get("containerPort"),
                "protocol": port.get("protocol") or "TCP",
            }
            for port in _ports(container, field)
        ],
        "env": _env(container, field),
        "resources": _resources(container, field),
        "volumeMounts": mounts,
        "livenessProbe": _probe(container, "livenessProbe", field),
        "readinessProbe": _probe(container, "readinessProbe", field),
    }
    return {key: value for key, value in made.items() if value}


def first_port(containers: list[Obj]) -> Obj | None:
    """Return the port that the Service is for: the first of the first container that has one."""
    for i, container in enumerate(containers):
        for port in _ports(container, f"spec.containers[{i}]"):
            return port
    return None


def _ports(container: Obj, field: str) -> list[Obj]:
    items = listing(container.get("ports"), f"{field}.ports")
    return [mapping(item, f"{field}.ports[{i}]") for i, item in enumerate(items)]


def _env(container: Obj, field: str) -> list[Obj]:
    made: list[Obj] = []
    for i, item in enumerate(listing(container.get("env"), f"{field}.env")):
        at = f"{field}.env[{i}]"
        variable = mapping(item, at)
        name, value = text(variable.get("name"), f"{at}.name"), variable.get("value")
        if value is not None:
            made.append({"name": name, "value": text(value, f"{at}.value")})
        elif variable.get("fromSecret"):
            secret = mapping(variable["fromSecret"], f"{at}.fromSecret")
            key = {field: secret.get(field) for field in ("name", "key")}
            made.append({"name": name, "valueFrom": {"secretKeyRef": key}})
    return made


def _resources(container: Obj, field: str) -> Obj:
    if container.get("resources") is None:
        return {}
    resources = mapping(container["resources"], f"{field}.resources")
    return {
        "requests": {
            name: text(mapping(resources.get(name), name).get("required"), name) or "0"
            for name in ("cpu", "memory")
        }
    }


def _probe(container: Obj, name: str, field: str) -> Obj:
    probe = mapping(container.get(name), f"{field}.{name}")
    numbers = {key: probe[key] for key in _PROBE_NUMBERS if probe.get(key) is not None}
    return {**{key: probe[key] for key in _HANDLERS if probe.get(key)}, **numbers}
