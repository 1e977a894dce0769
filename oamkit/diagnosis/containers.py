"""Checks of the container engine: what kind's own list of known issues names (https://kind.sigs.k8s.io/docs/user/known-issues/).

Each says nothing where there is nothing to say: where no engine answers, or where its subject doesn't occur.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oamkit.diagnosis.machine import Machine
from oamkit.diagnosis.report import Check, State

__all__ = ["CONTAINER_CHECKS", "docker"]

GIGABYTE = 10**9
OLDEST = (20, 10)
"""Docker of that version lets processes without root listen on port 80 of their container: the course's image does."""


def docker(machine: Machine) -> Check:
    """Look whether an engine answers, and if not, why."""
    engine = machine.engine
    if engine is not None:
        version = _version(engine.info)
        return Check("docker", State.OK, f"{engine.title} {version} answers".replace("  ", " "))
    installed = [name for name in ("docker", "podman") if machine.which(name)]
    if not installed:
        return Check("docker", State.OK, "no Docker: the sandbox needs none")
    if "permission denied" in machine.engine_refusal(installed[0]).lower():
        return Check(
            "docker",
            State.WARN,
            "Docker is there, but you may not use it: the sandbox is used",
            "To use kind instead: sudo usermod -aG docker $USER, then log in anew.",
        )
    return Check(
        "docker",
        State.OK,
        "the Docker client is there, but no engine answers: the sandbox is used",
        "Start Docker to use kind instead.",
    )


def _old(machine: Machine) -> Check | None:
    info = _info(machine)
    found = re.match(r"(\d+)\.(\d+)", str(info.get("ServerVersion", "")))
    if found is None or (int(found[1]), int(found[2])) >= OLDEST:
        return None
    oldest = ".".join(map(str, OLDEST))
    return Check(
        "docker-version",
        State.WARN,
        f"Docker {info['ServerVersion']}: the course's image needs {oldest} or later",
        "Install Docker's current version: https://docs.docker.com/engine/install/",
    )


def _cgroups(machine: Machine) -> Check | None:
    """Kubernetes 1.35 and later refuse to start on version 1, unless they are told otherwise (KEP-5573)."""
    info = _info(machine)
    version = str(info.get("CgroupVersion") or info.get("host", {}).get("cgroupVersion", ""))
    if not version:
        return None
    if "1" not in version:
        return Check("docker-cgroups", State.OK, "version 2")
    fix = "Use a system with cgroup v2: Ubuntu 22.04, Debian 11, Fedora 31 or later."
    if _is_wsl(machine):
        fix = "Write kernelCommandLine=cgroup_no_v1=all below [wsl2] in %UserProfile%\\.wslconfig, then: wsl --shutdown"
    return Check(
        "docker-cgroups", State.WARN, "version 1, on which current Kubernetes doesn't start", fix
    )


def _memory(machine: Machine) -> Check | None:
    """Docker Desktop gives its containers a part of the machine only."""
    memory = int(_info(machine).get("MemTotal") or 0)
    if not memory:
        return None
    found = f"{memory / GIGABYTE:.1f} GB for containers"
    if memory < 2 * GIGABYTE:
        return Check(
            "docker-memory",
            State.WARN,
            found,
            "Give Docker at least 4 GB: Docker Desktop, Settings, Resources.",
        )
    return Check("docker-memory", State.OK, found)


def _disk(machine: Machine) -> Check | None:
    """A node whose disk is nearly full evicts its Pods; its image alone takes 1 GB."""
    root = Path(str(_info(machine).get("DockerRootDir") or ""))
    try:
        free = machine.free_disk(root) / GIGABYTE
    except OSError:  # in Docker Desktop's own machine, or not ours to look at
        return None
    if str(root) == ".":
        return None
    found = f"{free:.1f} GB free below {root}"
    if free < 5:
        return Check("docker-disk", State.WARN, found, "Make room, e.g. by 'docker system prune'.")
    return Check("docker-disk", State.OK, found)


def _snap(machine: Machine) -> Check | None:
    """Docker from a snap sees neither /tmp nor hidden folders, where kind and the kit keep files."""
    if not str(_info(machine).get("DockerRootDir", "")).startswith("/var/snap/"):
        return None
    return Check(
        "docker-snap",
        State.WARN,
        "Docker comes from a snap and can't read temporary files",
        "Install Docker's own packages, or: mkdir ~/tmp; export TMPDIR=~/tmp",
    )


def _rootless(machine: Machine) -> Check | None:
    info = _info(machine)
    rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or ())
    rootless = rootless or bool(info.get("host", {}).get("security", {}).get("rootless"))
    if not rootless:
        return None
    if info.get("CPUShares") is False or info.get("MemoryLimit") is False:
        return Check(
            "docker-rootless",
            State.WARN,
            "the engine runs without root and may not limit CPU and memory, which kind needs",
            "Let systemd delegate them: https://kind.sigs.k8s.io/docs/user/rootless/",
        )
    return Check("docker-rootless", State.OK, "without root: ports from 1024 up are used")


def _proxy(machine: Machine) -> Check | None:
    """Kind passes this machine's proxy on to its nodes: to them, loopback is themselves."""
    local = sorted(
        name
        for name, value in machine.environ.items()
        if name.lower() in ("http_proxy", "https_proxy")
        and re.search(r"//(localhost|127\.|\[::1\])", value)
    )
    if machine.engine is None or not local:
        return None
    return Check(
        "docker-proxy",
        State.WARN,
        f"{', '.join(local)} names this machine itself; kind's nodes can't reach a proxy there",
        "Let the proxy listen at an address that containers reach, and name that one.",
    )


def _wsl(machine: Machine) -> Check | None:
    if not _is_wsl(machine):
        return None
    if "wsl2" in machine.read("/proc/version").lower():
        return Check("wsl", State.OK, "WSL 2")
    return Check(
        "wsl",
        State.WARN,
        "WSL 1 has neither namespaces nor Docker",
        "Change to WSL 2, in PowerShell: wsl --set-version DISTRIBUTION 2",
    )


def _architecture(machine: Machine) -> Check | None:
    """An engine of another processor's kind works by emulation, many times slower; on Apple silicon that is easily set."""
    info = _info(machine)
    theirs = _normal(str(info.get("Architecture") or info.get("host", {}).get("arch", "")))
    ours = _normal(machine.processor)
    if not theirs or theirs == ours:
        return None
    return Check(
        "docker-architecture",
        State.WARN,
        f"containers are {theirs}, this machine is {ours}: they are emulated, and slow",
        "Unset DOCKER_DEFAULT_PLATFORM, and start Docker's machine (colima, lima) with the processor's own architecture.",
    )


def _info(machine: Machine) -> dict[str, Any]:
    return dict(machine.engine.info) if machine.engine is not None else {}


def _version(info: Any) -> str:  # noqa: ANN401 - what the engine tells
    return str(info.get("ServerVersion") or info.get("version", {}).get("Version", ""))


def _is_wsl(machine: Machine) -> bool:
    return "microsoft" in machine.read("/proc/version").lower()


def _normal(architecture: str) -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(architecture.lower(), architecture.lower())


CONTAINER_CHECKS: tuple[Callable[[Machine], Check | None], ...] = (
    _old,
    _cgroups,
    _memory,
    _disk,
    _snap,
    _rootless,
    _proxy,
    _wsl,
    _architecture,
)
"""All of them, in the order in which they are shown."""
