"""Writes data into stores (contract 5.5)."""

from __future__ import annotations

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Client, Discovery, Object, Resource
from oamkit.oam.kinds import FIELD_MANAGER
from oamkit.oam.shape import quoted
from oamkit.oam.stores import StoreWrite
from oamkit.runtime import shared

__all__ = ["StoreWriter"]


class StoreWriter:
    """Keeps stores right.

    They are written on condition that nobody changed them, not by server-side apply: several applications share them, and an
    operation changes what another one left.
    """

    def __init__(self, client: Client, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery

    async def write(self, write: StoreWrite, namespace: str) -> bool:
        """Make a store what it should be; returns whether that was needed.

        Raises:
            OamKitError: The store's kind isn't served, an operation can't be done, or the store can't be written.
        """
        ref = write.reference
        resource = await self._discovery.resource_for(ref.api_version, ref.kind)
        if resource is None:
            raise OamKitError(
                f"no matches for kind {quoted(ref.kind)} in version {quoted(ref.api_version)}"
            )
        for attempt in range(shared.ATTEMPTS):
            live = await self._read(resource, ref.name, namespace)
            changed = write.change(live)
            if changed is None:
                return False
            try:
                if live is None:
                    await self._client.create(resource, changed, field_manager=FIELD_MANAGER)
                else:
                    await shared.change(self._client, resource, live, changed)
            except ApiError as error:
                if error.status not in shared.CONFLICTS or attempt == shared.ATTEMPTS - 1:
                    raise
            else:
                return True
        raise AssertionError("the last attempt returns or raises")

    async def _read(self, resource: Resource, name: str, namespace: str) -> Object | None:
        try:
            return await self._client.get(resource, name, namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
