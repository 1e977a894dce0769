"""Writes a Pod's status to the API, if it says something new."""

from __future__ import annotations

from oamkit.errors import ApiError
from oamkit.kube.client import Client
from oamkit.sandbox.agent.model import Object
from oamkit.sandbox.agent.resources import PODS
from oamkit.sandbox.agent.status import same_status

__all__ = ["write_status"]

CONFLICTS = 5


async def write_status(client: Client, pod: Object, wanted: Object) -> Object:
    """Make a Pod's status say what is wanted.

    It is a JSON merge patch: a strategic one would merge ``podIPs`` by address, and two addresses of one family are refused with 422 when a
    Pod gets a new one. Since that replaces the list of conditions, the patch holds only for the version of the Pod that was looked at.

    Returns:
        The Pod as the API has it now; as it was if it's gone.

    Raises:
        ApiError: The API refused.
        ClusterError: The API can't be reached.
    """
    meta = pod["metadata"]
    for attempt in range(CONFLICTS):
        if same_status(wanted, pod.get("status") or {}):
            return pod
        own = {condition["type"] for condition in wanted["conditions"]}
        others = [
            c for c in (pod.get("status") or {}).get("conditions") or [] if c["type"] not in own
        ]
        patch = {
            "metadata": {"uid": meta["uid"], "resourceVersion": pod["metadata"]["resourceVersion"]},
            "status": {**wanted, "conditions": wanted["conditions"] + others},
        }
        try:
            return await client.merge_patch(
                PODS, meta["name"], patch, meta["namespace"], subresource="status"
            )
        except ApiError as error:
            if error.status == 404:
                return pod
            if error.status != 409 or attempt == CONFLICTS - 1:
                raise
            newer = await _newer(client, pod)
            if newer is None:
                return pod
            pod = newer
    return pod


async def _newer(client: Client, pod: Object) -> Object | None:
    meta = pod["metadata"]
    try:
        found = await client.get(PODS, meta["name"], meta["namespace"])
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return found if found["metadata"]["uid"] == meta["uid"] else None
