"""Brings together what a Pod refers to, writes its volumes, and sets it up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.model import Inputs, Object, SourceMissingError
from oamkit.sandbox.agent.podconfig import pod_config
from oamkit.sandbox.agent.references import references, token_keys
from oamkit.sandbox.agent.volume_files import prepare_volume, write_files
from oamkit.sandbox.agent.volumes import holds_files, unsupported, volume_content
from oamkit.sandbox.cri import PodStatus

__all__ = ["gather", "set_up", "write_volumes"]


async def gather(context: Context, pod: Object, ip: str, wake: Callable[[], None]) -> Inputs:
    """Return what a Pod refers to; from now on ``wake`` is called when it changes.

    Raises:
        SourceMissingError: Something can't be read, or a token can't be had.
    """
    meta = pod["metadata"]
    objects = await context.objects.want(meta["uid"], meta["namespace"], references(pod), wake)
    tokens = {key: await context.tokens.token(pod, key) for key in token_keys(pod)}
    return Inputs(objects=objects, node=context.facts, tokens=tokens, pod_ip=ip)


async def write_volumes(context: Context, pod: Object, inputs: Inputs) -> dict[str, Path]:
    """Write a Pod's volumes, or what changed in them, and return where they are.

    Raises:
        SourceMissingError: A volume can't be made; the message names it.
    """
    volumes = pod["spec"].get("volumes") or []
    refused = unsupported(volumes)
    if refused:
        raise SourceMissingError(refused)
    paths = context.paths(pod["metadata"]["uid"])
    paths.make()

    def write() -> dict[str, Path]:
        folders = {}
        for volume in volumes:
            folder = paths.volumes / volume["name"]
            try:
                if holds_files(volume):
                    write_files(folder, volume_content(volume, pod, inputs))
                    folders[volume["name"]] = folder
                else:
                    folders[volume["name"]] = prepare_volume(volume, folder)
            except (SourceMissingError, OSError) as error:
                text = f'MountVolume.SetUp failed for volume "{volume["name"]}": {error}'
                raise SourceMissingError(text) from error
        return folders

    return await asyncio.to_thread(write)


async def set_up(context: Context, pod: Object) -> PodStatus:
    """Set a Pod up in the runtime.

    Raises:
        SandboxError: It can't be set up.
    """
    directory = context.paths(pod["metadata"]["uid"]).root
    config = pod_config(pod, context.node, directory, context.resolver)
    return await context.runtime.start_pod(config)
