"""The checks: each a function from a :class:`Machine` to a :class:`Check`, or to nothing where there is nothing to say, that never raises and changes nothing."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

from oamkit import paths
from oamkit.diagnosis.containers import CONTAINER_CHECKS, docker
from oamkit.diagnosis.machine import Machine
from oamkit.diagnosis.report import Check, State
from oamkit.errors import MissingToolError, OamKitError
from oamkit.languages import message
from oamkit.provider import ProviderName, choose

__all__ = ["CHECKS"]

MINIMUM_PYTHON = (3, 11)
GIGABYTE = 10**9


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
    found = f"the cluster will run in {choice.name}, because {choice.reason}"
    return Check("provider", State.OK, found)


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
        "Nothing must be done: the sandbox runs Pods as plain processes.",
    )


def _low_ports(machine: Machine) -> Check | None:
    """Without namespaces Pods and Services have their ports on this machine; the application's is 80, the API server's Service's 443."""
    if machine.system != "Linux" or machine.port_error(80) != os.strerror(errno.EACCES):
        return None
    try:
        if machine.namespaces_refused() is None or _chosen(machine) is not ProviderName.SANDBOX:
            return None
    except (OamKitError, ImportError, OSError):
        return None  # other checks say so
    return Check(
        "low-ports",
        State.FAIL,
        "ports below 1024 are for root here, and without namespaces the application can't get its port 80",
        "sudo sysctl net.ipv4.ip_unprivileged_port_start=0. In a container, whoever starts it gives it that: docker or podman run --sysctl …, "
        "in Kubernetes the Pod's securityContext.sysctls.",
    )


def _chosen(machine: Machine) -> ProviderName:
    return choose(runner=machine.runner, environ=machine.environ).name


def _disk(machine: Machine) -> Check:
    try:
        folder = paths.data()
    except OamKitError as error:
        return Check("disk", State.FAIL, error.message, error.hint)
    if not machine.may_write(folder):
        return Check(
            "disk",
            State.FAIL,
            f"{folder}, where the kit keeps its things, can't be written to",
            f"Look whose it is: ls -ld {folder}. Or OAMKIT_HOME=FOLDER names another one.",
        )
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
    in_use = os.strerror(errno.EADDRINUSE)
    found = "; ".join(
        f"port {port} ({wanted[port]}) is in use" if why == in_use else f"port {port}: {why}"
        for port, why in taken.items()
    )
    return Check("ports", State.OK, found, "Nothing must be done: other ports are taken instead.")


def _proxies(machine: Machine) -> Check:
    names = sorted(name for name in machine.environ if name.lower().endswith("_proxy"))
    proxies = [name for name in names if name.lower() != "no_proxy"]
    if not proxies:
        return Check("proxies", State.OK, message("none"))
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


CHECKS: tuple[Callable[[Machine], Check | None], ...] = (
    _python,
    _git,
    _provider,
    docker,
    *CONTAINER_CHECKS,
    _programs,
    _namespaces,
    _low_ports,
    _ports,
    _disk,
    _memory,
    _inotify,
    _proxies,
    _kubeconfig,
)
"""All of them, in the order in which they are shown."""
