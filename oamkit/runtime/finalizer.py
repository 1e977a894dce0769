"""The finalizer by which an application leaves its scopes before it goes (contract 2.7)."""

from __future__ import annotations

from oamkit.errors import ClusterError, OamKitError
from oamkit.kube import Client, Key, Object
from oamkit.oam import ApplicationConfiguration, all_memberships, scope_needs
from oamkit.oam.kinds import FINALIZER_SCOPES
from oamkit.runtime import shared
from oamkit.runtime.facts import Facts
from oamkit.runtime.kinds import APPLICATION_CONFIGURATIONS
from oamkit.runtime.passes import PassFailedError, wrapping
from oamkit.runtime.scopes import ScopeWriter

__all__ = ["ScopeFinalizer"]


class ScopeFinalizer:
    """Puts the finalizer on applications with scopes, and takes it off when they have left them.

    Args:
        client: The open client.
        facts: The scopes and their definitions.
        scopes: Writes the scopes' lists.
    """

    def __init__(self, client: Client, facts: Facts, scopes: ScopeWriter) -> None:
        self._client = client
        self._facts = facts
        self._scopes = scopes

    async def add_if_needed(self, obj: Object) -> bool:
        """Add the finalizer if the application uses scopes (contract 2.2); returns whether it was missing."""
        uses_scopes = any(entry.get("scopes") for entry in obj["spec"].get("components") or ())
        finalizers = obj["metadata"].get("finalizers") or []
        if not uses_scopes or FINALIZER_SCOPES in finalizers:
            return False
        # The answer comes back as an event, and with it the next pass.
        await self._write(obj, [*finalizers, FINALIZER_SCOPES])
        return True

    async def let_go(self, key: Key, obj: Object) -> None:
        """Leave all scopes, then let the application go (contract 2.7); Kubernetes reaps what it owns."""
        finalizers = obj["metadata"].get("finalizers") or []
        if FINALIZER_SCOPES not in finalizers:
            return
        try:
            app = ApplicationConfiguration.parse({**obj, "spec": {}})
            world = await self._facts.gather(key, app, lambda world: scope_needs(app, world))
            for membership in all_memberships(app):
                ref = membership.scope
                with wrapping("cannot apply scope", ref.api_version, ref.kind, ref.name):
                    await self._scopes.leave(world, app.namespace, membership)
        except ClusterError:
            raise
        except OamKitError as error:
            raise PassFailedError(
                "CannotFinalizeWorkloads", "failed to finalize workloads", error
            ) from error
        await self._write(obj, [name for name in finalizers if name != FINALIZER_SCOPES])

    async def _write(self, obj: Object, finalizers: list[str]) -> None:
        wanted = {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}}
        await shared.change(self._client, APPLICATION_CONFIGURATIONS, obj, wanted)
