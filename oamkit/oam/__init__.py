"""The Open Application Model as pure functions over plain data: no cluster, no files.

The way of one ApplicationConfiguration: :func:`needs` names the facts to look up, :func:`render` makes the
:class:`Plan` from them.
"""

from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.component import Component
from oamkit.oam.definitions import ScopeDefinition, TraitDefinition
from oamkit.oam.kinds import TypedReference
from oamkit.oam.legacy import Conversion
from oamkit.oam.needs import Needs, needs
from oamkit.oam.plan import Plan, RenderedComponent, RenderedScope, RenderedTrait
from oamkit.oam.render import render
from oamkit.oam.world import KindKey, ObjectKey, ServedKind, World

__all__ = [
    "ApplicationConfiguration",
    "Component",
    "Conversion",
    "KindKey",
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
    "needs",
    "render",
]
