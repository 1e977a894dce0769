"""The files and volumes of a ContainerizedWorkload's containers (contract 6.1 and 6.3).

Files that stand in one directory of a container come in one projected volume: a directory can be mounted only once.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oamkit.errors import InputError
from oamkit.oam.kinds import Obj
from oamkit.oam.shape import listing, mapping, required_text, text

__all__ = ["Claim", "ConfigFile", "Storage", "path_hash", "storage_of"]

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""What Kubernetes lets a volume be called."""


def path_hash(path: str) -> int:
    """Return the 32-bit FNV-1a hash of a path, by which upstream tells config files apart.

    Example:
        >>> path_hash("/test/path/config")
        3972676475
    """
    value = 0x811C9DC5
    for byte in path.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file whose content stands in the workload: it comes in a ConfigMap of its own."""

    config_map: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A volume that outlives its Pods.

    Args:
        name: The PersistentVolumeClaim's name.
        size: As a Kubernetes quantity.
        shared: Whether several nodes may write it at the same time.
    """

    name: str
    size: str
    shared: bool


@dataclass(slots=True)
class Storage:
    """What a workload's containers need of volumes.

    Args:
        volumes: Of the Pod.
        mounts: For each container, in order.
        files: To be made as ConfigMaps.
        claims: To be made as PersistentVolumeClaims.
    """

    volumes: list[Obj]
    mounts: list[list[Obj]]
    files: list[ConfigFile]
    claims: list[Claim]


def storage_of(workload: str, containers: list[Obj]) -> Storage:
    """Return the volumes, mounts and objects that hold the files of a workload.

    Args:
        workload: The workload's name.
        containers: ``spec.containers``.

    Raises:
        InputError: A file has neither content nor secret, its path is no absolute path of a file, or two things have one path.
    """
    storage = Storage([], [[] for _ in containers], [], [])
    for i, container in enumerate(containers):
        _add_volumes(storage, workload, i, container)
    for i, container in enumerate(containers):
        _add_files(storage, workload, i, container)
        _check_paths(storage.mounts[i], f"spec.containers[{i}]")
    return storage


def _check_paths(mounts: list[Obj], at: str) -> None:
    seen: set[str] = set()
    for mount in mounts:
        path = str(mount["mountPath"]).rstrip("/")
        if path in seen:
            raise InputError(
                f"two volumes, or a volume and a file, are to be at {path or '/'}",
                field=at,
                hint="Give one of them another path.",
            )
        seen.add(path)


def _add_volumes(storage: Storage, workload: str, index: int, container: Obj) -> None:
    at = f"spec.containers[{index}].resources"
    resources = mapping(container.get("resources"), at)
    for j, item in enumerate(listing(resources.get("volumes"), f"{at}.volumes")):
        volume = mapping(item, f"{at}.volumes[{j}]")
        name = required_text(volume, "name", f"{at}.volumes[{j}]")
        mount = {"name": name, "mountPath": volume.get("mountPath")}
        if volume.get("accessMode") == "RO":
            mount["readOnly"] = True
        storage.mounts[index].append(mount)
        if any(known["name"] == name for known in storage.volumes):
            continue  # containers that name one volume share it
        disk = mapping(volume.get("disk"), f"{at}.volumes[{j}].disk")
        size = text(disk.get("required"), f"{at}.volumes[{j}].disk.required")
        if disk and not disk.get("ephemeral"):
            claim = Claim(f"{workload}-{name}", size, volume.get("sharingPolicy") == "Shared")
            storage.claims.append(claim)
            source: Obj = {"persistentVolumeClaim": {"claimName": claim.name}}
        else:
            source = {"emptyDir": {"sizeLimit": size} if size else {}}
        storage.volumes.append({"name": name, **source})


def _add_files(storage: Storage, workload: str, index: int, container: Obj) -> None:
    by_directory: dict[str, list[tuple[str, Obj]]] = {}
    for name, mount_path, source, file in _files(workload, index, container):
        by_directory.setdefault(mount_path, []).append((name, source))
        if file is not None:
            storage.files.append(file)
    for mount_path, sources in by_directory.items():
        volume = _volume(*sources[0]) if len(sources) == 1 else _projected(sources)
        known = next((v for v in storage.volumes if v["name"] == volume["name"]), None)
        if known is not None and known != volume:
            volume["name"] = _volume_name(f"{volume['name']}-{path_hash(f'{index}{mount_path}')}")
            known = None
        if known is None:
            storage.volumes.append(volume)
        storage.mounts[index].append({"name": volume["name"], "mountPath": mount_path})


def _files(
    workload: str, index: int, container: Obj
) -> Iterator[tuple[str, str, Obj, ConfigFile | None]]:
    """Yield each file's volume name, mount path, source as in a projected volume, and what must be made for it."""
    at = f"spec.containers[{index}].config"
    seen: set[str] = set()
    for i, item in enumerate(listing(container.get("config"), at)):
        entry = mapping(item, f"{at}[{i}]")
        path = required_text(entry, "path", f"{at}[{i}]")
        directory, name = posixpath.split(path)
        if not path.startswith("/") or not name:
            raise InputError(
                f"expected an absolute path of a file, got {path!r}", field=f"{at}[{i}].path"
            )
        if path in seen:
            raise InputError(f"there is another file {path}", field=f"{at}[{i}].path")
        seen.add(path)
        if entry.get("value") is not None:
            value = text(entry["value"], f"{at}[{i}].value")
            config_map = f"{workload}-{container.get('name')}-{path_hash(path)}"
            # With a trailing slash, as upstream has it.
            mount_path = f"{directory.rstrip('/')}/"
            source = {"configMap": {"name": config_map}}
            yield config_map, mount_path, source, ConfigFile(config_map, name, value)
        elif entry.get("fromSecret"):
            secret = mapping(entry["fromSecret"], f"{at}[{i}].fromSecret")
            secret_name = required_text(secret, "name", f"{at}[{i}].fromSecret")
            key = required_text(secret, "key", f"{at}[{i}].fromSecret")
            items = [{"key": key, "path": key}]
            yield secret_name, path, {"secret": {"name": secret_name, "items": items}}, None
        else:
            raise InputError(
                f"the file {path} has neither value nor fromSecret",
                field=f"{at}[{i}]",
                hint="Set one of them.",
            )


def _volume(name: str, source: Obj) -> Obj:
    if "secret" in source:
        secret = source["secret"]
        source = {"secret": {"secretName": secret["name"], "items": secret["items"]}}
    return {"name": _volume_name(name), **source}


def _projected(sources: list[tuple[str, Obj]]) -> Obj:
    return {
        "name": _volume_name(sources[0][0]),
        "projected": {"sources": [source for _, source in sources]},
    }


def _volume_name(name: str) -> str:
    """Return ``name``, or one made of it if a volume can't be called so."""
    if _LABEL.fullmatch(name):
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:50].strip("-")
    return f"{readable or 'v'}-{path_hash(name)}"
