"""Building an image from a Dockerfile, without Docker."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from oamkit.errors import ImageError, InputError
from oamkit.images.cache import LayerCache, layer_key
from oamkit.images.copying import Context, CopyStep, copy_entries, folder_entries
from oamkit.images.dockerfile import Dockerfile, parse_dockerfile
from oamkit.images.ignore import IgnoreRules
from oamkit.images.interpreter import Interpreter, go_platform, host_paths, make_base
from oamkit.images.layers import Entry, chain_id, write_layer
from oamkit.images.layout import MEDIA_LAYER, BlobError, Descriptor, disk_errors
from oamkit.images.model import HOST_PATHS_LABEL, Image
from oamkit.images.pip import compile_modules, install_pip, run_pip
from oamkit.images.plan import make_plan
from oamkit.images.reference import Reference
from oamkit.images.relocate import make_relocatable
from oamkit.images.result import BuildResult, BuildStep
from oamkit.images.rootpath import resolve_in_root
from oamkit.images.snapshot import changes, take_snapshot
from oamkit.images.steps import FolderStep, Plan, PlannedStep, RunStep
from oamkit.images.store import ImageStore
from oamkit.images.unpacking import apply_layers

__all__ = ["build"]

Progress = Callable[[str], None]


def build(
    context: Path,
    dockerfile: Path | None = None,
    *,
    tag: str,
    build_args: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    store: ImageStore | None = None,
    interpreter: Interpreter | None = None,
) -> BuildResult:
    """Build an image from the same Dockerfile that ``docker build`` takes, as far as that needs no container.

    ``FROM python:…`` becomes a virtual environment of the running Python. What is honoured and what is refused says
    :mod:`oamkit.images.plan`; a file that can't be built is refused before anything is. Equal inputs give an equal digest.

    Args:
        context: The folder whose files ``COPY`` may read.
        dockerfile: The file; ``Dockerfile`` in the context by default.
        tag: The image's name, e.g. ``"flask-sample:v1"``.
        build_args: Values for ``ARG``.
        progress: Gets a line of text at a time; nothing is shown by default.
        store: Where the image goes; the user's own store by default.
        interpreter: The Python that ``python:…`` stands for; the running one by default.

    Raises:
        InputError: The Dockerfile, the context, the tag or an ``ARG`` is wrong, or asks for what can't be done here.
        ImageError: A step failed; its line is named.
    """
    start = time.monotonic()
    reference = str(Reference.parse(tag))
    store = store or ImageStore()
    python = interpreter or Interpreter.running()
    file = _read(context, dockerfile)
    files = Context(context.resolve(), IgnoreRules.of_context(context, file.path))
    plan = make_plan(file, files, build_args or {}, store.find, python)
    say = progress or (lambda _: None)
    for note in plan.notes:
        say(f"Note: {note}.")
    with ExitStack() as stack:
        stack.enter_context(store.layout.in_use())
        stack.enter_context(disk_errors(store.root))
        work = stack.enter_context(store.layout.temporary_folder())
        image, steps = _Build(store, python, plan, files, file.path, work, say).run(reference)
    return BuildResult(image, steps, plan.notes, time.monotonic() - start)


def _read(context: Path, dockerfile: Path | None) -> Dockerfile:
    if not context.is_dir():
        raise InputError(
            f"The build context {context} is no folder.",
            hint="Name the folder that holds the Dockerfile.",
        )
    path = dockerfile or context / "Dockerfile"
    try:
        return parse_dockerfile(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            "there is no such file", file=path, hint="Name the Dockerfile, or write one."
        ) from error
    except IsADirectoryError as error:
        raise InputError("is a folder, not a Dockerfile", file=path) from error
    except UnicodeDecodeError as error:
        raise InputError("isn't text in UTF-8", file=path) from error


def _timestamp() -> int:
    """The time that files and the image get: ``SOURCE_DATE_EPOCH`` (reproducible-builds.org), else the epoch."""
    value = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not value.isdecimal():
        raise InputError(f"SOURCE_DATE_EPOCH is {value!r}, not a number of seconds.")
    return int(value)


@dataclass
class _Build:
    """One build: the layers so far, and the root file system that they make as soon as a step needs to see it."""

    store: ImageStore
    python: Interpreter
    plan: Plan
    context: Context
    path: Path
    work: Path
    say: Progress
    mtime: int = field(default_factory=_timestamp)
    layers: list[Descriptor] = field(default_factory=list)
    diff_ids: list[str] = field(default_factory=list)
    root: Path | None = None

    def __post_init__(self) -> None:
        self.cache = LayerCache(self.store.layout, self.store.build_cache)

    def run(self, reference: str) -> tuple[Image, tuple[BuildStep, ...]]:
        done = []
        total = len(self.plan.steps)
        for number, step in enumerate(self.plan.steps, 1):
            text = str(step.instruction)
            self.say(f"[{number}/{total}] {self.path.name}:{step.instruction.line} {text}")
            result = self._step(step)
            if result.cached is not None:
                how = "from the cache" if result.cached else f"done in {result.seconds:.1f} s"
                self.say(f"  {how}, {result.size / 1e6:.1f} MB")
            done.append(result)
        config = self.plan.config
        if self.plan.base is None:
            borrowed = json.dumps([str(path) for path in host_paths(self.python)])
            config = replace(config, labels={**config.labels, HOST_PATHS_LABEL: borrowed})
        created = datetime.fromtimestamp(self.mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        history = [
            {
                "created": created,
                "created_by": step.text,
                **({} if step.cached is not None else {"empty_layer": True}),
            }
            for step in done
        ]
        image = self.store.put(
            reference, config, self.layers, self.diff_ids,
            history=history, created=created, platform=go_platform(),
        )  # fmt: skip
        return image, tuple(done)

    def _step(self, step: PlannedStep) -> BuildStep:
        start = time.monotonic()
        line, text = step.instruction.line, str(step.instruction)
        before = len(self.layers)
        cached: bool | None = None
        try:
            if step.instruction.keyword == "FROM":
                cached = self._from()
            elif step.action is not None:
                cached = self._layer(self._inputs(step.action), partial(self._entries, step))
        except ImageError as error:
            place = f"{self.path}:{line}: {text}"
            raise ImageError(
                f"{place}: {error.message}", hint=error.hint, code=error.code
            ) from error
        size = sum(layer["size"] for layer in self.layers[before:])
        return BuildStep(line, text, cached, size, time.monotonic() - start)

    def _from(self) -> bool:
        if self.plan.base is None:
            return self._layer({"base": self.python.fingerprint()}, self._base_entries)
        self.layers += self.store.layers(self.plan.base)
        self.diff_ids += self.store.diff_ids(self.plan.base)
        return True

    def _layer(self, inputs: object, entries: Callable[[], list[Entry]]) -> bool:
        """Add a layer from the cache, or make it; return whether it was cached."""
        key = layer_key(chain_id(self.diff_ids), self.mtime, inputs)
        layer = self.cache.get(key)
        found = layer is not None
        if layer is None:
            file = self.work / "layer"
            digest = write_layer(file, entries(), mtime=self.mtime)
            layer = self.store.layout.add_file(file, MEDIA_LAYER, digest)
            self.cache.put(key, layer)
        if self.root is not None:
            apply_layers([self.store.layout.blob(layer["digest"])], self.root)
        self.layers.append(layer)
        self.diff_ids.append(layer["digest"])
        return found

    def _rootfs(self) -> Path:
        """Return the root file system of the layers so far, unpacked at the first call."""
        if self.root is None:
            root = self.work / "rootfs"
            root.mkdir(mode=0o755)
            try:
                apply_layers(
                    [self.store.layout.verified(item["digest"]) for item in self.layers], root
                )
            except BlobError as error:
                raise ImageError(
                    f"A layer is damaged: {error}.", hint="Build again: the layer is made anew."
                ) from error
            self.root = root
        return self.root

    def _inputs(self, action: CopyStep | RunStep | FolderStep) -> object:
        """Return what a step's layer hangs on, besides the layers below."""
        if isinstance(action, CopyStep):
            return {"copy": action.inputs(self.context)}
        if isinstance(action, FolderStep):
            return {"folder": action.path}
        commands = [[command.arguments, command.env] for command in action.commands]
        return {
            "run": [commands, action.working_dir, action.env],
            "python": self.python.fingerprint(),
        }

    def _base_entries(self) -> list[Entry]:
        root = self._rootfs()
        make_base(root, self.python)
        install_pip(root, self.python)
        after = take_snapshot(root)
        make_relocatable(root, after, self.python)
        return changes(root, {}, after)

    def _entries(self, step: PlannedStep) -> list[Entry]:
        root, action = self._rootfs(), step.action
        if isinstance(action, CopyStep):
            return copy_entries(action, self.context, root)
        if isinstance(action, RunStep):
            return self._run(action, root)
        assert isinstance(action, FolderStep)  # noqa: S101 - there is no other kind
        return folder_entries(resolve_in_root(root, action.path), root)

    def _run(self, action: RunStep, root: Path) -> list[Entry]:
        before = take_snapshot(root)
        for command in action.commands:
            run_pip(
                command,
                root=root,
                working_dir=action.working_dir,
                interpreter=self.python,
                env=dict(action.env),
                progress=self.say,
            )
        written = [
            entry.name for entry in changes(root, before, take_snapshot(root)) if entry.source
        ]
        make_relocatable(root, written, self.python)
        compile_modules(root, written, self.python)
        return changes(root, before, take_snapshot(root))
