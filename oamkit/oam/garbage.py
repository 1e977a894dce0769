"""What an earlier pass applied and this one doesn't want any more (contract 2.5)."""

from __future__ import annotations

from dataclasses import replace

from oamkit.oam import legacy
from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.kinds import TypedReference
from oamkit.oam.naming import is_revision_of, revision_component
from oamkit.oam.plan import Plan

__all__ = ["garbage"]


def garbage(app: ApplicationConfiguration, plan: Plan) -> tuple[TypedReference, ...]:
    """Return what to delete after ``plan`` was applied completely, in the order of deleting.

    An object is the same in all API versions of its kind: what is now applied as ``networking.k8s.io/v1`` Ingress
    isn't deleted because it is recorded as an ``extensions/v1beta1`` one, and what is recorded in a version that left
    Kubernetes is deleted in the one that took over.

    The workload of an older revision stays while its component is there and has a trait that works with revisions:
    that trait retires it. Only a revision's exact name counts as one, so that ``web-prod`` isn't spared for starting
    with the name of component ``web``.

    Args:
        app: The application as read before the pass; its status tells what was applied.
        plan: What was applied now.

    Example:
        >>> app = ApplicationConfiguration.parse({
        ...     "metadata": {"name": "example"},
        ...     "status": {"workloads": [{"componentName": "web", "workloadRef":
        ...         {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}]},
        ... })
        >>> [str(reference) for reference in garbage(app, Plan())]
        ["Deployment 'web' of apps/v1"]
    """
    wanted = {_identity(part.reference) for part in plan.parts()}
    versioned = {component.name for component in plan.components if component.revision_enabled}
    found: dict[tuple[str, ...], TypedReference] = {}

    def discard(reference: TypedReference) -> None:
        identity = _identity(reference)
        if reference.name and identity not in wanted and identity not in found:
            to = legacy.successor(reference.api_version, reference.kind)
            found[identity] = replace(reference, api_version=to) if to else reference

    for recorded in app.recorded:
        for trait in recorded.traits:
            discard(trait)
        name = recorded.component_name
        if not (name in versioned and is_revision_of(recorded.reference.name, name)):
            discard(recorded.reference)
    for old in app.history:
        component = revision_component(old.name)
        if component and component not in versioned:
            discard(old)
    return tuple(found.values())


def _identity(reference: TypedReference) -> tuple[str, ...]:
    return (*legacy.family(reference.api_version, reference.kind), reference.name)
