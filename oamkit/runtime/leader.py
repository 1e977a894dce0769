"""Leader election: of several replicas, one works (https://kubernetes.io/docs/concepts/architecture/leases/).

The rules are client-go's: a Lease that its holder didn't renew for its duration, by our own clock, is free; who can't renew it for the
renew deadline stops working before anybody else may start.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime

from oamkit.errors import ApiError, ClusterError, OamKitError
from oamkit.kube import Client, Object
from oamkit.runtime.kinds import LEASES

__all__ = ["LeaderElection"]

log = logging.getLogger(__name__)

LEASE_SECONDS = 15
RENEW_DEADLINE = 10.0
RETRY_SECONDS = 2.0


class LeaderElection:
    """One candidate for one Lease.

    Args:
        client: The open client.
        namespace: The Lease's namespace.
        name: The Lease's name.
        identity: Ours; no other candidate may have it.
    """

    def __init__(self, client: Client, *, namespace: str, name: str, identity: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seen: Object = {}
        self._seen_at = 0.0

    async def acquire(self) -> None:
        """Wait until we are the leader."""
        log.info("waiting for the lease %s/%s", self._namespace, self._name)
        while not await self._try():  # noqa: ASYNC110 - the lease is in the cluster, not in this loop
            await asyncio.sleep(RETRY_SECONDS * random.uniform(1.0, 1.2))  # noqa: S311 - no secret
        log.info("leader of the lease %s/%s", self._namespace, self._name)

    async def hold(self) -> None:
        """Renew the lease for as long as that succeeds.

        Raises:
            ClusterError: The lease is lost: the caller must stop working at once.
        """
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            deadline = renewed + RENEW_DEADLINE - time.monotonic()
            try:
                async with asyncio.timeout(max(deadline, 0.1)):
                    held = await self._try()
                if held:
                    renewed = time.monotonic()
                    continue
            except TimeoutError:
                pass
            if time.monotonic() - renewed >= RENEW_DEADLINE or self._held_by_other():
                raise ClusterError(
                    f"The lease {self._namespace}/{self._name} was lost.",
                    hint="This is normal when the API server was away, or another replica took over.",
                )

    async def release(self) -> None:
        """Give the lease back, so that the next one needn't wait for its end."""
        if self._holder(self._seen) != self._identity:
            return
        spec = {**self._seen["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._client.update(LEASES, {**self._seen, "spec": spec})
        except OamKitError as error:
            log.info("the lease couldn't be released: %s", error.message)

    async def _try(self) -> bool:
        """Take or renew the lease if we may."""
        try:
            lease = await self._read()
            if lease != self._seen:
                self._seen, self._seen_at = lease, time.monotonic()
            if self._held_by_other():
                return False
            made = await self._write(lease)
        except ApiError as error:
            if error.status != 409:  # somebody else was faster
                log.warning("the lease can't be taken: %s", error.message)
            return False
        except ClusterError as error:
            log.warning("the lease can't be taken: %s", error.message)
            return False
        self._seen, self._seen_at = made, time.monotonic()
        return True

    async def _read(self) -> Object:
        try:
            return await self._client.get(LEASES, self._name, self._namespace)
        except ApiError as error:
            if error.status != 404:
                raise
            return {}

    async def _write(self, lease: Object) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = lease.get("spec") or {}
        ours = before.get("holderIdentity") == self._identity
        spec = {
            **before,
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (0 if ours or not lease else 1),
        }
        if lease:
            return await self._client.update(LEASES, {**lease, "spec": spec})
        new = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        return await self._client.create(LEASES, new)

    def _held_by_other(self) -> bool:
        holder = self._holder(self._seen)
        if holder in ("", self._identity):
            return False
        duration: float = self._seen["spec"].get("leaseDurationSeconds") or LEASE_SECONDS
        return time.monotonic() - self._seen_at < duration

    @staticmethod
    def _holder(lease: Object) -> str:
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        return str(holder)
