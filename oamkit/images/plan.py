"""From a Dockerfile to what has to be done, decided before anything is: every problem of the file is found at once.

============================================================  ================================================================
instruction                                                   here
============================================================  ================================================================
``FROM``                                                      ``python:…`` (a virtual environment), or an image of the store
``RUN``                                                       ``pip install …``, also joined by ``&&``
``COPY``, ``ADD`` of local files                              a layer
``WORKDIR``                                                   a layer
``ARG ENV CMD ENTRYPOINT EXPOSE USER LABEL MAINTAINER``       the configuration
``HEALTHCHECK SHELL STOPSIGNAL VOLUME``                       the configuration
anything else                                                 refused, with its line, the reason, and what to do instead
============================================================  ================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oamkit.errors import InputError
from oamkit.images.config_draft import ConfigDraft
from oamkit.images.copy_instruction import read_copy
from oamkit.images.copying import Context
from oamkit.images.dockerfile import Dockerfile, Instruction
from oamkit.images.instruction_error import InstructionError
from oamkit.images.interpreter import Interpreter
from oamkit.images.model import Image, ImageConfig
from oamkit.images.pip_command import UnsupportedCommandError, read_command
from oamkit.images.reference import Reference
from oamkit.images.steps import FolderStep, Plan, PlannedStep, RunStep
from oamkit.images.words import Expander, ShellWordError, raw_words, shell_words

__all__ = ["PYTHON_LABEL", "make_plan"]

PYTHON_LABEL = "dev.oamkit.python"
"""The label that says which Python an image borrows: its version."""

_PYTHON_TAG = re.compile(r"(\d+)(?:\.(\d+))?(?:[.-].*)?")
_KIND = "build with the kind provider, which uses Docker"


def make_plan(
    dockerfile: Dockerfile,
    context: Context,
    build_args: Mapping[str, str],
    find_image: Callable[[str], Image | None],
    interpreter: Interpreter,
) -> Plan:
    """Decide what a Dockerfile asks for.

    Args:
        dockerfile: The file.
        context: The files that it may copy.
        build_args: Values for its ``ARG``.
        find_image: Finds an image of the store.
        interpreter: The Python that ``python:…`` stands for.

    Raises:
        InputError: It asks for something that can't be done here; all such lines are named.
    """
    planner = _Planner(dockerfile, context, dict(build_args), find_image, interpreter)
    return planner.run()


@dataclass
class _Planner:
    dockerfile: Dockerfile
    context: Context
    build_args: dict[str, str]
    find_image: Callable[[str], Image | None]
    interpreter: Interpreter
    base: Image | None = None
    base_name: str = ""
    global_args: dict[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)
    used_args: set[str] = field(default_factory=set)
    draft: ConfigDraft = field(default_factory=ConfigDraft)
    steps: list[PlannedStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)  # line, what, instead

    def run(self) -> Plan:
        for instruction in self.dockerfile.instructions:
            try:
                self._read(instruction)
            except InstructionError as error:
                self._problem(instruction, error.why, error.instead)
            except ShellWordError as error:
                self._problem(instruction, str(error), "correct it")
        if not self.dockerfile.instructions:
            raise InputError(
                "is empty", file=self.dockerfile.path, hint="Begin with FROM python:3.13-slim."
            )
        if not self.base_name and not self.problems:
            self.problems.append((1, "the file has no FROM", "begin with FROM python:3.13-slim"))
        self._raise_problems()
        unused = sorted(self.build_args.keys() - self.used_args)
        self.notes += [
            f"the build argument {name} isn't used: the file has no ARG {name}" for name in unused
        ]
        return Plan(
            self.base, self.base_name, tuple(self.steps), self.draft.config(), tuple(self.notes)
        )

    def _problem(self, instruction: Instruction, why: str, instead: str) -> None:
        text = str(instruction)
        shown = text if len(text) <= 60 else text[:59] + "…"
        self.problems.append((instruction.line, f"{shown}: {why}", instead))

    def _raise_problems(self) -> None:
        if not self.problems:
            return
        path = self.dockerfile.path
        if len(self.problems) == 1:
            line, what, instead = self.problems[0]
            raise InputError(
                f"{what}.",
                file=path,
                line=line,
                hint=f"{instead[:1].upper()}{instead[1:]}.",
                code="dockerfile",
            )
        lines = [
            f"  line {line}: {what}.\n    → {instead}." for line, what, instead in self.problems
        ]
        raise InputError(
            f"{len(self.problems)} instructions can't be built here:\n" + "\n".join(lines),
            file=path,
            line=self.problems[0][0],
            hint="Change these lines, or build with the kind provider, which uses Docker.",
            code="dockerfile",
        )

    # -- instructions

    def _read(self, instruction: Instruction) -> None:
        keyword = instruction.keyword
        if not instruction.value:
            raise InstructionError("it has no arguments", "give it some, or remove the line")
        if keyword == "ARG":
            self._arg(instruction)
        elif keyword == "FROM":
            self._from(instruction)
        elif not self.base_name:
            if not self.problems:
                raise InstructionError("it stands before FROM", "begin with FROM python:3.13-slim")
        elif keyword == "RUN":
            self._run(instruction)
        elif keyword in ("COPY", "ADD"):
            step = read_copy(
                instruction, self.context, self._expander(), self.draft.image.working_dir
            )
            self.steps.append(PlannedStep(instruction, step))
        else:
            self.notes += self.draft.apply(instruction, self._expander())
            folder = FolderStep(self.draft.image.working_dir) if keyword == "WORKDIR" else None
            self.steps.append(PlannedStep(instruction, folder))

    def _variables(self) -> dict[str, str]:
        return {**self.args, **self.draft.env}

    def _expander(self) -> Expander:
        return Expander(self._variables(), self.dockerfile.escape)

    def _arg(self, instruction: Instruction) -> None:
        scope = self.args if self.base_name else self.global_args
        for word in raw_words(instruction.value, self.dockerfile.escape):
            name, given, default = word.partition("=")
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise InstructionError(
                    f"{name!r} isn't a variable's name", "write ARG NAME or ARG NAME=default"
                )
            visible = {**scope, **(self.draft.env if self.base_name else {})}
            if name in self.build_args:
                scope[name] = self.build_args[name]
                self.used_args.add(name)
            elif given:
                scope[name] = Expander(visible, self.dockerfile.escape).whole(default)
            elif self.base_name and name in self.global_args:
                scope[name] = self.global_args[name]
        if self.base_name:
            self.steps.append(PlannedStep(instruction, None))

    def _from(self, instruction: Instruction) -> None:
        if self.base_name:
            raise InstructionError(
                "a second stage can't be built here", f"use one stage, or {_KIND}"
            )
        self.base_name = "?"  # what follows is looked at even if this can't be had
        for name, _ in instruction.flags:
            if name != "platform":
                raise InstructionError(f"the flag --{name} isn't known", "leave it out")
            self.notes.append(
                f"line {instruction.line}: --platform is ignored: images run on this machine"
            )
        words = Expander(self.global_args, self.dockerfile.escape).words(instruction.value)
        if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
            raise InstructionError("it isn't FROM image or FROM image AS name", "correct it")
        if not words[0]:
            raise InstructionError(
                "the image's name is empty", "give its ARG a default before FROM"
            )
        if words[0] == "scratch":
            raise InstructionError("an empty image has no Python", "use FROM python:3.13-slim")
        try:
            reference = Reference.parse(words[0])
        except InputError as error:
            raise InstructionError(error.message.rstrip("."), error.hint.rstrip(".")) from error
        self.base_name = str(reference)
        self.base = self.find_image(str(reference))
        if self.base is not None:
            self.draft = ConfigDraft.of(self.base.config)
        elif reference.name == "docker.io/library/python":
            self._from_python(reference, instruction)
        else:
            raise InstructionError(
                f"no registry is asked, and the store has no image {reference.familiar}",
                f"use FROM python:3.13-slim, build {reference.familiar} here first, or {_KIND}",
            )
        self.steps.append(PlannedStep(instruction, None))

    def _from_python(self, reference: Reference, instruction: Instruction) -> None:
        mine = self.interpreter
        labels = {PYTHON_LABEL: mine.version, "org.opencontainers.image.base.name": str(reference)}
        tag = _PYTHON_TAG.fullmatch(reference.tag)
        asked = ".".join(part for part in tag.groups() if part) if tag else ""
        if asked and asked not in (mine.minor, mine.minor.partition(".")[0]):
            labels["dev.oamkit.python.requested"] = asked
            self.notes.append(
                f"line {instruction.line}: {reference.familiar} asks for Python {asked}; "
                f"this image gets {mine.version}, the Python of this machine"
            )
        self.draft = ConfigDraft(
            ImageConfig(cmd=("python3",)), env={"PATH": mine.path, "LANG": "C.UTF-8"}, labels=labels
        )

    def _run(self, instruction: Instruction) -> None:
        for name, value in instruction.flags:
            if name != "mount" or "type=cache" not in value.split(","):
                raise InstructionError(
                    f"the flag --{name} needs a container", f"leave it out, or {_KIND}"
                )
        if instruction.heredocs:
            raise InstructionError(
                "a here-document is a script for a shell", "write RUN pip install …"
            )
        if (
            self.base is not None
            and self.base.config.labels.get(PYTHON_LABEL) != self.interpreter.version
        ):
            raise InstructionError(
                f"the image {self.base_name} doesn't have this machine's Python {self.interpreter.version}",
                "build that image again with this Python",
            )
        variables = self._variables()
        words = instruction.words
        commands = [list(words)] if words else shell_words(instruction.value, variables)
        try:
            installs = tuple(read_command(command) for command in commands)
        except UnsupportedCommandError as error:
            raise InstructionError(error.why, error.instead) from error
        step = RunStep(installs, self.draft.image.working_dir, tuple(sorted(variables.items())))
        self.steps.append(PlannedStep(instruction, step))
