"""Which parts of an application have their data, and the data put into them (contract 5).

There is no order of dependencies to work out: what is ready is applied, what isn't waits, and what it waits for makes the
next pass when it changes. A circle just keeps waiting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from oamkit.errors import OamKitError, RenderError
from oamkit.oam import fieldpath
from oamkit.oam.application import ApplicationConfiguration
from oamkit.oam.dataparts import Passing, passing_parts
from oamkit.oam.fieldpath import FieldNotFoundError, FieldPathError
from oamkit.oam.kinds import Obj, TypedReference
from oamkit.oam.passing import DataInput, DataOutput, Operation
from oamkit.oam.plan import Plan, RenderedComponent
from oamkit.oam.readiness import readiness, unmet
from oamkit.oam.shape import copied, kind_of
from oamkit.oam.stores import StoreWrite, perform, steps
from oamkit.oam.world import MissingFactError, ObjectKey, World

__all__ = ["Flow", "flow"]


@dataclass(frozen=True, slots=True)
class Flow:
    """An application's plan after its data was passed on.

    Args:
        plan: The plan, data put in.
        waiting: The ``field`` of each part that isn't to be applied in this pass.
        stores: From a part's ``field`` to what its outputs write.
        unsatisfied: What is waited for, as ``status.dependency`` tells it.
    """

    plan: Plan
    waiting: frozenset[str] = frozenset()
    stores: dict[str, tuple[StoreWrite, ...]] = field(default_factory=dict)
    unsatisfied: tuple[Obj, ...] = ()


def flow(app: ApplicationConfiguration, plan: Plan, world: World) -> Flow:
    """Put data into the parts that wait for it, and tell which still wait.

    Args:
        app: The application.
        plan: What was rendered; it isn't changed.
        world: It knows :func:`~oamkit.oam.dataparts.data_objects`.

    Raises:
        RenderError: An input names an output that isn't there, or data can't be put where it should.
        OamKitError: An object that data comes from can't be read.
    """
    if not app.passes_data:
        return Flow(plan)
    return _Evaluation(app, world).run(plan)


class _Evaluation:
    def __init__(self, app: ApplicationConfiguration, world: World) -> None:
        self._app = app
        self._world = world
        self._outputs: dict[str, tuple[TypedReference, DataOutput]] = {}
        self._objects: dict[str, Obj] = {}
        self._stores: dict[str, tuple[StoreWrite, ...]] = {}
        self._unsatisfied: list[Obj] = []
        self._waiting: set[str] = set()

    def run(self, plan: Plan) -> Flow:
        parts = list(passing_parts(self._app, plan))
        for each in parts:
            self._outputs |= {output.name: (each.reference, output) for output in each.outputs}
        for each in parts:
            obj = copied(each.part.obj)
            waits = self._first_unsatisfied(each, obj)
            self._write_stores(each, waits=waits is not None)
            if waits is None:
                self._objects[each.part.field] = obj
            else:
                self._waiting.add(each.part.field)
                self._unsatisfied.append(waits)
        components = tuple(
            replace(
                component,
                workload=self._objects.get(component.field, component.workload),
                traits=tuple(
                    replace(trait, obj=self._objects.get(trait.field, trait.obj))
                    for trait in component.traits
                ),
            )
            for component in plan.components
        )
        return Flow(
            Plan(components), frozenset(self._waiting), self._stores, tuple(self._unsatisfied)
        )

    def _first_unsatisfied(self, part: Passing, obj: Obj) -> Obj | None:
        """Put the part's data into ``obj``, up to the first that isn't ready; return what that waits for."""
        for data_input in part.inputs:
            waits = (
                self._from_output(part, data_input, obj)
                or self._from_store(part, data_input, obj)
                or self._own_conditions(part, data_input)
            )
            if waits:
                return waits
        return None

    def _from_output(self, part: Passing, data_input: DataInput, obj: Obj) -> Obj | None:
        if not data_input.output_name:
            return None
        source, output = self._output(part, data_input.output_name)
        ready = readiness(
            self._world, self._key(source), output.field_path, output.conditions, self._app.source
        )
        if ready.reason:
            return _entry(
                ready.reason, source, output.field_path, part.reference, data_input.to_field_paths
            )
        if output.field_path:
            for path in data_input.to_field_paths:
                _pass_on(obj, path, ready.value)
        return None

    def _from_store(self, part: Passing, data_input: DataInput, obj: Obj) -> Obj | None:
        store = data_input.store
        if store is None:
            return None
        key = self._key(store.reference)
        live = self._world.object(key)
        for operation in store.operations:
            reason = _absent(key) if live is None else self._unready(key, operation)
            if reason:
                return _entry(
                    reason,
                    store.reference,
                    operation.value_from,
                    part.reference,
                    (operation.target,),
                )
        if live is not None:
            changed = perform(steps(store.operations, live), obj)
            obj.clear()
            obj.update(changed)
        return None

    def _own_conditions(self, part: Passing, data_input: DataInput) -> Obj | None:
        if not data_input.conditions:
            return None
        source, output = self._output(part, data_input.output_name)
        live = self._world.object(self._key(part.reference))
        if live is None:
            return None
        reason = unmet(data_input.conditions, live, None, self._app.source)
        if not reason:
            return None
        return _entry(
            f"DataInputs Conditions: {reason}",
            source,
            output.field_path,
            part.reference,
            data_input.to_field_paths,
        )

    def _write_stores(self, part: Passing, *, waits: bool) -> None:
        writes = [
            write for output in part.outputs if (write := self._written(part, output, waits=waits))
        ]
        if writes:
            self._stores[part.part.field] = tuple(writes)

    def _written(self, part: Passing, output: DataOutput, *, waits: bool) -> StoreWrite | None:
        store = output.store
        if store is None:
            return None
        key = self._key(part.reference)
        for operation in store.operations:
            try:
                absent = waits and self._world.object(key) is None
                reason = _absent(key) if absent else self._unready(key, operation)
            except MissingFactError:
                raise
            except OamKitError as error:
                reason = error.message
            if reason:
                self._unsatisfied.append(
                    _entry(
                        reason,
                        part.reference,
                        operation.value_from,
                        store.reference,
                        (operation.target,),
                    )
                )
                return None
        source = self._world.object(key) or part.part.obj
        return StoreWrite(
            store.reference,
            self._app.namespace,
            tuple(part.part.obj["metadata"].get("ownerReferences") or ()),
            steps(store.operations, source),
        )

    def _unready(self, key: ObjectKey, operation: Operation) -> str:
        return readiness(
            self._world, key, operation.value_from, operation.conditions, self._app.source
        ).reason

    def _output(self, part: Passing, name: str) -> tuple[TypedReference, DataOutput]:
        try:
            return self._outputs[name]
        except KeyError:
            what = "workload" if isinstance(part.part, RenderedComponent) else "trait"
            place = f"{self._app.namespace}/{part.reference.name}"
            raise RenderError(
                f"handleDataInput for {what} ({place}) failed:"
                f" DataOutputName ({name}): DataOutput does not exist",
                hint="Give a dataOutputs entry this name, or correct dataOutputName.",
            ) from None

    def _key(self, reference: TypedReference) -> ObjectKey:
        return ObjectKey.at(reference, self._app.namespace)


def _absent(key: ObjectKey) -> str:
    return f"failed to get object ({key.namespace}/{key.name})"


def _pass_on(obj: Obj, path: str, value: object) -> None:
    """Set a value; a list is appended to the one that is there."""
    if isinstance(value, list):
        try:
            there = fieldpath.get_value(obj, path)
        except FieldNotFoundError:
            there = []
        if not isinstance(there, list):
            raise FieldPathError(f"{path}: not an array but {kind_of(there)}")
        value = [*there, *value]
    fieldpath.set_value(obj, path, copied(value))


def _entry(
    reason: str, source: TypedReference, path: str, target: TypedReference, paths: tuple[str, ...]
) -> Obj:
    """Return an entry of ``status.dependency.unsatisfied``."""
    where = {"fieldPath": path} if path else {}
    to = {"fieldPaths": list(paths)} if paths else {}
    return {
        "reason": reason,
        "from": replace(source, uid="").to_dict() | where,
        "to": replace(target, uid="").to_dict() | to,
    }
