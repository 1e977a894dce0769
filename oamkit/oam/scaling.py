"""How a ManualScalerTrait scales a workload (contract 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oamkit.errors import OamKitError
from oamkit.oam import fieldpath
from oamkit.oam.kinds import (
    API_VERSION,
    GROUP,
    LABEL_WORKLOAD_TYPE,
    MANUAL_SCALER_TRAIT,
    Obj,
    TypedReference,
)
from oamkit.oam.naming import definition_name
from oamkit.oam.shape import listing, mapping, reference, required_text, text, texts

__all__ = [
    "REPLICAS",
    "ChildKind",
    "adopt_count",
    "child_kinds",
    "is_child",
    "is_scaled",
    "replicas_path",
    "scaled",
    "workload_definition_name",
    "workload_of",
]

REPLICAS = "spec.replicas"
"""Where Kubernetes' own kinds keep how many they should be."""


@dataclass(frozen=True, slots=True)
class ChildKind:
    """A kind of object that the controller of a workload makes (contract 1.2)."""

    api_version: str
    kind: str
    selector: Mapping[str, str]


def workload_of(trait: Obj) -> TypedReference:
    """Return which workload the trait scales.

    Raises:
        OamKitError: It doesn't tell.
    """
    spec = mapping(trait.get("spec"), "spec")
    found = reference(spec.get("workloadRef"), "spec.workloadRef")
    if not (found.api_version and found.kind and found.name):
        raise OamKitError(
            "no workload reference",
            hint="Its TraitDefinition's workloadRefPath lets the runtime fill it in.",
        )
    return found


def workload_definition_name(workload: Obj, plural: str) -> str:
    """Return the name of a workload's definition: that of its type label, else of its kind.

    Example:
        >>> workload_definition_name({"apiVersion": "apps/v1", "metadata": {}}, "deployments")
        'deployments.apps'
    """
    labels = texts(workload["metadata"].get("labels"), "metadata.labels")
    return labels.get(LABEL_WORKLOAD_TYPE) or definition_name(plural, workload["apiVersion"])


def child_kinds(definition: Obj | None) -> tuple[ChildKind, ...]:
    """Return the kinds that a WorkloadDefinition declares as its workload's children.

    Args:
        definition: The definition; ``None`` if there is none.

    Raises:
        InputError: It can't be read.
    """
    spec = mapping((definition or {}).get("spec"), "spec")
    kinds: list[ChildKind] = []
    for i, item in enumerate(listing(spec.get("childResourceKinds"), "spec.childResourceKinds")):
        at = f"spec.childResourceKinds[{i}]"
        data = mapping(item, at)
        kinds.append(
            ChildKind(
                required_text(data, "apiVersion", at),
                required_text(data, "kind", at),
                texts(data.get("selector"), f"{at}.selector"),
            )
        )
    return tuple(kinds)


def is_child(obj: Obj, workload: Obj) -> bool:
    """Tell whether the workload owns an object."""
    uid = workload["metadata"]["uid"]
    return any(owner["uid"] == uid for owner in obj["metadata"].get("ownerReferences") or ())


def replicas_path(crd: Obj, version: str) -> str:
    """Return where objects of a custom kind keep their number; ``""`` if they can't be scaled.

    ``spec.replicas`` counts if the schema declares it as an integer, else what the ``scale`` subresource names
    (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource).

    Args:
        crd: The CustomResourceDefinition.
        version: The version that is used.
    """
    for served in crd["spec"]["versions"]:
        if served["name"] == version:
            properties = ((served.get("schema") or {}).get("openAPIV3Schema") or {}).get(
                "properties"
            ) or {}
            replicas = ((properties.get("spec") or {}).get("properties") or {}).get("replicas")
            if replicas and replicas.get("type") == "integer":
                return REPLICAS
            scale = (served.get("subresources") or {}).get("scale") or {}
            return text(scale.get("specReplicasPath"), "specReplicasPath").lstrip(".")
    return ""


def is_scaled(obj: Obj, trait: Obj, path: str) -> bool:
    """Tell whether an object has the trait's number, and the trait among its owners if it has any.

    Raises:
        OamKitError: ``path`` leads through something that isn't an object.
    """
    uids = {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}
    try:
        return (not uids or trait["metadata"]["uid"] in uids) and fieldpath.get_value(
            obj, path
        ) == trait["spec"]["replicaCount"]
    except fieldpath.FieldNotFoundError:
        return False


def scaled(obj: Obj, trait: Obj, path: str) -> Obj:
    """Return what to apply to an object to scale it.

    Its UID is part of it: an object that is gone by then must not be made anew. The trait becomes one more of its owners, but
    never the only one: deleting the trait would delete the object.

    Raises:
        OamKitError: ``spec`` isn't an object.
    """
    if not isinstance(obj.get("spec", {}), dict):
        raise OamKitError("spec is not an object")
    metadata = obj["metadata"]
    owner = {
        "apiVersion": API_VERSION,
        "kind": MANUAL_SCALER_TRAIT,
        "name": trait["metadata"]["name"],
        "uid": trait["metadata"]["uid"],
        "controller": False,
        "blockOwnerDeletion": True,
    }
    wanted: Obj = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {key: metadata[key] for key in ("name", "namespace", "uid")},
    }
    if any(other["uid"] != owner["uid"] for other in metadata.get("ownerReferences") or ()):
        wanted["metadata"]["ownerReferences"] = [owner]
    fieldpath.set_value(wanted, path, trait["spec"]["replicaCount"])
    return wanted


def adopt_count(workload: Obj, traits: Iterable[Obj]) -> None:
    """Let a workload whose template says ``spec.replicas`` say the number of the trait that scales it, in place.

    Else application and trait would take turns in setting it.

    Example:
        >>> web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}}
        >>> ref = TypedReference.to(web).to_dict()
        >>> adopt_count(web, [{"apiVersion": "core.oam.dev/v1alpha2", "kind": "ManualScalerTrait",
        ...                    "spec": {"replicaCount": 5, "workloadRef": ref}}])
        >>> web["spec"]
        {'replicas': 5}
    """
    spec = workload.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("replicas"), int):
        return
    for trait in traits:
        wanted = trait.get("spec")
        if (
            trait.get("kind") == MANUAL_SCALER_TRAIT
            and str(trait.get("apiVersion")).startswith(f"{GROUP}/")
            and isinstance(wanted, dict)
            and wanted.get("workloadRef") == TypedReference.to(workload).to_dict()
            and isinstance(wanted.get("replicaCount"), int)
        ):
            spec["replicas"] = wanted["replicaCount"]
