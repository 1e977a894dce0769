"""What a Pod's volumes hold, as plain data; :mod:`oamkit.sandbox.agent.volume_files` writes it.

=============================================  =================================================================================
volume                                         here
=============================================  =================================================================================
``configMap``, ``secret``, ``downwardAPI``,    files that are replaced all at once when the source changes
``projected``
``emptyDir``                                   a folder that lives as long as the Pod; ``medium: Memory`` in memory where possible
``hostPath``                                   the path of this machine, with the rights of the user who runs the sandbox
anything else                                  refused with a message: the Pod waits, and an event says why
=============================================  =================================================================================

Source: https://kubernetes.io/docs/concepts/storage/volumes/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from oamkit.sandbox.agent.environment import data_of, expand, named_container
from oamkit.sandbox.agent.fields import field_value, resource_value
from oamkit.sandbox.agent.model import Inputs, Object, Ref, SourceMissingError
from oamkit.sandbox.agent.references import sources, token_key
from oamkit.sandbox.cri import Mount

__all__ = ["FileContent", "MountPlan", "holds_files", "mounts", "unsupported", "volume_content"]

_KNOWN = frozenset({"configMap", "secret", "downwardAPI", "projected", "emptyDir", "hostPath"})


@dataclass(frozen=True)
class FileContent:
    """One file of a volume.

    Attributes:
        data: Its content.
        mode: Its permission bits.
    """

    data: bytes
    mode: int


def unsupported(volumes: Iterable[Object]) -> str:
    """Return why a Pod with these volumes can't run here; ``""`` if it can."""
    for volume in volumes:
        kinds = set(volume) - {"name"}
        if not kinds & _KNOWN and kinds:
            kind = ", ".join(sorted(kinds))
            return (
                f'volume "{volume["name"]}" is of the kind {kind}, which the sandbox has no storage for; '
                f"use one of {', '.join(sorted(_KNOWN))}, or a kind cluster"
            )
    return ""


def holds_files(volume: Object) -> bool:
    """Tell whether a volume's content comes from the API."""
    return bool({"configMap", "secret", "downwardAPI", "projected"} & set(volume))


def volume_content(volume: Object, pod: Object, inputs: Inputs) -> dict[str, FileContent]:
    """Return the files of a volume, by relative path.

    Raises:
        SourceMissingError: Something that it refers to isn't there.
    """
    body = volume.get("projected") or volume.get("configMap") or volume.get("secret")
    body = body or volume.get("downwardAPI") or {}
    mode = int(body.get("defaultMode", 0o644))
    files: dict[str, FileContent] = {}
    for source in sources(volume):
        files.update(_source_content(source, mode, pod, inputs))
    return files


def _source_content(
    source: Object, mode: int, pod: Object, inputs: Inputs
) -> dict[str, FileContent]:
    if "serviceAccountToken" in source:
        token = inputs.tokens.get(token_key(source))
        if token is None:
            raise SourceMissingError("the service account's token isn't there yet")
        return {
            _relative(source["serviceAccountToken"]["path"]): FileContent(token.encode(), 0o600)
        }
    if "downwardAPI" in source:
        return dict(_downward(source["downwardAPI"], mode, pod, inputs))
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if field in source:
            return _keys(Ref(kind, source[field]["name"]), source[field], mode, pod, inputs)
    raise SourceMissingError(f"the sandbox can't project {', '.join(source)}")


def _downward(
    body: Object, mode: int, pod: Object, inputs: Inputs
) -> Iterable[tuple[str, FileContent]]:
    for item in body.get("items") or []:
        if "fieldRef" in item:
            value = field_value(item["fieldRef"]["fieldPath"], pod, inputs)
        else:
            ref = item["resourceFieldRef"]
            value = resource_value(ref, named_container(pod, ref), inputs)
        yield _relative(item["path"]), FileContent(value.encode(), int(item.get("mode", mode)))


def _keys(ref: Ref, body: Object, mode: int, pod: Object, inputs: Inputs) -> dict[str, FileContent]:
    obj = inputs.objects.get(ref)
    optional = bool(body.get("optional"))
    if obj is None:
        if optional:
            return {}
        raise SourceMissingError(f'{ref.kind.lower()} "{ref.name}" not found')
    entries = data_of(ref, obj)
    if not body.get("items"):
        return {_relative(key): FileContent(data, mode) for key, data in entries.items()}
    files = {}
    for item in body["items"]:
        if item["key"] in entries:
            content = FileContent(entries[item["key"]], int(item.get("mode", mode)))
            files[_relative(item["path"])] = content
        elif not optional:
            where = f"{pod['metadata']['namespace']}/{ref.name}"
            raise SourceMissingError(f"references non-existent key: {item['key']} in {where}")
    return files


def _relative(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise SourceMissingError(f"the path {path!r} must be relative and must not contain '..'")
    return str(pure)


@dataclass(frozen=True)
class MountPlan:
    """A mount of a container, and what has to be made for it first.

    Attributes:
        mount: The mount.
        inside: The folder that its source must not leave, also not by a symbolic link; ``None`` without ``subPath``.
        make: Whether a missing source is made as a folder.
    """

    mount: Mount
    inside: Path | None = None
    make: bool = False


def mounts(
    container: Object,
    folders: Mapping[str, Path],
    read_only: frozenset[str],
    env: Mapping[str, str],
) -> list[MountPlan]:
    """Return a container's mounts, outermost first.

    Args:
        container: The container's spec.
        folders: Where each volume of the Pod is on this machine.
        read_only: The volumes that nobody may write to: those whose content comes from the API.
        env: The container's environment, for ``subPathExpr``.

    Raises:
        SourceMissingError: A volume isn't there, or a ``subPath`` leaves it.
    """
    plans = []
    for mount in container.get("volumeMounts") or []:
        name = mount["name"]
        if name not in folders:
            raise SourceMissingError(
                f'volume "{name}" of container "{container["name"]}" isn\'t there'
            )
        sub = mount.get("subPath") or expand(mount.get("subPathExpr") or "", env)
        source = folders[name]
        fixed = name in read_only
        if sub:
            source = source / _relative(sub)
        entry = Mount(source, mount["mountPath"], bool(mount.get("readOnly")) or fixed)
        plans.append(MountPlan(entry, folders[name] if sub else None, bool(sub) and not fixed))
    return sorted(plans, key=lambda plan: len(PurePosixPath(plan.mount.target).parts))
