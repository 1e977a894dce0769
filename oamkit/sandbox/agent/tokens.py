"""Service-account tokens for Pods, renewed before they end.

Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken: a token is replaced when 80 % of its life are
over, or after 24 hours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from oamkit.errors import OamKitError
from oamkit.kube.client import Client
from oamkit.sandbox.agent.model import Object, SourceMissingError, TokenKey, from_rfc3339
from oamkit.sandbox.agent.resources import SERVICE_ACCOUNTS

__all__ = ["TokenSource"]

RENEW_AT = 0.8
LONGEST = 24 * 3600.0


@dataclass(frozen=True)
class _Token:
    text: str
    renew_at: float


class TokenSource:
    """Asks for tokens by TokenRequest, and keeps them until they are to be renewed.

    Args:
        client: The open client, as the node: it may ask for tokens of its own Pods only.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tokens: dict[tuple[str, TokenKey], _Token] = {}

    async def token(self, pod: Object, key: TokenKey) -> str:
        """Return a token of a Pod's service account, bound to that Pod.

        Raises:
            SourceMissingError: There's none, e.g. because the service account isn't there.
        """
        uid = pod["metadata"]["uid"]
        known = self._tokens.get((uid, key))
        now = time.time()
        if known is None or known.renew_at <= now:
            known = self._tokens[uid, key] = await self._request(pod, key, now)
        return known.text

    def renew_at(self, uid: str) -> float | None:
        """Return when the next token of a Pod is to be renewed; ``None`` if it has none."""
        return min(
            (t.renew_at for (owner, _), t in self._tokens.items() if owner == uid), default=None
        )

    def forget(self, uid: str) -> None:
        """Drop a Pod's tokens."""
        for known in [known for known in self._tokens if known[0] == uid]:
            del self._tokens[known]

    async def _request(self, pod: Object, key: TokenKey, now: float) -> _Token:
        meta = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        request: Object = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": account, "namespace": meta["namespace"]},
            "spec": {
                "expirationSeconds": key.seconds,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            },
        }
        if key.audience:
            request["spec"]["audiences"] = [key.audience]
        try:
            answer = await self._client.create(SERVICE_ACCOUNTS, request, subresource="token")
        except OamKitError as error:
            text = f"failed to fetch token of service account {account}: {error.message}"
            raise SourceMissingError(text) from error
        life = from_rfc3339(answer["status"]["expirationTimestamp"]) - now
        return _Token(answer["status"]["token"], now + min(life * RENEW_AT, LONGEST))
