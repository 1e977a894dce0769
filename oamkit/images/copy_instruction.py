"""Reading ``COPY``, and ``ADD`` of local files."""

from __future__ import annotations

import posixpath
import re
import tarfile

from oamkit.images.copying import Context, CopyStep
from oamkit.images.dockerfile import Instruction
from oamkit.images.instruction_error import InstructionError, absolute
from oamkit.images.interpreter import ACCOUNT_IDS, GROUP_IDS
from oamkit.images.words import Expander

__all__ = ["read_copy"]

_URL = re.compile(r"(?:https?|ftp|git|ssh)://|git@")


def read_copy(
    instruction: Instruction, context: Context, expander: Expander, working_dir: str
) -> CopyStep:
    """Read a ``COPY``, or an ``ADD`` of local files.

    Args:
        instruction: The instruction.
        context: The files that it may copy.
        expander: Its variables.
        working_dir: Where a relative destination begins.

    Raises:
        InstructionError: It is wrong, names what isn't there, or can't be done here.
        ShellWordError: A quote or brace has no end.
    """
    if instruction.heredocs:
        raise InstructionError(
            "a here-document isn't read here", "put its text into a file and copy that"
        )
    owner, mode = _copy_flags(instruction, expander)
    listed = instruction.words
    words = (
        [expander.whole(word) for word in listed] if listed else expander.words(instruction.value)
    )
    if len(words) < 2:
        raise InstructionError(
            "it needs a source and a destination", f"write {instruction.keyword} source destination"
        )
    *sources, destination = words
    names = [name for source in sources for name in _found(source, instruction, context)]
    is_folder = destination.endswith("/") or destination.rpartition("/")[2] in ("", ".", "..")
    if len(names) > 1 and not is_folder:
        raise InstructionError(
            f"it copies {len(names)} sources, so the destination must be a folder",
            f"write {destination}/",
        )
    target = absolute(posixpath.join(working_dir, destination))
    if is_folder and target != "/":
        target += "/"
    return CopyStep(tuple(names), target, *owner, mode)


def _copy_flags(instruction: Instruction, expander: Expander) -> tuple[tuple[int, int], int | None]:
    owner, mode = (0, 0), None
    for name, raw in instruction.flags:
        value = expander.whole(raw)
        if name == "chown":
            owner = _owner(value)
        elif name == "chmod":
            if not re.fullmatch(r"[0-7]{3,4}", value):
                raise InstructionError(f"the mode {value!r} isn't octal", "write e.g. --chmod=755")
            mode = int(value, 8)
        elif name == "from":
            raise InstructionError(
                "files of another stage or image can't be copied", "COPY from the context"
            )
        elif name != "link":
            raise InstructionError(f"the flag --{name} can't be honoured here", "leave it out")
    return owner, mode


def _owner(text: str) -> tuple[int, int]:
    user, colon, group = text.partition(":")
    uid = ACCOUNT_IDS.get(user, int(user) if user.isdecimal() else None)
    gid = GROUP_IDS.get(group, int(group) if group.isdecimal() else None) if colon else uid
    if uid is None or gid is None:
        raise InstructionError(
            f"the image has no user or group {text!r}", "use numbers, e.g. --chown=1000:1000"
        )
    return uid, gid


def _found(source: str, instruction: Instruction, context: Context) -> list[str]:
    if instruction.keyword == "ADD" and _URL.match(source):
        raise InstructionError(
            "nothing is fetched from the network", "fetch it before the build, and COPY it"
        )
    if ".." in posixpath.normpath(source.lstrip("/")).split("/"):
        raise InstructionError(
            f"{source!r} lies outside of the build context", "copy it into the context first"
        )
    try:
        names = context.matches(source)
    except re.error as error:
        raise InstructionError(f"the pattern {source!r} is wrong: {error}") from error
    if not names:
        raise InstructionError(
            f"the build context has no {source!r}, or .dockerignore leaves it out",
            f"look for it in {context.root}",
        )
    if instruction.keyword == "ADD":
        for name in names:
            path = context.resolve(name)
            if path.is_file() and tarfile.is_tarfile(path):
                raise InstructionError(
                    f"ADD would unpack the archive {name}",
                    "unpack it before the build, and COPY the folder",
                )
    return names
