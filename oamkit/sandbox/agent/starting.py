"""Starts one container: image, environment, mounts, process, ``postStart``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oamkit.errors import ImageError, SandboxError
from oamkit.images import Image
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.environment import command_line, environment, service_environment
from oamkit.sandbox.agent.model import (
    ContainerRecord,
    Inputs,
    Object,
    SourceMissingError,
)
from oamkit.sandbox.agent.podconfig import limit, verify_non_root
from oamkit.sandbox.agent.pulling import ImagePuller, NotStartedError
from oamkit.sandbox.agent.stopping import field_path
from oamkit.sandbox.agent.volume_files import prepare_mounts
from oamkit.sandbox.agent.volumes import holds_files, mounts
from oamkit.sandbox.cri import ContainerConfig, ContainerState, ContainerStatus, Mount

__all__ = ["Start", "forget_attempts", "image_id", "start_container"]

CONFIG_RETRY = 15.0
RUN_RETRY = 10.0


@dataclass(frozen=True)
class Start:
    """A container to start.

    Attributes:
        pod: Its Pod.
        container: Its spec.
        record: What is known of it; its ``attempts`` names this start.
        inputs: What it refers to.
        folders: Where the Pod's volumes are.
    """

    pod: Object
    container: Object
    record: ContainerRecord
    inputs: Inputs
    folders: Mapping[str, Path]


def image_id(image: Image) -> str:
    """Return the ``imageID`` of the API: the name without a tag, and the digest."""
    name, _, tag = image.reference.rpartition(":")
    return f"{name if name and '/' not in tag else image.reference}@{image.digest}"


async def start_container(context: Context, puller: ImagePuller, start: Start) -> ContainerStatus:
    """Start a container.

    Raises:
        NotStartedError: It can't be started now.
    """
    pod, container, record = start.pod, start.container, start.record
    where = field_path(pod, container["name"])
    image = await puller.image(pod, container)
    record.image_id = image_id(image)
    try:
        config = await _config(context, start, image)
    except SourceMissingError as error:
        context.recorder.emit(pod, "Warning", "Failed", f"Error: {error}", container=where)
        raise NotStartedError("CreateContainerConfigError", str(error), CONFIG_RETRY) from error
    except (ImageError, OSError) as error:
        text = error.message if isinstance(error, ImageError) else str(error)
        context.recorder.emit(pod, "Warning", "Failed", f"Error: {text}", container=where)
        raise NotStartedError("CreateContainerError", text, RUN_RETRY) from error
    name = container["name"]
    context.recorder.emit(pod, "Normal", "Created", f"Container created: {name}", container=where)
    try:
        status = await context.runtime.start_container(pod["metadata"]["uid"], config)
    except SandboxError as error:
        context.recorder.emit(pod, "Warning", "Failed", f"Error: {error.message}", container=where)
        raise NotStartedError("RunContainerError", error.message, RUN_RETRY) from error
    if status.state is ContainerState.RUNNING or status.reason != "ContainerCannotRun":
        context.recorder.emit(
            pod, "Normal", "Started", f"Container started: {name}", container=where
        )
    else:
        text = f"Error: failed to start container {name!r}: {status.message}"
        context.recorder.emit(pod, "Warning", "Failed", text, container=where)
    return status


async def _config(context: Context, start: Start, image: Image) -> ContainerConfig:
    pod, container = start.pod, start.container
    verify_non_root(pod, container, image.config.user)
    meta, spec = pod["metadata"], pod["spec"]
    links = spec.get("enableServiceLinks", True)
    env = environment(
        container,
        pod,
        start.inputs,
        image_env=image.config.env,
        services=service_environment(context.services(), meta["namespace"], links),
    )
    env.setdefault("HOME", "/root" if image.config.user in ("", "0", "root") else "/")
    if container.get("tty"):
        env.setdefault("TERM", "xterm")
    argv = command_line(container, env, image.config.entrypoint, image.config.cmd)
    if not argv:
        raise SourceMissingError(
            "no command specified: neither the container nor its image says what to run"
        )
    rootfs = await asyncio.to_thread(context.images.unpack, image)
    paths, attempt = context.paths(meta["uid"]), start.record.attempts
    log = paths.log(container["name"], attempt)
    log.parent.mkdir(parents=True, exist_ok=True)
    return ContainerConfig(
        name=container["name"],
        attempt=attempt,
        image=container["image"],
        rootfs=rootfs,
        host_paths=image.host_paths,
        argv=argv,
        env=env,
        working_dir=container.get("workingDir") or image.config.working_dir or "/",
        mounts=_mounts(context, start, env),
        log_path=log,
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
        read_only_rootfs=bool(
            (container.get("securityContext") or {}).get("readOnlyRootFilesystem")
        ),
        memory_limit=_bytes(container),
        cpu_limit=limit(container, "cpu"),
    )


def _bytes(container: Object) -> int | None:
    value = limit(container, "memory")
    return None if value is None else int(value)


def _mounts(context: Context, start: Start, env: Mapping[str, str]) -> tuple[Mount, ...]:
    fixed = frozenset(v["name"] for v in start.pod["spec"].get("volumes") or [] if holds_files(v))
    plans = mounts(start.container, start.folders, fixed, env)
    prepare_mounts(plans)
    name, attempt = start.container["name"], start.record.attempts
    message = context.paths(start.pod["metadata"]["uid"]).termination(name, attempt)
    message.parent.mkdir(parents=True, exist_ok=True)
    message.touch()
    message.chmod(0o666)
    target = start.container.get("terminationMessagePath") or "/dev/termination-log"
    return (*(plan.mount for plan in plans), Mount(message, target))


def forget_attempts(context: Context, uid: str, container: str, keep_from: int) -> None:
    """Remove the logs and messages of starts that nobody can ask for any more: all before the previous one."""
    paths = context.paths(uid)
    for folder in (paths.log(container, 0).parent, paths.termination(container, 0).parent):
        if folder.is_dir():
            for entry in folder.iterdir():
                number = entry.name.partition(".")[0]
                if number.isdigit() and int(number) < keep_from:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
