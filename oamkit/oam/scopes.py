"""Which scopes a workload joins and leaves, and the lists in which scopes keep their workloads (contract 3.9)."""

from __future__ import annotations

from typing import NamedTuple

from oamkit.errors import RenderError
from oamkit.oam import fieldpath
from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.kinds import Obj, TypedReference
from oamkit.oam.plan import Plan
from oamkit.oam.shape import copied, quoted

__all__ = ["Membership", "all_memberships", "left_memberships", "with_workload", "without_workload"]


class Membership(NamedTuple):
    """A workload in a scope."""

    scope: TypedReference
    workload: TypedReference


def all_memberships(app: ApplicationConfiguration) -> tuple[Membership, ...]:
    """Return the memberships that the application's status records; its deletion ends all of them."""
    return tuple(
        Membership(scope, recorded.reference)
        for recorded in app.recorded
        for scope in recorded.scopes
    )


def left_memberships(app: ApplicationConfiguration, plan: Plan) -> tuple[Membership, ...]:
    """Return the recorded memberships that ``plan`` doesn't have any more."""
    kept = {
        Membership(scope.reference, component.reference)
        for component in plan.components
        for scope in component.scopes
    }
    return tuple(membership for membership in all_memberships(app) if membership not in kept)


def with_workload(scope: Obj, path: str, workload: TypedReference) -> Obj | None:
    """Return the scope with the workload in its list; ``None`` if it is there already.

    Args:
        scope: The scope as read just now; it isn't changed.
        path: The list's field path, ``workloadRefsPath`` of the ScopeDefinition.
        workload: The workload.

    Raises:
        RenderError: There is no list at the path.

    Example:
        >>> web = TypedReference("apps/v1", "Deployment", "web")
        >>> with_workload({"spec": {"workloadRefs": []}}, "spec.workloadRefs", web)["spec"]
        {'workloadRefs': [{'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'web'}]}
    """
    references = _references(scope, path)
    if any(_is(item, workload) for item in references):
        return None
    changed = copied(scope)
    fieldpath.set_value(changed, path, [*copied(references), workload.to_dict()])
    return changed


def without_workload(scope: Obj, path: str, workload: TypedReference) -> Obj | None:
    """Return the scope without the workload in its list, the order kept; ``None`` if it isn't there.

    Example:
        >>> without_workload({"spec": {}}, "spec.workloadRefs", TypedReference("v1", "Pod", "web"))
    """
    try:
        references = _references(scope, path)
    except RenderError:
        return None
    rest = [item for item in references if not _is(item, workload)]
    if len(rest) == len(references):
        return None
    changed = copied(scope)
    fieldpath.set_value(changed, path, copied(rest))
    return changed


def _references(scope: Obj, path: str) -> list[object]:
    try:
        value = fieldpath.get_value(scope, path)
    except fieldpath.FieldPathError as error:
        raise _no_list(scope, path) from error
    if not isinstance(value, list):
        raise _no_list(scope, path)
    return value


def _no_list(scope: Obj, path: str) -> RenderError:
    reference = TypedReference.to(scope)
    parts = (reference.api_version, reference.kind, reference.name)
    return RenderError(
        f"cannot find scope workloadRef {' '.join(map(quoted, parts))}"
        f" with workloadRefsPath {quoted(path)}",
        hint="The scope must have a list there; an empty one will do.",
    )


def _is(item: object, workload: TypedReference) -> bool:
    return isinstance(item, dict) and (
        item.get("apiVersion"),
        item.get("kind"),
        item.get("name"),
    ) == (workload.api_version, workload.kind, workload.name)
