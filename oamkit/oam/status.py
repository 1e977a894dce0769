"""The status of an ApplicationConfiguration (contract 2.6).

Statuses are plain dicts, whole ones: whoever writes them compares the new one with the old one, and writes nothing if
they are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.conditions import CONVERTED, converted, set_condition, synced, unset
from oamkit.oam.kinds import (
    LABEL_APP,
    LABEL_COMPONENT,
    LABEL_ROLE,
    ROLE_WORKLOAD,
    Obj,
    TypedReference,
)
from oamkit.oam.plan import Plan, RenderedComponent

__all__ = ["failed", "history_labels", "history_of", "succeeded"]


def succeeded(
    app: ApplicationConfiguration,
    status: Obj,
    plan: Plan,
    *,
    now: str,
    history: Sequence[Obj] = (),
    unsatisfied: Sequence[Obj] = (),
) -> Obj:
    """Return the status after a pass that applied all of ``plan``.

    Args:
        app: The application as read before the pass.
        status: Its status then; it isn't changed. What others wrote about a workload or trait is kept.
        plan: What was applied.
        now: The time in RFC 3339.
        history: Entries made by :func:`history_of`.
        unsatisfied: Dependencies that wait for data.
    """
    conditions = set_condition(status.get("conditions") or [], synced(), now)
    conversions = [str(conversion) for conversion in plan.conversions()]
    if conversions:
        conditions = set_condition(conditions, converted(conversions), now)
    else:
        conditions = unset(conditions, CONVERTED)
    workload_statuses = {
        (recorded.component_name, recorded.revision_name, recorded.reference): recorded.status
        for recorded in app.recorded
    }
    trait_statuses = {
        reference: text
        for recorded in app.recorded
        for reference, text in zip(recorded.traits, recorded.trait_statuses, strict=True)
    }
    new = {
        **status,
        "conditions": conditions,
        "observedGeneration": app.generation,
        "dependency": _dependency(unsatisfied),
        "workloads": [
            _workload(
                component,
                workload_statuses.get(
                    (component.name, component.revision_name, component.reference), ""
                ),
                trait_statuses,
            )
            for component in plan.components
        ],
        "historyWorkloads": list(history),
    }
    return {key: value for key, value in new.items() if value != []}


def failed(
    app: ApplicationConfiguration,
    status: Obj,
    message: str,
    *,
    now: str,
    unsatisfied: Sequence[Obj] = (),
) -> Obj:
    """Return the status after a pass that failed: what was recorded before stays.

    Args:
        app: The application as read before the pass.
        status: Its status then; it isn't changed.
        message: What went wrong, e.g. ``"cannot render components: …"``.
        now: The time in RFC 3339.
        unsatisfied: Dependencies that wait for data, if the pass got so far.
    """
    return {
        **status,
        "conditions": set_condition(status.get("conditions") or [], synced(message), now),
        "observedGeneration": app.generation,
        "dependency": _dependency(unsatisfied),
    }


def _dependency(unsatisfied: Sequence[Obj]) -> Obj:
    return {"unsatisfied": list(unsatisfied)} if unsatisfied else {}


def _workload(
    component: RenderedComponent, status: str, trait_statuses: dict[TypedReference, str]
) -> Obj:
    fields: Obj = {
        "status": status,
        "componentName": component.name,
        "componentRevisionName": component.revision_name,
        "workloadRef": component.reference.to_dict(),
        "traits": [
            _filled(
                {
                    "status": trait_statuses.get(trait.reference, ""),
                    "traitRef": trait.reference.to_dict(),
                    "message": trait.message,
                }
            )
            for trait in component.traits
        ],
        "scopes": [{"scopeRef": scope.reference.to_dict()} for scope in component.scopes],
    }
    return _filled(fields)


def _filled(fields: Obj) -> Obj:
    return {key: value for key, value in fields.items() if value}


def history_labels(app: ApplicationConfiguration, component: RenderedComponent) -> dict[str, str]:
    """Return the labels by which all revisions of a component's workload are found, in the application's namespace."""
    return {
        LABEL_APP: app.name,
        LABEL_COMPONENT: component.name,
        LABEL_ROLE: ROLE_WORKLOAD,
    }


def history_of(component: RenderedComponent, live: Iterable[Obj]) -> list[Obj]:
    """Return the entries of ``status.historyWorkloads`` for a component.

    Args:
        component: The component.
        live: The objects of its workload's kind that carry :func:`history_labels`, in the application's namespace.

    Returns:
        One entry for each but the current workload, sorted by name; nothing if no trait works with revisions.
    """
    if not component.revision_enabled:
        return []
    current = component.reference
    entries: list[Obj] = []
    for obj in live:
        metadata = obj.get("metadata") or {}
        name = str(metadata.get("name", ""))
        if name and name != current.name:
            old = TypedReference(
                current.api_version, current.kind, name, str(metadata.get("uid", ""))
            )
            entries.append({"revision": name, "workloadRef": old.to_dict()})
    return sorted(entries, key=lambda entry: str(entry["revision"]))
