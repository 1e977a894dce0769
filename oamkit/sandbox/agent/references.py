"""Which ConfigMaps, Secrets and tokens a Pod refers to: what has to be watched and asked for before it can start."""

from __future__ import annotations

from collections.abc import Iterator

from oamkit.sandbox.agent.model import Object, Ref, TokenKey, all_containers

__all__ = ["references", "sources", "token_keys"]

TOKEN_SECONDS = 3600
"""``expirationSeconds`` of a projected token that names none (API reference, ``ServiceAccountTokenProjection``)."""


def sources(volume: Object) -> Iterator[Object]:
    """Yield the sources of a volume: those of a projected one, or the volume itself with the names that projections use."""
    if "projected" in volume:
        yield from volume["projected"].get("sources") or []
    elif "secret" in volume:
        secret = volume["secret"]
        yield {"secret": {**secret, "name": secret.get("secretName", "")}}
    elif "configMap" in volume or "downwardAPI" in volume:
        yield volume


def references(pod: Object) -> frozenset[Ref]:
    """Return the ConfigMaps and Secrets that a Pod refers to, by volumes and by environment."""
    found: set[Ref] = set()
    for volume in pod["spec"].get("volumes") or []:
        for source in sources(volume):
            for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if field in source:
                    found.add(Ref(kind, source[field]["name"]))
    for container in all_containers(pod):
        for source in container.get("envFrom") or []:
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    found.add(Ref(kind, source[field]["name"]))
        for variable in container.get("env") or []:
            source = variable.get("valueFrom") or {}
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if field in source:
                    found.add(Ref(kind, source[field]["name"]))
    return frozenset(ref for ref in found if ref.name)


def token_key(source: Object) -> TokenKey:
    """Return what a ``serviceAccountToken`` projection asks for."""
    token = source["serviceAccountToken"]
    return TokenKey(
        token.get("audience") or "", int(token.get("expirationSeconds") or TOKEN_SECONDS)
    )


def token_keys(pod: Object) -> frozenset[TokenKey]:
    """Return the service-account tokens that a Pod asks for."""
    return frozenset(
        token_key(source)
        for volume in pod["spec"].get("volumes") or []
        for source in sources(volume)
        if "serviceAccountToken" in source
    )
