"""A container's environment and command line, from its spec, its image and what it refers to.

Sources: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/,
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables and
https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

from oamkit.sandbox.agent.fields import field_value, resource_value
from oamkit.sandbox.agent.model import Inputs, Object, Ref, SourceMissingError

__all__ = ["command_line", "data_of", "environment", "expand", "service_environment"]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_REFERENCE = re.compile(r"\$(\$|\(([^()]*)\))")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by its value; ``$$`` stands for ``$``, and what isn't known stays as it is.

    Example:
        >>> expand("http://$(HOST):$$(PORT)/$(NO)", {"HOST": "db"})
        'http://db:$(PORT)/$(NO)'
    """

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return values.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def service_environment(services: Iterable[Object], namespace: str, links: bool) -> dict[str, str]:
    """Return the variables that tell a Pod of the Services that are there when it starts.

    Args:
        services: All Services.
        namespace: The Pod's namespace.
        links: ``spec.enableServiceLinks``; without it only the API server's own Service is told of.
    """
    result: dict[str, str] = {}
    for service in services:
        meta, spec = service["metadata"], service.get("spec") or {}
        own = links and meta["namespace"] == namespace
        api = (meta["namespace"], meta["name"]) == ("default", "kubernetes")
        ip = spec.get("clusterIP")
        if not (own or api) or not ip or ip == "None" or not spec.get("ports"):
            continue
        prefix = meta["name"].upper().replace("-", "_")
        ports = spec["ports"]
        result[f"{prefix}_SERVICE_HOST"] = ip
        result[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
        result[f"{prefix}_PORT"] = _url(ports[0], ip)
        for port in ports:
            if port.get("name"):
                name = port["name"].upper().replace("-", "_")
                result[f"{prefix}_SERVICE_PORT_{name}"] = str(port["port"])
            protocol = port.get("protocol", "TCP")
            one = f"{prefix}_PORT_{port['port']}_{protocol}"
            result[one] = _url(port, ip)
            result[f"{one}_PROTO"] = protocol.lower()
            result[f"{one}_PORT"] = str(port["port"])
            result[f"{one}_ADDR"] = ip
    return result


def _url(port: Object, ip: str) -> str:
    return f"{port.get('protocol', 'TCP').lower()}://{ip}:{port['port']}"


def data_of(ref: Ref, obj: Object) -> dict[str, bytes]:
    """Return the entries of a ConfigMap or Secret."""
    if ref.kind == "Secret":
        return {k: base64.b64decode(v) for k, v in (obj.get("data") or {}).items()}
    data = {k: str(v).encode() for k, v in (obj.get("data") or {}).items()}
    data.update({k: base64.b64decode(v) for k, v in (obj.get("binaryData") or {}).items()})
    return data


def _entries(ref: Ref, optional: bool, inputs: Inputs) -> dict[str, bytes] | None:
    obj = inputs.objects.get(ref)
    if obj is not None:
        return data_of(ref, obj)
    if optional:
        return None
    raise SourceMissingError(f'{ref.kind.lower()} "{ref.name}" not found')


def _from_key(selector: Object, kind: str, namespace: str, inputs: Inputs) -> str | None:
    ref = Ref(kind, selector["name"])
    optional = bool(selector.get("optional"))
    entries = _entries(ref, optional, inputs)
    if entries is not None and selector["key"] in entries:
        return entries[selector["key"]].decode(errors="replace")
    if optional:
        return None
    raise SourceMissingError(
        f"couldn't find key {selector['key']} in {kind} {namespace}/{ref.name}"
    )


def _from_source(variable: Object, container: Object, pod: Object, inputs: Inputs) -> str | None:
    source = variable["valueFrom"]
    namespace = pod["metadata"]["namespace"]
    if "configMapKeyRef" in source:
        return _from_key(source["configMapKeyRef"], "ConfigMap", namespace, inputs)
    if "secretKeyRef" in source:
        return _from_key(source["secretKeyRef"], "Secret", namespace, inputs)
    if "fieldRef" in source:
        return field_value(source["fieldRef"]["fieldPath"], pod, inputs)
    if "resourceFieldRef" in source:
        ref = source["resourceFieldRef"]
        return resource_value(ref, named_container(pod, ref, container), inputs)
    raise SourceMissingError(
        f"the variable {variable['name']} has a source that the sandbox doesn't know: "
        + ", ".join(source)
    )


def named_container(pod: Object, ref: Object, default: Object | None = None) -> Object:
    """Return the container that a ``resourceFieldRef`` names."""
    name = ref.get("containerName")
    for container in [
        *(pod["spec"].get("containers") or []),
        *(pod["spec"].get("initContainers") or []),
    ]:
        if container["name"] == name:
            return dict(container)
    if default is None:
        raise SourceMissingError(f"resourceFieldRef names no container of the Pod: {name!r}")
    return default


def environment(
    container: Object,
    pod: Object,
    inputs: Inputs,
    *,
    image_env: Iterable[str] = (),
    services: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return a container's whole environment.

    What comes later wins: image, Services, ``envFrom`` in order, ``env`` in order. A reference in ``env`` sees the variables of ``env``
    above it, and the Services' ones.

    Args:
        container: The container's spec.
        pod: The Pod.
        inputs: What it refers to.
        image_env: ``NAME=value`` of the image.
        services: :func:`service_environment`.

    Raises:
        SourceMissingError: Something that it refers to isn't there.
    """
    services = services or {}
    result = {
        "PATH": DEFAULT_PATH,
        "HOSTNAME": str(pod["spec"].get("hostname") or pod["metadata"]["name"]),
    }
    result.update(entry.partition("=")[::2] for entry in image_env)
    result.update(services)
    for source in container.get("envFrom") or []:
        kind, selector = next(
            (kind, source[field])
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
            if field in source
        )
        entries = _entries(Ref(kind, selector["name"]), bool(selector.get("optional")), inputs)
        for key, value in (entries or {}).items():
            result[source.get("prefix", "") + key] = value.decode(errors="replace")
    seen: dict[str, str] = {}
    for variable in container.get("env") or []:
        name = variable["name"]
        if variable.get("valueFrom"):
            found = _from_source(variable, container, pod, inputs)
            if found is None:
                continue
        else:
            found = expand(variable.get("value") or "", {**services, **seen})
        seen[name] = result[name] = found
    return result


def command_line(
    container: Object, env: Mapping[str, str], entrypoint: tuple[str, ...], cmd: tuple[str, ...]
) -> tuple[str, ...]:
    """Return what a container runs: ``command`` replaces the image's entry point and its ``CMD``, ``args`` only the latter.

    Example:
        >>> command_line({"args": ["$(N)"]}, {"N": "3"}, ("sleep",), ("1",))
        ('sleep', '3')
    """
    command = tuple(expand(word, env) for word in container.get("command") or ())
    args = tuple(expand(word, env) for word in container.get("args") or ())
    if command:
        return command + args
    return entrypoint + (args or cmd)
