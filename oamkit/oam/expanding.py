"""What the templates of definitions make of short forms: a workload or trait that has a type and ``properties``.

The type is the label that the webhook writes (contract 9.1, 9.2): ``workload.oam.dev/type`` or ``trait.oam.dev/type``. Without a
schematic in its definition, an object is what it says, ``properties`` or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from oamkit.errors import RenderError
from oamkit.oam.application import ApplicationConfiguration, ComponentEntry, TraitEntry
from oamkit.oam.kinds import (
    LABEL_TRAIT_TYPE,
    LABEL_WORKLOAD_TYPE,
    TRAIT_DEFINITION,
    WORKLOAD_DEFINITION,
    Obj,
    TypedReference,
)
from oamkit.oam.patching import patched
from oamkit.oam.schematic import CueCall, Made, Template
from oamkit.oam.shape import copied, mapping, quoted, texts
from oamkit.oam.world import World, definition_key

__all__ = ["Expansion", "Extra", "template_of"]

PROPERTIES = "properties"


@dataclass(frozen=True, slots=True)
class Extra:
    """An object that a template makes besides the workload.

    Args:
        field: Where in the application it comes from.
        obj: The object; it has a name.
    """

    field: str
    obj: Obj


def template_of(obj: object, world: World) -> Template | None:
    """Return the template that makes something of a workload or trait; ``None`` if none does.

    Raises:
        MissingFactError: Its definition wasn't looked up.
        RenderError: Its definition has a schematic that isn't supported.
    """
    if not isinstance(obj, dict) or PROPERTIES not in obj:
        return None
    labels = mapping(mapping(obj.get("metadata"), "metadata").get("labels"), "metadata.labels")
    for label, kind in (
        (LABEL_WORKLOAD_TYPE, WORKLOAD_DEFINITION),
        (LABEL_TRAIT_TYPE, TRAIT_DEFINITION),
    ):
        if isinstance(labels.get(label), str):
            found = world.object(definition_key(kind, labels[label]))
            return Template.of(found) if found else None
    return None


@dataclass(frozen=True)
class Expansion:
    """One component of an application, its templates evaluated.

    Args:
        app: The application.
        entry: The component's entry.
        written: Its workload as written, parameters put in; it isn't changed.
        revision: The component's revision.
        world: It knows the definitions that types name, and what CUE answered.
    """

    app: ApplicationConfiguration
    entry: ComponentEntry
    written: Obj
    revision: str
    world: World

    @cached_property
    def base(self) -> Obj:
        """The workload before traits patch it."""
        made = self._made
        if made is None:
            return self.written
        if made.output is None:
            raise RenderError(f"{self._template_name} made no output from these parameters")
        wanted = TypedReference.to(self.written)
        there = TypedReference.to(made.output)
        if (there.api_version, there.kind) != (wanted.api_version, wanted.kind):
            raise RenderError(
                f"{self._template_name} made a {there.kind} of {there.api_version},"
                f" but its definition is of {wanted.kind} of {wanted.api_version}",
                hint="Let definitionRef name the kind of the template's output.",
            )
        return _labelled(made.output, self.written)

    def workload(self) -> Obj:
        """Return the workload with what the traits put into it; a new object."""
        result = copied(self.base)
        for entry in self.entry.traits:
            found = self._trait(entry)
            if found and found[1].patch is not None:
                template, made = found
                try:
                    result = patched(result, made.patch or {}, template.rules())
                except RenderError as error:
                    raise RenderError(
                        f"{template.what}: {error.message}", hint=error.hint, docs="cue.md"
                    ) from error
        return result

    def extras(self) -> list[Extra]:
        """Return what the workload's template makes besides the workload."""
        made = self._made
        return list(self._extras(self.entry.field, made, self.written)) if made else []

    def of_trait(self, entry: TraitEntry) -> list[Extra] | None:
        """Return what a trait's template makes; ``None`` if it is an object as written."""
        found = self._trait(entry)
        if found is None:
            return None
        template, made = found
        if made.outputs and (entry.data_inputs or entry.data_outputs):
            raise RenderError(f"{template.what}: dataInputs and dataOutputs aren't supported here")
        return list(self._extras(entry.field, made, mapping(entry.trait, entry.field)))

    def calls(self) -> Iterator[CueCall]:
        """Yield what is to be asked next: the workload's call, or else those of all traits, answered or not.

        Raises:
            OamKitError: A definition or template isn't right.
        """
        call = self._call(self.written)
        if call is not None:
            yield call[1]
            if call[1] not in self.world.calls:
                return
        for entry in self.entry.traits:
            found = self._trait_call(entry)
            if found is not None:
                yield found[1]

    @cached_property
    def _made(self) -> Made | None:
        found = self._call(self.written)
        return found[0].made(self.world.answer(found[1])) if found else None

    @property
    def _template_name(self) -> str:
        template = template_of(self.written, self.world)
        return template.what if template else quoted(self.entry.name)

    def _call(
        self, obj: object, more: Mapping[str, Any] | None = None
    ) -> tuple[Template, CueCall] | None:
        template = template_of(obj, self.world)
        if template is None or not isinstance(obj, dict):
            return None
        context = {
            "name": self.entry.name,
            "appName": self.app.name,
            "namespace": self.app.namespace,
            "revision": self.revision,
            "componentType": template.name,
            "appLabels": self.app.labels,
            "appAnnotations": {
                key: value
                for key, value in self.app.annotations.items()
                if "last-applied" not in key
            },
            **(more or {}),
        }
        return template, template.call(context, mapping(obj[PROPERTIES], PROPERTIES))

    def _trait_call(self, entry: TraitEntry) -> tuple[Template, CueCall] | None:
        if not isinstance(entry.trait, dict) or PROPERTIES not in entry.trait:
            return None
        made = self._made
        outputs = dict(made.outputs) if made else {}
        return self._call(entry.trait, {"output": self.base, "outputs": outputs})

    def _trait(self, entry: TraitEntry) -> tuple[Template, Made] | None:
        found = self._trait_call(entry)
        return (found[0], found[0].made(self.world.answer(found[1]))) if found else None

    def _extras(self, field: str, made: Made, written: Obj) -> Iterator[Extra]:
        for key, obj in made.outputs.items():
            extra = _labelled(obj, written)
            extra["metadata"].setdefault("name", f"{self.entry.name}-{key}")
            yield Extra(f"{field}.outputs.{key}", extra)


def _labelled(made: Obj, written: Obj) -> Obj:
    """Return what a template made with the name, labels and annotations of what it was made from, where it has none itself."""
    result = copied(made)
    metadata = result["metadata"] = dict(mapping(result.get("metadata"), "metadata"))
    given = mapping(written.get("metadata"), "metadata")
    for key in ("labels", "annotations"):
        both = {**texts(given.get(key), key), **texts(metadata.get(key), key)}
        if both:
            metadata[key] = both
    if result.get("kind") == written.get("kind") and given.get("name"):
        metadata.setdefault("name", given["name"])
    return result
