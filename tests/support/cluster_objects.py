"""Services and EndpointSlices as the API server has them, and a cache to put them into."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from oamkit.kube import EventType, Key, Object, key_of

Callback = Callable[[EventType, Object | None, Object | None], None]

_numbers = itertools.count(1)


class Cache:
    """Stands for an informer: a test puts and removes objects, subscribers hear of it."""

    def __init__(self, *objects: Object) -> None:
        self.items: dict[Key, Object] = {key_of(obj): obj for obj in objects}
        self.callbacks: list[Callback] = []

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        self.callbacks.append(callback)
        for obj in list(self.items.values()):
            callback("ADDED", None, obj)
        return lambda: self.callbacks.remove(callback)

    def put(self, obj: Object) -> None:
        old = self.items.get(key_of(obj))
        self.items[key_of(obj)] = obj
        for callback in list(self.callbacks):
            callback("MODIFIED" if old else "ADDED", old, obj)

    def remove(self, name: str, namespace: str = "default") -> None:
        old = self.items.pop((namespace, name))
        for callback in list(self.callbacks):
            callback("DELETED", old, None)


def service(
    name: str,
    cluster_ip: str = "None",
    *ports: dict[str, Any],
    namespace: str = "default",
    **spec: Any,
) -> Object:
    return {
        "metadata": {"namespace": namespace, "name": name, "resourceVersion": str(next(_numbers))},
        "spec": {"type": "ClusterIP", "clusterIP": cluster_ip, "ports": list(ports), **spec},
    }


def port(number: int, name: str = "", protocol: str = "TCP", **further: Any) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return {"port": number, "protocol": protocol, **named, **further}


def endpoint(address: str, *, ready: bool | None = True, hostname: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {"addresses": [address], "conditions": {}}
    if ready is not None:
        result["conditions"] = {"ready": ready, "serving": ready, "terminating": False}
    if hostname:
        result["hostname"] = hostname
    return result


def endpoint_slice(
    service_name: str,
    ports: list[dict[str, Any]],
    *endpoints: dict[str, Any],
    namespace: str = "default",
    suffix: str = "x",
) -> Object:
    return {
        "metadata": {
            "namespace": namespace,
            "name": f"{service_name}-{suffix}",
            "labels": {"kubernetes.io/service-name": service_name},
            "resourceVersion": str(next(_numbers)),
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": list(endpoints),
    }
