"""The Open Application Model as pure functions over plain data: no cluster, no files.

The way of one ApplicationConfiguration: :func:`needs` names the facts to look up, :func:`render` makes the
:class:`Plan` from them, :func:`flow` passes data on, :func:`garbage` tells what an earlier plan left behind, :func:`succeeded` and :func:`failed`
write the status.
"""

from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.component import Component
from oamkit.oam.definitions import ScopeDefinition, TraitDefinition
from oamkit.oam.flow import Flow, flow
from oamkit.oam.garbage import garbage
from oamkit.oam.kinds import TypedReference
from oamkit.oam.legacy import Conversion
from oamkit.oam.needs import Needs, needs, scope_needs
from oamkit.oam.plan import Plan, RenderedComponent, RenderedScope, RenderedTrait
from oamkit.oam.render import render
from oamkit.oam.scopes import Membership, all_memberships, left_memberships
from oamkit.oam.status import failed, history_labels, history_of, succeeded
from oamkit.oam.world import KindKey, ObjectKey, ServedKind, World

__all__ = [
    "ApplicationConfiguration",
    "Component",
    "Conversion",
    "Flow",
    "KindKey",
    "Membership",
    "Needs",
    "ObjectKey",
    "Plan",
    "RenderedComponent",
    "RenderedScope",
    "RenderedTrait",
    "ScopeDefinition",
    "ServedKind",
    "TraitDefinition",
    "TypedReference",
    "World",
    "all_memberships",
    "failed",
    "flow",
    "garbage",
    "history_labels",
    "history_of",
    "left_memberships",
    "needs",
    "render",
    "scope_needs",
    "succeeded",
]
