"""The admission webhooks (contract 9): an HTTPS server that the API server asks before it stores an object.

All replicas answer, the leader and those that stand by. What the cluster says is read anew for each request: a Component that was
applied a moment before its application must be seen.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from oamkit.errors import ApiError, ClusterError, InputError, OamKitError
from oamkit.kube import Client, Discovery
from oamkit.oam import KindKey, ObjectKey, ServedKind
from oamkit.oam.admission import DeniedError, Lookups, Request, mutated, validated
from oamkit.oam.kinds import Obj
from oamkit.oam.mutation import mutate_application, mutate_component
from oamkit.oam.schematic import CueCall
from oamkit.oam.validation import validate_application, validate_component, validate_definition
from oamkit.oam.world import CallFact
from oamkit.runtime.metrics import Metrics
from oamkit.runtime.templates import Templates

__all__ = ["PATHS", "WebhookSettings", "Webhooks", "serving_webhooks"]

log = logging.getLogger(__name__)

Answer = Callable[[Request, Lookups], Awaitable[list[Obj]]]

LARGEST = 16 * 2**20
"""Bytes of a request. The API server takes objects of up to 3 MB, and an update holds two."""
PATH_SUFFIX: Final = "core-oam-dev-v1alpha2"


@dataclass(frozen=True)
class WebhookSettings:
    """How the webhooks are served.

    ==================  ===============================================================================
    ``address``         host (``""`` for all) and port
    ``cert_dir``        folder of ``tls.crt`` and ``tls.key``; ``None``: certificates of our own
    ``names``           what the API server calls us, for certificates of our own
    ``secret``          namespace and name of the Secret that keeps them
    ``configuration``   name of the two webhook configurations whose ``caBundle`` is kept; ``""`` for none
    ==================  ===============================================================================
    """

    address: tuple[str, int]
    cert_dir: Path | None = None
    names: tuple[str, ...] = ()
    secret: tuple[str, str] = ("default", "oam-kubernetes-runtime-webhook")
    configuration: str = ""


class ClusterLookups:
    """What the cluster says to one request; each question is asked once."""

    def __init__(self, client: Client, discovery: Discovery, templates: Templates) -> None:
        self._client = client
        self._discovery = discovery
        self._templates = templates
        self._asked: dict[ObjectKey, asyncio.Future[Obj | None]] = {}

    async def object(self, key: ObjectKey) -> Obj | None:
        """See :meth:`oamkit.oam.admission.Lookups.object`."""
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(self._read(key))
        return await self._asked[key]

    async def kind(self, key: KindKey) -> ServedKind | None:
        """See :meth:`oamkit.oam.admission.Lookups.kind`."""
        found = await self._discovery.resource_for(key.api_version, key.kind)
        return ServedKind(found.plural, namespaced=found.namespaced) if found else None

    async def named(self, plural: str, group: str, version: str) -> KindKey | None:
        """See :meth:`oamkit.oam.admission.Lookups.named`."""
        found = await self._discovery.by_plural(plural, group, version)
        return KindKey(found.api_version, found.kind) if found else None

    async def answer(self, call: CueCall) -> CallFact:
        """See :meth:`oamkit.oam.admission.Lookups.answer`."""
        return await self._templates.answer(call)

    async def _read(self, key: ObjectKey) -> Obj | None:
        resource = await self._discovery.resource_for(key.api_version, key.kind)
        if resource is None:
            return None
        try:
            return await self._client.get(resource, key.name, key.namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise


async def _mutate_component(request: Request, lookups: Lookups) -> list[Obj]:
    return await mutated(request, "Component", mutate_component, lookups)


async def _validate_component(request: Request, lookups: Lookups) -> list[Obj]:
    await validated(request, "Component", validate_component, lookups)
    return []


async def _mutate_application(request: Request, lookups: Lookups) -> list[Obj]:
    return await mutated(request, "ApplicationConfiguration", mutate_application, lookups)


async def _validate_application(request: Request, lookups: Lookups) -> list[Obj]:
    await validated(request, "ApplicationConfiguration", validate_application, lookups)
    return []


async def _validate_workload_definition(request: Request, lookups: Lookups) -> list[Obj]:
    await validated(request, "WorkloadDefinition", validate_definition, lookups)
    return []


async def _validate_trait_definition(request: Request, lookups: Lookups) -> list[Obj]:
    await validated(request, "TraitDefinition", validate_definition, lookups)
    return []


PATHS: Final[dict[str, Answer]] = {
    f"/mutating-{PATH_SUFFIX}-components": _mutate_component,
    f"/validating-{PATH_SUFFIX}-components": _validate_component,
    f"/mutating-{PATH_SUFFIX}-applicationconfigurations": _mutate_application,
    f"/validating-{PATH_SUFFIX}-applicationconfigurations": _validate_application,
    f"/validating-{PATH_SUFFIX}-workloaddefinitions": _validate_workload_definition,
    f"/validating-{PATH_SUFFIX}-traitdefinitions": _validate_trait_definition,
}
"""Where each webhook is (contract 9; the last two are ours, for templates)."""


class Webhooks:
    """Answers admission reviews.

    Args:
        lookups: Makes what the answer to one request is looked up with.
        metrics: Counts them.
    """

    def __init__(self, lookups: Callable[[], Lookups], metrics: Metrics | None = None) -> None:
        self._lookups = lookups
        self._metrics = metrics or Metrics()

    def application(self) -> web.Application:
        """The web application with all paths."""
        app = web.Application(client_max_size=LARGEST)
        for path, answer in PATHS.items():
            app.router.add_post(path, self._handler(path, answer))
        return app

    def _handler(
        self, path: str, answer: Answer
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        webhook = path.strip("/").replace(f"-{PATH_SUFFIX}", "")

        async def handle(http: web.Request) -> web.Response:
            body = await http.read()
            started = time.monotonic()
            response = await self.respond(body, answer)
            self._metrics.reviewed(webhook, _result(response), time.monotonic() - started)
            review = {
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "response": response,
            }
            return web.json_response(review, dumps=_dumps)

        return handle

    async def respond(self, body: bytes, answer: Answer) -> Obj:
        """Return the response to one review; whatever the body is, it is a response."""
        uid = ""
        try:
            try:
                review = json.loads(body)
            except (ValueError, RecursionError) as error:
                raise DeniedError(f"the request isn't JSON: {error}", status=400) from error
            request = Request.parse(review)
            uid = request.uid
            patch = await answer(request, self._lookups())
        except DeniedError as error:
            return _denied(uid, error.status, error.message)
        except InputError as error:
            return _denied(uid, 400, str(error.message))
        except RecursionError:
            return _denied(uid, 400, "the object is nested too deeply")
        except ApiError as error:
            return _denied(uid, error.status, error.message)
        except ClusterError as error:
            return _denied(uid, 503, error.message)
        except OamKitError as error:
            return _denied(uid, 403, error.message)
        except Exception:  # a fault of ours must be an answer too
            log.exception("an admission review failed")
            return _denied(uid, 500, "the runtime failed on this object; its log tells more")
        response: Obj = {"uid": uid, "allowed": True}
        if patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = _base64(patch)
        return response


def _result(response: Obj) -> str:
    if response["allowed"]:
        return "allowed"
    return "error" if response["status"]["code"] >= 500 else "denied"


def _denied(uid: str, code: int, message: str) -> Obj:
    return {"uid": uid, "allowed": False, "status": {"code": code, "message": message}}


def _base64(patch: list[Obj]) -> str:
    return base64.b64encode(_dumps(patch).encode()).decode()


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


@asynccontextmanager
async def serving_webhooks(
    client: Client,
    address: tuple[str, int],
    context: ssl.SSLContext,
    templates: Templates,
    metrics: Metrics | None = None,
) -> AsyncIterator[None]:
    """Serve the webhooks while the block runs.

    Args:
        client: The open client.
        address: Host (``""`` for all) and port.
        context: Holds the certificate; it may be replaced there at any time.
        templates: Asks CUE.
        metrics: Counts the reviews.

    Raises:
        InputError: The address is taken.
    """
    # A CRD, its definition and an application that uses it may be applied within a second.
    discovery = Discovery(client, refresh_seconds=0.5)
    webhooks = Webhooks(lambda: ClusterLookups(client, discovery, templates), metrics)
    runner = web.AppRunner(webhooks.application(), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        host, port = address
        try:
            await web.TCPSite(runner, host or None, port, ssl_context=context).start()
        except OSError as error:
            raise InputError(
                f"can't listen on {host}:{port}: {error.strerror}",
                field="--webhook-port",
                hint="Give another port.",
            ) from error
        yield
    finally:
        await runner.cleanup()
