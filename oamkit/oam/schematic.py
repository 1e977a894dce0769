"""Schematics: a definition's CUE template turns a few parameters into objects (``spec.schematic.cue.template``).

The templates are KubeVela's way of writing them: ``parameter`` and ``context`` go in; ``output`` (a workload), ``outputs`` (more objects)
and ``patch`` (of a trait, into the workload) come out. What evaluates CUE stands outside: here a :class:`CueCall` is a fact like
others, that rendering asks for and somebody brings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from oamkit.errors import RenderError
from oamkit.oam.cuetext import outline
from oamkit.oam.kinds import Obj
from oamkit.oam.patching import Rules
from oamkit.oam.shape import mapping, quoted, text

__all__ = ["CONTEXT", "CueCall", "Made", "Template"]

CONTEXT: Final = {
    "name": "string",
    "appName": "string",
    "namespace": "string",
    "revision": "string",
    "componentType": "string",
    "appLabels": "{[string]: string}",
    "appAnnotations": "{[string]: string}",
    "output": "_",
    "outputs": "_",
}
"""What a template may use of ``context``, with its type; ``output`` and ``outputs`` in traits only."""
_UNSUPPORTED: Final = ("patchOutputs", "processing")
_DECLARED: Final = "_#oampar_"
"""Stands for the label ``parameter`` of the template: a definition, so that unknown parameters are refused. It has as many letters,
so that columns stay."""


@dataclass(frozen=True, slots=True)
class CueCall:
    """Something to ask CUE.

    Args:
        what: Whose template it is, for messages, e.g. ``WorkloadDefinition "webservice"``.
        file: What its places are told by, e.g. ``"webservice.cue"``.
        source: The template, with ``context`` and ``parameter`` below it.
        lines: How many lines of it are the template's.
        check: Whether only contradictions are looked for; values may be missing.
    """

    what: str
    file: str
    source: str
    lines: int
    check: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What a template made.

    Args:
        output: The workload; ``None`` if there is none.
        outputs: Further objects by their names.
        patch: What a trait puts into the workload; ``None`` if nothing.
    """

    output: Obj | None = None
    outputs: Mapping[str, Obj] = field(default_factory=dict)
    patch: Obj | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A definition's template.

    Args:
        kind: Of the definition.
        name: Its name.
        text: The template.
    """

    kind: str
    name: str
    text: str

    @classmethod
    def of(cls, definition: Obj) -> Template | None:
        """Return the template of a definition; ``None`` if it has none.

        Raises:
            InputError: It isn't a text.
            RenderError: It has a schematic of another kind than CUE.
        """
        spec = mapping(definition.get("spec"), "spec")
        schematic = mapping(spec.get("schematic"), "spec.schematic")
        if not schematic:
            return None
        # A webhook is asked of objects that may have only a part of what the API server would want of them.
        kind = str(definition.get("kind") or "Definition")
        name = str(mapping(definition.get("metadata"), "metadata").get("name") or "")
        if "cue" not in schematic:
            raise RenderError(
                f"{kind} {quoted(name)}: spec.schematic.{next(iter(schematic))} isn't supported, only cue is",
                docs="cue.md",
            )
        cue = mapping(schematic["cue"], "spec.schematic.cue")
        return cls(kind, name, text(cue.get("template"), "spec.schematic.cue.template"))

    @property
    def what(self) -> str:
        """Whose template it is, in words."""
        return f"{self.kind} {quoted(self.name)}"

    def call(self, context: Mapping[str, object], parameter: Mapping[str, object]) -> CueCall:
        """Return what to ask CUE for the objects.

        Raises:
            RenderError: The template uses what isn't supported.
        """
        self.refuse_unsupported()
        return self._call(f"context: {_cue(context)}", f"parameter: {_cue(parameter)}")

    def check(self, parameter: Mapping[str, object] | None = None) -> CueCall:
        """Return what to ask CUE to see whether the template, with some parameters, contradicts itself.

        Raises:
            RenderError: The template uses what isn't supported.
        """
        self.refuse_unsupported()
        known = ", ".join(f"{key}: {type_}" for key, type_ in CONTEXT.items())
        given = [] if parameter is None else [f"parameter: {_cue(parameter)}"]
        return self._call(f"context: {{{known}}}", *given, check=True)

    def _call(self, *more: str, check: bool = False) -> CueCall:
        body, declares = self._with_closed_parameter()
        rest = [f"parameter: {_DECLARED if declares else 'close({})'}", *more]
        source = "\n".join([body, *rest, ""])
        return CueCall(self.what, f"{self.name}.cue", source, body.count("\n") + 1, check)

    def _with_closed_parameter(self) -> tuple[str, bool]:
        """Return the template with its ``parameter`` as a definition, and whether it has one."""
        places = [at for label, at in outline(self.text).fields if label == "parameter"]
        body = self.text
        for at in places:
            body = body[:at] + _DECLARED + body[at + len(_DECLARED) :]
        return body, bool(places)

    def refuse_unsupported(self) -> None:
        """Look through the text for what isn't supported.

        Raises:
            RenderError: With its name and place.
        """
        found = next(self._unsupported(), "")
        if found:
            raise RenderError(f"{self.what}: {found}", docs="cue.md")
        self.rules()

    def _unsupported(self) -> Iterator[str]:
        seen = outline(self.text)
        labels = {label for label, _ in seen.fields}
        for label, at in seen.fields:
            if label in _UNSUPPORTED:
                yield f"{self._place(at)}: {label} isn't supported"
        for name, line, column in seen.context:
            if name not in CONTEXT:
                yield (
                    f"{self.name}.cue:{line}:{column}: context.{name} isn't supported;"
                    f" there is {', '.join(CONTEXT)}"
                )
        workload = self.kind == "WorkloadDefinition"
        if workload and "patch" in labels:
            yield "patch is for traits: a workload's template has output and outputs"
        if workload and "output" not in labels:
            yield "the template has no output"
        if not workload and "output" in labels:
            yield "output is for workloads: a trait's template has outputs and patch"
        if not workload and not labels & {"outputs", "patch"}:
            yield "the template has neither outputs nor patch"

    def _place(self, at: int) -> str:
        line = self.text.count("\n", 0, at) + 1
        return f"{self.name}.cue:{line}:{at - self.text.rfind(chr(10), 0, at)}"

    def rules(self) -> Rules:
        """Return how its patch is merged.

        Raises:
            RenderError: A marker isn't supported.
        """
        try:
            return Rules.of(outline(self.text).markers)
        except RenderError as error:
            raise RenderError(f"{self.what}: {error.message}", docs="cue.md") from error

    def made(self, value: Obj) -> Made:
        """Return what the evaluated template says.

        Raises:
            RenderError: It is of another shape, or the template itself refuses (``errs``).
        """
        refused = value.get("errs")
        if refused:
            raise RenderError(f"{self.what} refuses: {'; '.join(map(str, refused))}")
        outputs = self._object(value, "outputs") or {}
        for key in outputs:
            self._object(outputs, key, complete=True)
        return Made(
            self._object(value, "output", complete=True), outputs, self._object(value, "patch")
        )

    def _object(self, value: Obj, key: str, *, complete: bool = False) -> Obj | None:
        found = value.get(key)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise RenderError(f"{self.what}: {key} isn't a struct")
        if complete and not (found.get("apiVersion") and found.get("kind")):
            raise RenderError(f"{self.what}: {key} has no apiVersion and kind")
        return found


def _cue(value: Mapping[str, object]) -> str:
    """Return data as CUE: JSON is a part of CUE. Sorted, so that the same data makes the same call."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
