"""The downward API: what a Pod may know of itself (``fieldRef``) and of its resources (``resourceFieldRef``).

Source: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation

from oamkit.sandbox.agent.model import Inputs, Object, SourceMissingError

__all__ = ["field_value", "quantity", "resource_value"]

_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


def quantity(text: str | float) -> Decimal:
    """Read a resource quantity (``k8s.io/apimachinery/pkg/api/resource``).

    Raises:
        ValueError: It isn't one.

    Example:
        >>> quantity("250m"), quantity("1Ki"), quantity("2e3")
        (Decimal('0.250'), Decimal('1024'), Decimal('2E+3'))
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if match:
        number, suffix = match.groups()
        try:
            if suffix in _BINARY:
                return Decimal(number) * Decimal(2 ** _BINARY[suffix])
            if suffix in _SUFFIXES:
                return Decimal(number).scaleb(_SUFFIXES[suffix])
        except InvalidOperation:
            pass
    raise ValueError(f"{text!r} is no resource quantity, e.g. 250m, 64Mi or 2")


def _quoted_lines(values: dict[str, str]) -> str:
    return "\n".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in sorted(values.items()))


def field_value(path: str, pod: Object, inputs: Inputs) -> str:
    """Return the value of a ``fieldRef``.

    Raises:
        SourceMissingError: The field can't be had this way.
    """
    meta, spec = pod["metadata"], pod["spec"]
    match = _SUBSCRIPT.fullmatch(path)
    if match:
        return str((meta.get(match[1]) or {}).get(match[2], ""))
    simple = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "metadata.labels": _quoted_lines(meta.get("labels") or {}),
        "metadata.annotations": _quoted_lines(meta.get("annotations") or {}),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": inputs.node.ip,
        "status.hostIPs": inputs.node.ip,
        "status.podIP": inputs.pod_ip,
        "status.podIPs": inputs.pod_ip,
    }
    if path not in simple:
        raise SourceMissingError(f"fieldPath {path!r} isn't supported by the downward API")
    return str(simple[path])


def resource_value(ref: Object, container: Object, inputs: Inputs) -> str:
    """Return the value of a ``resourceFieldRef``, in units of its divisor, rounded up.

    A limit that isn't set is what the node has; a request that isn't set is 0.

    Raises:
        SourceMissingError: The resource can't be had this way.
    """
    kind, _, name = str(ref["resource"]).partition(".")
    resources = container.get("resources") or {}
    node = {
        "cpu": Decimal(str(inputs.node.cpus)),
        "memory": Decimal(inputs.node.memory),
        "ephemeral-storage": Decimal(inputs.node.storage),
    }
    if kind not in ("limits", "requests") or (
        name not in node and not name.startswith("hugepages-")
    ):
        raise SourceMissingError(f"resource {ref['resource']!r} isn't supported")
    missing = node.get(name, Decimal(0)) if kind == "limits" else Decimal(0)
    values = resources.get(kind) or {}
    try:
        value = quantity(values[name]) if name in values else missing
        divisor = quantity(ref.get("divisor") or "1")
    except ValueError as error:
        raise SourceMissingError(str(error)) from error
    return str(math.ceil(value / (divisor or 1)))
