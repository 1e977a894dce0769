"""``doctor``: what this machine has, what it lacks for the course, and what to do about it.

A check is a function from a :class:`Machine` to a :class:`Check`; it never raises and changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from oamkit import paths
from oamkit.errors import MissingToolError, OamKitError
from oamkit.process import Runner, SubprocessRunner
from oamkit.provider import ProviderName, choose
from oamkit.show import Rendered, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Check", "Diagnosis", "Machine", "State", "doctor"]

MINIMUM_PYTHON = (3, 11)
GIGABYTE = 10**9


class State(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        code: A stable name, e.g. ``"disk"``.
        state: ``fail`` means that the course can't run without mending it.
        found: What was found.
        fix: What to do; ``""`` if nothing is needed.
    """

    code: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Diagnosis(Rendered):
    """All checks together.

    Attributes:
        checks: In the order in which they were made.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether the course can run here."""
        return all(check.state is not State.FAIL for check in self.checks)

    def __getitem__(self, code: str) -> Check:
        return next(check for check in self.checks if check.code == code)

    def to_json(self) -> str:
        """Return it for programs: ``{"ok": …, "checks": [{"code": …, "state": …, "found": …, "fix": …}]}``."""
        checks = [asdict(check) for check in self.checks]
        return json.dumps({"ok": self.ok, "checks": checks}, indent=2, ensure_ascii=False)

    @property
    def _verdict(self) -> str:
        failed = [check.code for check in self.checks if check.state is State.FAIL]
        return f"Mend first: {', '.join(failed)}." if failed else "The course can run here."

    def _table(self) -> Table:
        rows = tuple(
            (check.code, check.state.value, check.found + (f"\n→ {check.fix}" if check.fix else ""))
            for check in self.checks
        )
        return Table(("CHECK", "STATE", "FOUND"), rows)

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        return Group(self._table(), Text(self._verdict))

    def to_html(self) -> str:
        """Return it as a table with the verdict below."""
        return f"{self._table().to_html()}<p><strong>{self._verdict}</strong></p>"


@dataclass(frozen=True)
class Machine:
    """What the checks may ask. Tests give other answers.

    Attributes:
        runner: Runs programs.
        environ: Environment variables.
        system: ``"Linux"``, ``"Darwin"``, …
        python: Version of the interpreter.
        files: Where ``/proc`` is looked for.
    """

    runner: Runner = field(default_factory=SubprocessRunner)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    system: str = field(default_factory=platform.system)
    python: tuple[int, ...] = sys.version_info[:3]
    files: Path = Path("/")

    def which(self, name: str) -> str | None:
        """Return where a program of the ``PATH`` is."""
        return shutil.which(name, path=self.environ.get("PATH"))

    def read(self, path: str) -> str:
        """Return a file's content; ``""`` if it can't be read."""
        with contextlib.suppress(OSError):
            return (self.files / path.lstrip("/")).read_text(encoding="utf-8")
        return ""

    def free_disk(self, folder: Path) -> int:
        """Return how many bytes are free below a folder."""
        return shutil.disk_usage(folder).free

    def port_error(self, port: int) -> str:
        """Return why a loopback port can't be listened on; ``""`` if it can."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                return str(error.strerror)
        return ""

    def namespaces_refused(self) -> str | None:
        """Return why unprivileged namespaces can't be made here; ``None`` if they can."""
        from oamkit.sandbox.probe import namespaces_refused

        return namespaces_refused()

    def program(self, name: str) -> Path:
        """Return where one of the kit's own programs is."""
        from oamkit.sandbox import programs

        return programs.find(name)


def doctor(machine: Machine | None = None) -> Diagnosis:
    """Look at this machine: can the course run here, and if not, why.

    Args:
        machine: What to look at; this machine by default.

    Example::

        print(doctor())
        assert doctor().ok
    """
    machine = machine or Machine()
    return Diagnosis(tuple(check(machine) for check in _CHECKS))


def _python(machine: Machine) -> Check:
    found = f"Python {'.'.join(map(str, machine.python))}"
    if machine.python[:2] >= MINIMUM_PYTHON:
        return Check("python", State.OK, found)
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    return Check("python", State.FAIL, found, f"Install Python {wanted} or later.")


def _provider(machine: Machine) -> Check:
    try:
        choice = choose(runner=machine.runner, environ=machine.environ)
    except OamKitError as error:
        return Check("provider", State.FAIL, error.message, error.hint)
    return Check("provider", State.OK, f"the cluster will run in {choice}")


def _programs(machine: Machine) -> Check:
    code, fix = "programs", "Run 'make binaries': it builds them once."
    try:
        kubectl = machine.program("kubectl")
        machine.program("traefik")
        done = machine.runner.run(
            [kubectl, "version", "--client", "--output=json"],
            timeout=20,
            env={"HOME": "/nonexistent"},
        )
        version = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    except MissingToolError as error:
        return Check(code, State.FAIL, error.message, error.hint or fix)
    except (OamKitError, ValueError, KeyError, OSError) as error:
        return Check(code, State.FAIL, f"kubectl doesn't work: {error}", fix)
    return Check(code, State.OK, f"Kubernetes {version}, kubectl, helm, kind, cue, Traefik")


def _git(machine: Machine) -> Check:
    if machine.which("git"):
        return Check("git", State.OK, "git is there")
    return Check("git", State.WARN, "no git", "Install git, to get newer versions of the course.")


def _docker(machine: Machine) -> Check:
    if not machine.which("docker") and not machine.which("podman"):
        return Check("docker", State.OK, "no Docker: the sandbox needs none")
    try:
        choice = choose(runner=machine.runner, environ={})
    except OamKitError:  # pragma: no cover - choose() without names never refuses
        return Check("docker", State.WARN, "Docker can't be asked")
    if choice.name is ProviderName.KIND:
        return Check("docker", State.OK, "a Docker engine answers")
    return Check(
        "docker",
        State.OK,
        "the Docker client is there, but no engine answers: the sandbox is used",
        "Start Docker to use kind instead.",
    )


def _namespaces(machine: Machine) -> Check:
    if machine.system != "Linux":
        return Check(
            "namespaces", State.WARN, f"{machine.system} has none", "Use kind, by Docker Desktop."
        )
    try:
        refused = machine.namespaces_refused()
    except (ImportError, OSError) as error:
        return Check("namespaces", State.WARN, f"can't be tried: {error}")
    if refused is None:
        return Check("namespaces", State.OK, "Pods get network and mount namespaces of their own")
    return Check(
        "namespaces",
        State.WARN,
        f"this machine refuses them to ordinary users: {refused}",
        "Nothing must be done: the sandbox runs Pods as plain processes, on ports from 1024 up.",
    )


def _disk(machine: Machine) -> Check:
    folder = paths.data()
    free = machine.free_disk(folder) / GIGABYTE
    found = f"{free:.1f} GB free below {folder}"
    if free < 0.5:
        return Check("disk", State.FAIL, found, "Make room: 2 GB are enough for the whole course.")
    if free < 2:
        return Check("disk", State.WARN, found, "Make some room: the course needs up to 2 GB.")
    return Check("disk", State.OK, found)


def _memory(machine: Machine) -> Check:
    lines = dict(
        line.split(":", 1) for line in machine.read("/proc/meminfo").splitlines() if ":" in line
    )
    try:
        free = int(lines["MemAvailable"].split()[0]) * 1024 / GIGABYTE
    except (KeyError, ValueError, IndexError):
        return Check("memory", State.OK, "not known on this system")
    found = f"{free:.1f} GB available"
    if free < 1:
        return Check("memory", State.WARN, found, "Close other programs: the cluster needs 1 GB.")
    return Check("memory", State.OK, found)


def _inotify(machine: Machine) -> Check:
    """Limits that are too low show as "too many open files" (kind's known issues, "Pod errors due to …")."""
    try:
        watches = int(machine.read("/proc/sys/fs/inotify/max_user_watches"))
        instances = int(machine.read("/proc/sys/fs/inotify/max_user_instances"))
    except ValueError:
        return Check("inotify", State.OK, "not known on this system")
    found = f"{watches} watches, {instances} instances"
    if watches < 8192 or instances < 64:
        return Check(
            "inotify",
            State.WARN,
            found,
            "Raise them: sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512",
        )
    return Check("inotify", State.OK, found)


def _ports(machine: Machine) -> Check:
    wanted = {80: "HTTP", 443: "HTTPS", 6443: "the Kubernetes API"}
    taken = {port: why for port in wanted if (why := machine.port_error(port))}
    if not taken:
        return Check("ports", State.OK, "80, 443 and 6443 are free")
    found = "; ".join(f"{port} ({wanted[port]}): {why}" for port, why in taken.items())
    return Check("ports", State.OK, found, "Nothing must be done: other ports are taken instead.")


def _proxies(machine: Machine) -> Check:
    names = sorted(name for name in machine.environ if name.lower().endswith("_proxy"))
    proxies = [name for name in names if name.lower() != "no_proxy"]
    if not proxies:
        return Check("proxies", State.OK, "none")
    spared = machine.environ.get("no_proxy", machine.environ.get("NO_PROXY", ""))
    if "localhost" in spared and "127.0.0.1" in spared:
        return Check("proxies", State.OK, f"{', '.join(proxies)}, but not for this machine itself")
    return Check(
        "proxies",
        State.WARN,
        f"{', '.join(proxies)}, also for this machine itself",
        "Your own curl and browser may need it: export no_proxy=localhost,127.0.0.1",
    )


def _kubeconfig(machine: Machine) -> Check:
    named = machine.environ.get("KUBECONFIG", "")
    if named and not any(Path(each).is_file() for each in named.split(os.pathsep) if each):
        return Check(
            "kubeconfig",
            State.WARN,
            f"KUBECONFIG names {named}, which isn't there",
            "Unset it, or let it name the course's cluster: export KUBECONFIG=$(oamkit sandbox kubeconfig)",
        )
    found = f"KUBECONFIG is {named}" if named else "KUBECONFIG isn't set"
    return Check("kubeconfig", State.OK, f"{found}; the course uses its own and leaves yours alone")


_CHECKS: tuple[Callable[[Machine], Check], ...] = (
    _python,
    _git,
    _provider,
    _docker,
    _programs,
    _namespaces,
    _ports,
    _disk,
    _memory,
    _inotify,
    _proxies,
    _kubeconfig,
)
