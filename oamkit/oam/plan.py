"""The outcome of rendering: what an application stands for, and how each part came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oamkit.oam.definitions import ScopeDefinition, TraitDefinition
from oamkit.oam.kinds import Obj, TypedReference
from oamkit.oam.legacy import Conversion

__all__ = ["NO_DEFINITION", "Plan", "RenderedComponent", "RenderedScope", "RenderedTrait"]

NO_DEFINITION: Final = (
    "No valid TraitDefinition found, all framework capabilities will work as default or disabled"
)
"""The message in an application's status at a trait without definition (contract 2.6)."""


@dataclass(frozen=True, slots=True)
class RenderedTrait:
    """A trait as it will be applied.

    Args:
        field: Where in the ApplicationConfiguration it stands.
        obj: The object.
        definition: Its TraitDefinition; ``None`` if it has none.
        conversion: What was changed because its API version isn't served any more; ``None`` if it is.
    """

    field: str
    obj: Obj
    definition: TraitDefinition | None
    conversion: Conversion | None

    @property
    def reference(self) -> TypedReference:
        """Which object it is."""
        return TypedReference.to(self.obj)

    @property
    def message(self) -> str:
        """What the application's status says about it; ``""`` if nothing."""
        return "" if self.definition else NO_DEFINITION


@dataclass(frozen=True, slots=True)
class RenderedScope:
    """A scope that the component joins, and how scopes of its kind list their workloads."""

    reference: TypedReference
    definition: ScopeDefinition


@dataclass(frozen=True, slots=True)
class RenderedComponent:
    """What one entry of ``spec.components`` stands for.

    Args:
        field: Where in the ApplicationConfiguration it stands.
        name: The component's name.
        revision_name: The component's revision; ``""`` if it has none yet.
        workload: The workload object.
        conversion: What was changed because its API version isn't served any more; ``None`` if it is.
        revision_enabled: Whether one of its traits wants a workload per revision.
        traits: In order.
        scopes: In order.
    """

    field: str
    name: str
    revision_name: str
    workload: Obj
    conversion: Conversion | None = None
    revision_enabled: bool = False
    traits: tuple[RenderedTrait, ...] = ()
    scopes: tuple[RenderedScope, ...] = ()

    @property
    def reference(self) -> TypedReference:
        """Which object its workload is."""
        return TypedReference.to(self.workload)

    @property
    def obj(self) -> Obj:
        """The workload, under the name that traits have for theirs."""
        return self.workload


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an application stands for, in the order in which it is applied."""

    components: tuple[RenderedComponent, ...] = ()

    def parts(self) -> Iterator[RenderedComponent | RenderedTrait]:
        """Yield whatever makes an object, in the order of applying: each workload, then its traits."""
        for component in self.components:
            yield component
            yield from component.traits

    def objects(self) -> Iterator[Obj]:
        """Yield every object, in the order of applying."""
        return (part.obj for part in self.parts())

    def conversions(self) -> Iterator[Conversion]:
        """Yield what was converted, in the order of applying."""
        return (part.conversion for part in self.parts() if part.conversion)
