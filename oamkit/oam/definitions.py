"""What the infrastructure operator registers, as typed views (contract 1.3 and 1.4)."""

from __future__ import annotations

from dataclasses import dataclass

from oamkit.oam.shape import flag, mapping, required_text, text

__all__ = ["ScopeDefinition", "TraitDefinition"]


@dataclass(frozen=True, slots=True)
class TraitDefinition:
    """What the infrastructure operator says about a kind of trait (contract 1.3)."""

    name: str
    revision_enabled: bool = False
    workload_ref_path: str = ""

    @classmethod
    def parse(cls, value: object) -> TraitDefinition:
        """Read a TraitDefinition."""
        data = mapping(value, "")
        spec = mapping(data.get("spec"), "spec")
        return cls(
            name=required_text(mapping(data.get("metadata"), "metadata"), "name", "metadata"),
            revision_enabled=flag(spec, "revisionEnabled", "spec"),
            workload_ref_path=text(spec.get("workloadRefPath"), "spec.workloadRefPath"),
        )


@dataclass(frozen=True, slots=True)
class ScopeDefinition:
    """What the infrastructure operator says about a kind of scope (contract 1.4)."""

    name: str
    workload_refs_path: str = ""

    @classmethod
    def parse(cls, value: object) -> ScopeDefinition:
        """Read a ScopeDefinition."""
        data = mapping(value, "")
        spec = mapping(data.get("spec"), "spec")
        return cls(
            name=required_text(mapping(data.get("metadata"), "metadata"), "name", "metadata"),
            workload_refs_path=text(spec.get("workloadRefsPath"), "spec.workloadRefsPath"),
        )
