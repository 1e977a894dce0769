"""``python -m oamkit.runtime.crds FOLDER``: make the CRDs of a folder what its files say.

Helm installs the files of a chart's ``crds/`` once and never looks at them again. So the chart runs this before each upgrade.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from oamkit.errors import ApiError, InputError, OamKitError
from oamkit.kube import Client, Connection, Object
from oamkit.runtime.kinds import CRDS

__all__ = ["main", "read", "upgrade"]

ATTEMPTS = 5
"""How often a CRD is read and written again when somebody else wrote it in between."""
SECONDS = 30.0
"""How long the API server may take to serve a CRD."""


def main(argv: Sequence[str] | None = None) -> int:
    """Upgrade the CRDs; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m oamkit.runtime.crds", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the CRDs' files")
    parser.add_argument("--kubeconfig", type=Path, help="default: as the runtime's")
    options = parser.parse_args(argv)
    try:
        asyncio.run(_upgrade_all(options.folder, Connection.load(options.kubeconfig)))
    except OamKitError as error:
        print(f"crds: {error}", file=sys.stderr)  # noqa: T201 - it is a program
        return 1
    return 0


async def _upgrade_all(folder: Path, connection: Connection) -> None:
    crds = list(read(folder))
    async with Client(connection, user_agent="oam-crds") as client:
        for crd in crds:
            did = await upgrade(client, crd)
            print(f"{crd['metadata']['name']}: {did}")  # noqa: T201 - it is a program


def read(folder: Path) -> Iterator[Object]:
    """The CRDs of a folder's files.

    Raises:
        InputError: A file can't be read, or holds something else; or there is none.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise InputError("there is no *.yaml file", file=folder)
    for file in files:
        try:
            crd = yaml.safe_load(file.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"it can't be read: {error}", file=file) from error
        if not isinstance(crd, dict) or crd.get("kind") != CRDS.kind:
            raise InputError("it holds no CustomResourceDefinition", file=file, field="kind")
        yield crd


async def upgrade(client: Client, crd: Object) -> str:
    """Make one CRD what is wanted, and wait until it is served.

    Its spec is replaced, not merged: a field that left the schema must leave the cluster too. Labels and annotations of others stay.

    Returns:
        ``"made"``, ``"upgraded"`` or ``"as it was"``.

    Raises:
        OamKitError: It can't be written, or isn't served within half a minute.
    """
    name = crd["metadata"]["name"]
    for attempt in range(ATTEMPTS):
        live = await _read(client, name)
        try:
            if live is None:
                written, did = await client.create(CRDS, crd), "made"
            else:
                written = await client.update(CRDS, _merged(live, crd))
                same = written["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
                did = "as it was" if same else "upgraded"
        except ApiError as error:
            if error.status != 409 or attempt == ATTEMPTS - 1:
                raise
        else:
            await _served(client, written)
            return did
    raise AssertionError("the last attempt returns or raises")


def _merged(live: Object, crd: Object) -> Object:
    metadata = dict(live["metadata"])
    for field in ("labels", "annotations"):
        both = {**(metadata.get(field) or {}), **(crd["metadata"].get(field) or {})}
        if both:
            metadata[field] = both
    return {**live, "metadata": metadata, "spec": crd["spec"]}


async def _served(client: Client, crd: Object) -> None:
    name = crd["metadata"]["name"]
    try:
        async with asyncio.timeout(SECONDS):
            while not _is_established(crd):
                await asyncio.sleep(0.2)
                crd = await client.get(CRDS, name)
    except TimeoutError:
        raise OamKitError(
            f"the API server doesn't serve {name} after {SECONDS:.0f} s",
            hint=f"kubectl describe crd {name} tells why.",
        ) from None


def _is_established(crd: Object) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


async def _read(client: Client, name: str) -> Object | None:
    try:
        return await client.get(CRDS, name)
    except ApiError as error:
        if error.status != 404:
            raise
        return None


if __name__ == "__main__":
    sys.exit(main())
