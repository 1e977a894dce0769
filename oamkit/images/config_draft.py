"""What the instructions say that concern an image's configuration alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from oamkit.images.dockerfile import Instruction
from oamkit.images.instruction_error import InstructionError, absolute
from oamkit.images.model import ImageConfig
from oamkit.images.words import Expander

__all__ = ["ConfigDraft"]

_USER = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]*(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]*)?")
_SIGNAL = re.compile(r"SIG[A-Z0-9]+(?:[+-]\d+)?|[1-9]\d?")
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_HEALTH_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


@dataclass
class ConfigDraft:
    """An image's configuration while the instructions are read.

    Attributes:
        image: What no variable needs to look at meanwhile.
        env: Variables by name.
        labels: Labels by name.
        shell: What runs the shell form of ``CMD`` and ``ENTRYPOINT`` (``SHELL``).
        own_cmd: Whether the file has a ``CMD``: an ``ENTRYPOINT`` drops the base image's.
    """

    image: ImageConfig = field(default_factory=ImageConfig)
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    own_cmd: bool = False

    @classmethod
    def of(cls, image: ImageConfig) -> ConfigDraft:
        """Begin with the configuration of a base image."""
        env = dict(item.partition("=")[::2] for item in image.env)
        return cls(image, env, dict(image.labels))

    def config(self) -> ImageConfig:
        """Return what came out."""
        env = tuple(f"{name}={value}" for name, value in self.env.items())
        return replace(self.image, env=env, labels=dict(self.labels))

    def apply(self, instruction: Instruction, expander: Expander) -> list[str]:
        """Take in an instruction.

        Returns:
            What a person should know of it, though it is no problem.

        Raises:
            InstructionError: It is wrong, or can't be done here.
            ShellWordError: A quote or brace has no end.
        """
        handlers: dict[str, Callable[[Instruction, Expander], None]] = {
            "CMD": self._cmd,
            "ENTRYPOINT": self._entrypoint,
            "ENV": self._env,
            "EXPOSE": self._expose,
            "HEALTHCHECK": self._healthcheck,
            "LABEL": self._label,
            "MAINTAINER": self._maintainer,
            "SHELL": self._shell,
            "STOPSIGNAL": self._stop_signal,
            "USER": self._user,
            "VOLUME": self._volume,
            "WORKDIR": self._working_dir,
        }
        handler = handlers.get(instruction.keyword)
        if handler is None:
            known = "ONBUILD" if instruction.keyword == "ONBUILD" else ""
            why = "it can't be done here" if known else "there is no such instruction"
            raise InstructionError(why, "leave it out" if known else "correct its name")
        if instruction.flags and instruction.keyword != "HEALTHCHECK":
            raise InstructionError(
                f"the flag --{instruction.flags[0][0]} isn't known", "leave it out"
            )
        handler(instruction, expander)
        if instruction.keyword in ("CMD", "ENTRYPOINT") and instruction.words is None:
            return _shell_form_notes(instruction)
        return []

    def _set(self, **values: Any) -> None:  # noqa: ANN401 - fields of ImageConfig
        self.image = replace(self.image, **values)

    def _command(self, instruction: Instruction) -> tuple[str, ...]:
        words = instruction.words
        return words if words is not None else (*self.shell, instruction.value)

    def _cmd(self, instruction: Instruction, _: Expander) -> None:
        self.own_cmd = True
        self._set(cmd=self._command(instruction))

    def _entrypoint(self, instruction: Instruction, _: Expander) -> None:
        self._set(entrypoint=self._command(instruction))
        if not self.own_cmd:
            self._set(cmd=())

    def _env(self, instruction: Instruction, expander: Expander) -> None:
        for name, value in expander.pairs(instruction.value):
            if not name or "\0" in name + value:
                raise InstructionError(f"{name!r} isn't a variable's name", "write ENV NAME=value")
            self.env[name] = value

    def _label(self, instruction: Instruction, expander: Expander) -> None:
        self.labels.update(expander.pairs(instruction.value))

    def _maintainer(self, instruction: Instruction, _: Expander) -> None:
        self.labels["maintainer"] = instruction.value

    def _expose(self, instruction: Instruction, expander: Expander) -> None:
        ports = set(self.image.exposed_ports)
        for word in expander.words(instruction.value):
            match = _PORT.fullmatch(word)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not match or not 0 < first <= last <= 65535:
                raise InstructionError(f"{word!r} isn't a port, e.g. 80 or 53/udp")
            protocol = (match[3] or "tcp").lower()
            ports |= {f"{port}/{protocol}" for port in range(first, last + 1)}
        self._set(exposed_ports=tuple(sorted(ports)))

    def _user(self, instruction: Instruction, expander: Expander) -> None:
        user = expander.whole(instruction.value)
        if not _USER.fullmatch(user):
            raise InstructionError(f"{user!r} isn't a user, e.g. 1000 or 1000:1000")
        self._set(user=user)

    def _stop_signal(self, instruction: Instruction, expander: Expander) -> None:
        signal = expander.whole(instruction.value)
        if not _SIGNAL.fullmatch(signal):
            raise InstructionError(f"{signal!r} isn't a signal, e.g. SIGTERM")
        self._set(stop_signal=signal)

    def _shell(self, instruction: Instruction, _: Expander) -> None:
        if not instruction.words:
            raise InstructionError("it isn't a list in JSON", 'write SHELL ["/bin/sh", "-c"]')
        self.shell = instruction.words

    def _volume(self, instruction: Instruction, expander: Expander) -> None:
        words = instruction.words
        paths = (
            [expander.whole(word) for word in words] if words else expander.words(instruction.value)
        )
        self._set(volumes=tuple(sorted({*self.image.volumes, *paths})))

    def _working_dir(self, instruction: Instruction, expander: Expander) -> None:
        path = posixpath.join(self.image.working_dir, expander.whole(instruction.value))
        self._set(working_dir=absolute(path))

    def _healthcheck(self, instruction: Instruction, _: Expander) -> None:
        if instruction.value.upper() == "NONE":
            self._set(healthcheck={"Test": ["NONE"]})
            return
        keyword, _blank, command = instruction.value.partition(" ")
        if keyword.upper() != "CMD" or not command.strip():
            raise InstructionError(
                "it is neither HEALTHCHECK NONE nor HEALTHCHECK CMD and a command"
            )
        words = replace(instruction, value=command.strip()).words
        check: dict[str, Any] = {
            "Test": ["CMD", *words] if words else ["CMD-SHELL", command.strip()]
        }
        for name, value in instruction.flags:
            if name in _HEALTH_TIMES:
                check[_HEALTH_TIMES[name]] = _nanoseconds(value)
            elif name == "retries" and value.isdecimal():
                check["Retries"] = int(value)
            else:
                raise InstructionError(
                    f"--{name}={value} isn't known", "use --interval=30s --timeout=5s --retries=3"
                )
        self._set(healthcheck=check)


def _shell_form_notes(instruction: Instruction) -> list[str]:
    if instruction.value.startswith("["):
        why = "isn't valid JSON (use double quotes), so a shell gets all of it"
    else:
        why = "runs by a shell, which doesn't pass signals on: better write it as a list"
    return [f"line {instruction.line}: {instruction.keyword} {why}"]


def _nanoseconds(text: str) -> int:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InstructionError(f"{text!r} isn't a time, e.g. 30s or 1m30s")
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))
