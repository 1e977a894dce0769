"""``python -m oamkit.runtime.trial``: let the runtime of this cluster make a small application, change it and take it away.

It is what ``helm test`` runs: not that a Pod is up, but that an application works. Nothing of it stays.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from oamkit.errors import ApiError, OamKitError, WaitTimeoutError
from oamkit.kube import Client, Connection, Object, Resource
from oamkit.oam.kinds import API_VERSION, APPLICATION_CONFIGURATION, COMPONENT, LABEL_WORKLOAD_TYPE
from oamkit.runtime.kinds import APPLICATION_CONFIGURATIONS, COMPONENTS, CONFIG_MAPS

__all__ = ["main", "trial"]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the trial; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m oamkit.runtime.trial", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="default: as the runtime's")
    parser.add_argument("--namespace", help="where; default: the Pod's or context's")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each step; default 60")
    options = parser.parse_args(argv)
    try:
        connection = Connection.load(options.kubeconfig)
        asyncio.run(_main(connection, options.namespace or connection.namespace, options.seconds))
    except OamKitError as error:
        print(f"trial: {error}", file=sys.stderr)  # noqa: T201 - it is a program
        return 1
    return 0


async def _main(connection: Connection, namespace: str, seconds: float) -> None:
    async with Client(connection, user_agent="oam-trial") as client:
        await trial(client, namespace, seconds=seconds, say=print)


async def trial(
    client: Client, namespace: str, *, seconds: float = 60.0, say: Callable[[str], object]
) -> None:
    """Make an application of one ConfigMap, change it, and delete it.

    Args:
        client: The open client; it needs rights over Components, applications and ConfigMaps in the namespace.
        namespace: Where.
        seconds: How long each step may take.
        say: Is told what happened, and how long it took.

    Raises:
        WaitTimeoutError: The runtime didn't do its part in time.
        ApiError: The API server refused.
    """
    name = f"oam-trial-{uuid.uuid4().hex[:8]}"
    entry = {"componentName": name}
    try:
        await client.create(COMPONENTS, _oam(COMPONENT, name, namespace, {"workload": _workload(name, "1")}))  # fmt: skip
        await client.create(APPLICATION_CONFIGURATIONS, _oam(APPLICATION_CONFIGURATION, name, namespace, {"components": [entry]}))  # fmt: skip
        took = await _until(client, name, namespace, lambda obj: obj is not None, seconds)
        say(f"application made: its object was there after {took:.2f} s")
        patch = {"spec": {"workload": _workload(name, "2")}}
        await client.merge_patch(COMPONENTS, name, patch, namespace)
        changed = lambda obj: obj is not None and obj["data"] == {"version": "2"}  # noqa: E731
        took = await _until(client, name, namespace, changed, seconds)
        say(f"component edited: its object was changed after {took:.2f} s")
        await client.delete(APPLICATION_CONFIGURATIONS, name, namespace)
        took = await _until(client, name, namespace, lambda obj: obj is None, seconds)
        say(f"application deleted: its object was gone after {took:.2f} s")
    finally:
        for resource in (APPLICATION_CONFIGURATIONS, COMPONENTS):
            await _delete(client, resource, name, namespace)


def _oam(kind: str, name: str, namespace: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _workload(name: str, version: str) -> Object:
    # The webhooks want a definition; the label names one that the chart brings.
    labels = {LABEL_WORKLOAD_TYPE: "containerizedworkloads.core.oam.dev"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"version": version}}  # fmt: skip


async def _until(
    client: Client,
    name: str,
    namespace: str,
    holds: Callable[[Object | None], bool],
    seconds: float,
) -> float:
    since = time.monotonic()
    while not holds(found := await _read(client, CONFIG_MAPS, name, namespace)):
        if time.monotonic() - since > seconds:
            app = await _read(client, APPLICATION_CONFIGURATIONS, name, namespace) or {}
            raise WaitTimeoutError(
                f"the runtime didn't do its part within {seconds:.0f} s",
                last_state=f"data of the object: {found and found['data']}; conditions of the application: "
                f"{(app.get('status') or {}).get('conditions')}",
                hint="Does it run? Look at its Deployment, and at its log.",
            )
        await asyncio.sleep(0.05)
    return time.monotonic() - since


async def _read(client: Client, resource: Resource, name: str, namespace: str) -> Object | None:
    try:
        return await client.get(resource, name, namespace)
    except ApiError as error:
        if error.status != 404:
            raise
        return None


async def _delete(client: Client, resource: Resource, name: str, namespace: str) -> None:
    try:
        await client.delete(resource, name, namespace)
    except ApiError as error:
        if error.status != 404:
            raise


if __name__ == "__main__":
    sys.exit(main())
