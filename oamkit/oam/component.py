"""What a developer delivers, as a typed view (contract 1.5)."""

from __future__ import annotations

from dataclasses import dataclass

from oamkit.oam.shape import flag, listing, mapping, required_text, text

__all__ = ["Component", "Parameter"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A Component's parameter: a name for some fields of its workload."""

    name: str
    field_paths: tuple[str, ...]
    required: bool = False

    @classmethod
    def parse(cls, value: object, field: str) -> Parameter:
        """Read ``spec.parameters[i]``."""
        data = mapping(value, field)
        paths = listing(data.get("fieldPaths"), f"{field}.fieldPaths")
        return cls(
            name=required_text(data, "name", field),
            field_paths=tuple(
                text(path, f"{field}.fieldPaths[{i}]") for i, path in enumerate(paths)
            ),
            required=flag(data, "required", field),
        )


@dataclass(frozen=True, slots=True)
class Component:
    """What a developer delivers: a workload, and the parameters that an operator may set.

    Args:
        name: Its name.
        workload: The template as written; :func:`oamkit.oam.render.render` reports it if it is no object.
        parameters: In the order of the Component.
        latest_revision: The name of the newest revision; ``""`` if there is none yet.
    """

    name: str
    workload: object
    parameters: tuple[Parameter, ...] = ()
    latest_revision: str = ""

    @classmethod
    def parse(cls, value: object) -> Component:
        """Read a Component."""
        data = mapping(value, "")
        metadata = mapping(data.get("metadata"), "metadata")
        spec = mapping(data.get("spec"), "spec")
        status = mapping(data.get("status"), "status")
        latest = mapping(status.get("latestRevision"), "status.latestRevision")
        parameters = listing(spec.get("parameters"), "spec.parameters")
        return cls(
            name=text(metadata.get("name"), "metadata.name"),
            workload=spec.get("workload"),
            parameters=tuple(
                Parameter.parse(parameter, f"spec.parameters[{i}]")
                for i, parameter in enumerate(parameters)
            ),
            latest_revision=text(latest.get("name"), "status.latestRevision.name"),
        )
