"""What a ContainerizedWorkload stands for: a Deployment, a Service, and what holds its files (contract 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from oamkit.oam.containers import container_of, first_port
from oamkit.oam.kinds import API_VERSION, CONTAINERIZED_WORKLOAD, Obj
from oamkit.oam.metadata import NOT_COPIED
from oamkit.oam.shape import listing, mapping, required_text, text, texts
from oamkit.oam.volumes import Storage, storage_of

__all__ = ["LABEL_WORKLOAD", "Translation", "config_maps", "translate"]

LABEL_WORKLOAD: Final = "containerizedworkload.oam.crossplane.io"
"""The label that tells, by its UID, which workload an object belongs to."""

_ARCHITECTURES: Final = {"i386": "386"}
"""Where the value of the node label ``kubernetes.io/arch`` isn't the workload's."""


@dataclass(frozen=True, slots=True)
class Translation:
    """The objects of a workload.

    Args:
        deployment: The Deployment.
        service: The Service; ``None`` if no container has a port.
        claims: PersistentVolumeClaims.
        storage: What the Deployment mounts; :func:`config_maps` makes its files.
    """

    deployment: Obj
    service: Obj | None
    claims: tuple[Obj, ...]
    storage: Storage


def translate(workload: Obj) -> Translation:
    """Say a ContainerizedWorkload in the words of Kubernetes.

    Args:
        workload: The object as the API server has it.

    Raises:
        InputError: A part of it can't be read; the message names the field.
    """
    spec = mapping(workload.get("spec"), "spec")
    containers = [
        mapping(item, f"spec.containers[{i}]")
        for i, item in enumerate(listing(spec.get("containers"), "spec.containers"))
    ]
    name = _name(workload)
    storage = storage_of(name, containers)
    return Translation(
        deployment=_deployment(workload, spec, containers, storage),
        service=_service(workload, containers),
        claims=tuple(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": _metadata(workload, claim.name),
                "spec": {
                    "accessModes": ["ReadWriteMany" if claim.shared else "ReadWriteOnce"],
                    "resources": {"requests": {"storage": claim.size}},
                },
            }
            for claim in storage.claims
        ),
        storage=storage,
    )


def config_maps(workload: Obj, translation: Translation, deployment_uid: str) -> list[Obj]:
    """Return the ConfigMaps with the workload's files.

    Args:
        workload: The workload.
        translation: What :func:`translate` made of it.
        deployment_uid: The UID of the Deployment, which owns them.
    """
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": _name(workload),
        "uid": deployment_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**_metadata(workload, file.config_map), "ownerReferences": [owner]},
            "data": {file.key: file.value},
        }
        for file in translation.storage.files
    ]


def _deployment(workload: Obj, spec: Obj, containers: list[Obj], storage: Storage) -> Obj:
    pod: Obj = {
        "nodeSelector": _node_selector(spec),
        "imagePullSecrets": [{"name": name} for name in _pull_secrets(containers)],
        "containers": [
            container_of(container, f"spec.containers[{i}]", storage.mounts[i])
            for i, container in enumerate(containers)
        ],
        "volumes": storage.volumes,
    }
    marked = _marked(workload)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(workload, _name(workload)),
        "spec": {
            "selector": {"matchLabels": marked},
            "template": {
                "metadata": {"labels": {**_labels(workload), **marked}},
                "spec": {key: value for key, value in pod.items() if value},
            },
        },
    }


def _service(workload: Obj, containers: list[Obj]) -> Obj | None:
    port = first_port(containers)
    if port is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": _name(workload),
            "namespace": workload["metadata"].get("namespace"),
            "labels": _marked(workload),
            "ownerReferences": [_owner(workload)],
        },
        "spec": {
            "type": "ClusterIP",
            "selector": _marked(workload),
            "ports": [
                {
                    "name": _name(workload),
                    "port": port.get("containerPort"),
                    "targetPort": port.get("containerPort"),
                    "protocol": port.get("protocol") or "TCP",
                }
            ],
        },
    }


def _metadata(workload: Obj, name: str) -> Obj:
    annotations = texts(workload["metadata"].get("annotations"), "metadata.annotations")
    return {
        "name": name,
        "namespace": workload["metadata"].get("namespace"),
        "labels": {**_labels(workload), **_marked(workload)},
        "annotations": {key: annotations[key] for key in annotations if key not in NOT_COPIED},
        "ownerReferences": [_owner(workload)],
    }


def _owner(workload: Obj) -> Obj:
    return {
        "apiVersion": API_VERSION,
        "kind": CONTAINERIZED_WORKLOAD,
        "name": _name(workload),
        "uid": workload["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _marked(workload: Obj) -> dict[str, str]:
    return {LABEL_WORKLOAD: workload["metadata"]["uid"]}


def _labels(workload: Obj) -> dict[str, str]:
    return texts(workload["metadata"].get("labels"), "metadata.labels")


def _name(workload: Obj) -> str:
    return required_text(workload["metadata"], "name", "metadata")


def _node_selector(spec: Obj) -> dict[str, str]:
    system, arch = (text(spec.get(field), f"spec.{field}") for field in ("osType", "arch"))
    selector = {"kubernetes.io/os": system, "kubernetes.io/arch": _ARCHITECTURES.get(arch, arch)}
    return {label: value for label, value in selector.items() if value}


def _pull_secrets(containers: list[Obj]) -> list[str]:
    named = (text(container.get("imagePullSecret"), "imagePullSecret") for container in containers)
    return [name for name in dict.fromkeys(named) if name]
