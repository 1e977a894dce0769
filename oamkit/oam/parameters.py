"""Parameters: the fields of a Component's workload that an application may set (contract 3.2)."""

from __future__ import annotations

from collections.abc import Iterable

from oamkit.errors import RenderError
from oamkit.oam import fieldpath
from oamkit.oam.application import ParameterValue
from oamkit.oam.component import Parameter
from oamkit.oam.kinds import Obj
from oamkit.oam.shape import quoted

__all__ = ["Setting", "apply", "resolve"]

Setting = tuple[Parameter, str | int]
"""A declared parameter and the value that it gets."""


def resolve(declared: Iterable[Parameter], values: Iterable[ParameterValue]) -> tuple[Setting, ...]:
    """Pair the declared parameters with the values given, in the order of declaration.

    A declared parameter that is optional and not set is left out: the template's value stays. If a name is given
    twice the last value wins.

    Raises:
        RenderError: A value is given for a name that isn't declared, or a required parameter has none.

    Example:
        >>> resolve([Parameter("image", ("spec.image",))], [ParameterValue("image", "nginx")])
        ((Parameter(name='image', field_paths=('spec.image',), required=False), 'nginx'),)
    """
    parameters = {parameter.name: parameter for parameter in declared}
    given = {value.name: value.value for value in values}
    for name in given:
        if name not in parameters:
            known = ", ".join(map(quoted, parameters)) or "none"
            raise RenderError(
                f"unsupported parameter {quoted(name)}", hint=f"The Component declares: {known}."
            )
    for parameter in parameters.values():
        if parameter.required and parameter.name not in given:
            raise RenderError(
                f"required parameter {quoted(parameter.name)} not specified",
                hint="Set it in parameterValues.",
            )
    return tuple((parameters[name], given[name]) for name in parameters if name in given)


def apply(workload: Obj, settings: Iterable[Setting]) -> None:
    """Write the settings into ``workload``, in place.

    Raises:
        RenderError: A field path is malformed or leads through a value of the wrong type.
    """
    for parameter, value in settings:
        for path in parameter.field_paths:
            try:
                fieldpath.set_value(workload, path, value)
            except fieldpath.FieldPathError as error:
                raise RenderError(
                    f"cannot set parameter {quoted(parameter.name)}: {error.message}",
                    hint=error.hint or "Correct fieldPaths in the Component.",
                ) from error
