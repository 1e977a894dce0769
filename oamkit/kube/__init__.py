"""A small asynchronous Kubernetes API client, shared by the OAM runtime and the sandbox's node agent.

Why our own, on aiohttp: both are long-running programs with many watches and many small requests on one event loop.

- Clients built on httpx cost four to five times the CPU for each request.
- kr8s builds a new session on every 403, which would cut all watches that share it.
- The official client's models cost more memory and time than plain dicts, and its asynchronous sibling has no informer.

The library's synchronous helpers for notebooks use the official client.

==========================  ==========================================================
:class:`Connection`         a server and an identity: kubeconfig file or service account
:class:`Client`             requests, lists, watches, server-side apply
:class:`Resource`           a kind and its URL paths
:class:`Discovery`          which kinds the server serves
:class:`Informer`           a local copy of a kind, kept up to date
==========================  ==========================================================
"""

from oamkit.kube.client import Client
from oamkit.kube.connection import Connection
from oamkit.kube.discovery import Discovery
from oamkit.kube.informer import EventType, Informer, Key
from oamkit.kube.resource import Json, Object, Resource, key_of
from oamkit.kube.watching import WatchEvent

__all__ = [
    "Client",
    "Connection",
    "Discovery",
    "EventType",
    "Informer",
    "Json",
    "Key",
    "Object",
    "Resource",
    "WatchEvent",
    "key_of",
]
