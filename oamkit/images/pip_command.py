"""Which commands of ``RUN`` can be done without a container: ``pip install``, and what of it.

A command is understood before anything runs, so that a Dockerfile that can't be built is refused as a whole. Options of pip that would put
packages elsewhere than into the image are refused; options that neither help nor harm here are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PipInstall", "UnsupportedCommandError", "read_command"]

_PIP = re.compile(r"(?:/usr/local/bin/)?pip(?:3(?:\.\d+)?)?")
_PYTHON = re.compile(r"(?:/usr/local/bin/)?python(?:3(?:\.\d+)?)?")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)

# Options of `pip install` (pip.pypa.io/en/stable/cli/pip_install), by what becomes of them.
_FLAGS = {
    *("-U", "--upgrade", "--pre", "--no-deps", "--require-hashes", "--no-index", "--prefer-binary", "--force-reinstall"),
    *("-I", "--ignore-installed", "--no-build-isolation", "--use-pep517", "--no-use-pep517", "--check-build-dependencies"),
    *("-q", "--quiet", "-qq", "-qqq", "-v", "--verbose", "-vv", "-vvv", "--isolated", "--no-color", "--ignore-requires-python"),
}  # fmt: skip
_WITH_VALUE = {
    *("-i", "--index-url", "--extra-index-url", "--trusted-host", "--only-binary", "--no-binary", "--upgrade-strategy"),
    *("-C", "--config-settings", "--global-option", "--timeout", "--retries", "--proxy", "--cert", "--client-cert"),
    *("--use-feature", "--use-deprecated", "--keyring-provider", "--group", "--uploaded-prior-to"),
}  # fmt: skip
_WITH_PATH = {
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-f",
    "--find-links",
    "--build-constraint",
}
_DROPPED = {
    # pip's cache lies outside the image anyway, and keeps the second build from downloading everything again
    "--no-cache-dir",
    # modules are compiled in a reproducible way after pip
    *("--compile", "--no-compile"),
    *("--no-warn-script-location", "--disable-pip-version-check", "--no-python-version-warning", "--no-input"),
    *("--break-system-packages", "--no-clean", "--no-warn-conflicts"),
}  # fmt: skip
_DROPPED_WITH_VALUE = {"--root-user-action", "--progress-bar", "--exists-action", "--cache-dir"}

_INSTEAD = {
    ("apt-get", "apt", "apk", "yum", "dnf", "microdnf"): (
        "the sandbox has no packages of a distribution: take a Python wheel that brings the library, install it on this machine, or build with the kind provider"
    ),
    (
        "useradd",
        "adduser",
        "groupadd",
        "addgroup",
    ): "leave it out and give USER a number, e.g. USER 1000",
    ("chown", "chmod"): "use COPY --chown=… and COPY --chmod=…",
    ("mkdir",): "WORKDIR makes its folder",
    ("curl", "wget", "git"): "fetch it before the build and COPY it, or let pip fetch it",
    ("cp", "mv", "ln", "rm", "touch"): "COPY what the image shall hold, and no more",
    ("uv", "poetry", "pipenv", "conda"): "export a requirements.txt and pip install -r it",
}
_OTHERWISE = "do it before the build and COPY its result, or build with the kind provider"


class UnsupportedCommandError(ValueError):
    """A command that can't be done without a container.

    Args:
        why: What is wrong with it.
        instead: What to do.
    """

    def __init__(self, why: str, instead: str = _OTHERWISE) -> None:
        super().__init__(why)
        self.why = why
        self.instead = instead


@dataclass(frozen=True)
class PipInstall:
    """One ``pip install``.

    Attributes:
        arguments: What follows ``install``: each with whether it may name a path of the image.
        env: Variables that were set for this command alone.
    """

    arguments: tuple[tuple[str, bool], ...]
    env: tuple[tuple[str, str], ...] = ()


def read_command(words: Sequence[str]) -> PipInstall:
    """Understand a command.

    Raises:
        UnsupportedCommandError: It isn't a ``pip install`` that can be done.

    Example:
        >>> read_command(["pip", "install", "--no-cache-dir", "-r", "requirements.txt"]).arguments
        (('-r', False), ('requirements.txt', True))
    """
    rest = list(words)
    env: dict[str, str] = {}
    while rest and (assignment := _ASSIGNMENT.fullmatch(rest[0])):
        env[assignment[1]] = assignment[2]
        rest.pop(0)
    if len(rest) > 2 and _PYTHON.fullmatch(rest[0]) and rest[1:3] == ["-m", "pip"]:
        rest = rest[2:]
    elif not rest or not _PIP.fullmatch(rest[0]):
        raise _unsupported_program(rest)
    rest.pop(0)
    while rest and rest[0] in _DROPPED:
        rest.pop(0)
    if not rest or rest[0] != "install":
        command = rest[0] if rest else ""
        raise UnsupportedCommandError(f"of pip only 'install' can be done, not {command!r}")
    return PipInstall(tuple(_arguments(rest[1:])), tuple(sorted(env.items())))


def _unsupported_program(words: Sequence[str]) -> UnsupportedCommandError:
    program = words[0].rpartition("/")[2] if words else ""
    for names, instead in _INSTEAD.items():
        if program in names:
            return UnsupportedCommandError(f"{program!r} needs a container", instead)
    return UnsupportedCommandError(
        f"{program!r} needs a container; only 'pip install' runs without one"
    )


def _arguments(words: Sequence[str]) -> list[tuple[str, bool]]:
    result: list[tuple[str, bool]] = []
    rest = list(words)
    options = True
    installs = False
    while rest:
        word = rest.pop(0)
        if not options or not word.startswith("-"):
            result.append((word, True))
            installs = True
            continue
        if word == "--":
            options = False
            continue
        name, value = _option(word, rest)
        installs = installs or name in ("-r", "--requirement", "--group")
        if name in _DROPPED or name in _DROPPED_WITH_VALUE:
            continue
        result.append((name, False))
        if value is not None:
            result.append((value, name in _WITH_PATH))
    if not installs:
        raise UnsupportedCommandError(
            "it names nothing to install", "name a package, or -r and a file"
        )
    return result


def _option(word: str, rest: list[str]) -> tuple[str, str | None]:
    """Return an option and its value, which may stand in the same word or the next."""
    name, equals, value = word.partition("=")
    takes_value = name in _WITH_VALUE | _WITH_PATH | _DROPPED_WITH_VALUE
    if not word.startswith("--") and word[:2] in _WITH_VALUE | _WITH_PATH and len(word) > 2:
        return word[:2], word[2:].removeprefix("=")
    if not takes_value:
        if word in _FLAGS | _DROPPED:
            return word, None
        if name in ("-e", "--editable"):
            raise UnsupportedCommandError(
                "an editable install points out of the image", "install it without -e"
            )
        raise UnsupportedCommandError(
            f"the option {name} of pip isn't known to be safe here",
            "leave it out, or build with the kind provider",
        )
    if equals:
        return name, value
    if not rest:
        raise UnsupportedCommandError(f"the option {name} has no value", "give it one")
    return name, rest.pop(0)
