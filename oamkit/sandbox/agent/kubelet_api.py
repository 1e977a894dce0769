"""The kubelet's own API, which the API server calls for ``kubectl logs``, ``exec``, ``attach`` and ``port-forward``.

Only the API server may: TLS with a client certificate of the sandbox's CA that carries its name. The addresses are those of
``pkg/kubelet/server`` of Kubernetes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from oamkit.errors import OamKitError, SandboxError
from oamkit.sandbox.agent.agent import NodeAgent
from oamkit.sandbox.agent.container_logs import LogOptions, follow
from oamkit.sandbox.agent.model import all_containers
from oamkit.sandbox.agent.plan import running
from oamkit.sandbox.agent.pod_worker import PodWorker
from oamkit.sandbox.agent.port_forward import serve_port_forward
from oamkit.sandbox.agent.stats import metrics_text, summary
from oamkit.sandbox.agent.streaming import ERROR, failure_status, serve_session
from oamkit.sandbox.agent.websocket_channels import WebSocketChannels, accept
from oamkit.sandbox.config import NodeConfig
from oamkit.sandbox.cri import ContainerRuntime, ExecSession

__all__ = ["KubeletApi", "client_name", "server_context"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def server_context(config: NodeConfig) -> ssl.SSLContext:
    """Return the TLS settings: nobody gets in without a certificate of the sandbox's CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(config.client_ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(config.serving_cert, config.serving_key)
    return context


def client_name(certificate: object) -> str:
    """Return the common name of a client's certificate, as the ``ssl`` module has it."""
    subject = certificate.get("subject", ()) if isinstance(certificate, dict) else ()
    names = [value for part in subject for key, value in part if key == "commonName"]
    return str(names[0]) if names else ""


class KubeletApi:
    """Answers the API server.

    Args:
        agent: Knows the Pods.
        runtime: Runs them.
        config: The node's names; says who may ask.
    """

    def __init__(self, agent: NodeAgent, runtime: ContainerRuntime, config: NodeConfig) -> None:
        self._agent = agent
        self._runtime = runtime
        self._config = config

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[self._only_api_server])
        container = "/{namespace}/{pod}/{container}"
        for prefix, handler in (("exec", self._exec), ("attach", self._attach)):
            for path in (
                f"/{prefix}{container}",
                f"/{prefix}/{{namespace}}/{{pod}}/{{uid}}/{{container}}",
            ):
                app.router.add_route("GET", path, handler)
                app.router.add_route("POST", path, handler)
        for path in ("/portForward/{namespace}/{pod}", "/portForward/{namespace}/{pod}/{uid}"):
            app.router.add_route("GET", path, self._port_forward)
            app.router.add_route("POST", path, self._port_forward)
        app.router.add_get(f"/containerLogs{container}", self._logs)
        app.router.add_post(f"/run{container}", self._run)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/pods", self._pods)
        app.router.add_get("/stats/summary", self._summary)
        app.router.add_get("/metrics/resource", self._metrics)
        return app

    @web.middleware
    async def _only_api_server(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        name = client_name(transport.get_extra_info("peercert") if transport else None)
        if name != self._config.client_name:
            text = f"Forbidden: {name or 'a client without a name'} may not use the kubelet's API"
            raise web.HTTPForbidden(text=text)
        return await handler(request)

    def _worker(self, request: web.Request) -> PodWorker:
        info = request.match_info
        worker = self._agent.find(info["namespace"], info["pod"], info.get("uid", ""))
        if worker is None:
            raise web.HTTPNotFound(
                text=f'pod "{info["pod"]}" not found in namespace "{info["namespace"]}"'
            )
        return worker

    def _container(self, request: web.Request) -> tuple[PodWorker, str]:
        worker, name = self._worker(request), request.match_info["container"]
        if name not in {c["name"] for c in all_containers(worker.pod)}:
            text = f'container "{name}" not found in pod "{request.match_info["pod"]}"'
            raise web.HTTPNotFound(text=text)
        return worker, name

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        worker, name = self._container(request)
        try:
            options = LogOptions.of(request.query)
        except ValueError as error:
            raise web.HTTPUnprocessableEntity(text=str(error)) from error
        record = worker.containers.records[name]
        pod = request.match_info["pod"]
        run = record.last
        if options.previous:
            run = record.previous
            if run is None:
                text = f'previous terminated container "{name}" in pod "{pod}" not found'
                raise web.HTTPBadRequest(text=text)
        if run is None:
            reason = record.waiting[0] if record.waiting else "ContainerCreating"
            text = f'container "{name}" in pod "{pod}" is waiting to start: {reason}'
            raise web.HTTPBadRequest(text=text)
        attempt = run.attempt
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)

        def alive() -> bool:
            last = record.last
            return last is not None and last.attempt == attempt and running(record)

        def listening() -> bool:
            return request.transport is not None and not request.transport.is_closing()

        chunks = follow(worker.log(name, attempt), options, alive, listening)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                try:
                    await response.write(chunk)
                except ConnectionError:
                    break
        return response

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        worker, name = self._container(request)
        argv = request.query.getall("command", [])
        if not argv:
            raise web.HTTPBadRequest(text="no command")
        return await self._session(
            request, self._start(worker, name, argv, request), attached=False
        )

    def _start(
        self, worker: PodWorker, name: str, argv: list[str], request: web.Request
    ) -> Callable[[], Awaitable[ExecSession]]:
        stdin, tty = (request.query.get(key) in ("1", "true") for key in ("input", "tty"))
        return lambda: self._runtime.exec(worker.uid, name, argv, stdin=stdin, tty=tty)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        worker, name = self._container(request)
        return await self._session(
            request, lambda: self._runtime.attach(worker.uid, name), attached=True
        )

    async def _session(
        self,
        request: web.Request,
        begin: Callable[[], Awaitable[ExecSession]],
        *,
        attached: bool,
    ) -> web.StreamResponse:
        socket = await accept(request)
        channels = WebSocketChannels(socket)
        try:
            session = await begin()
        except SandboxError as error:
            await channels.send(ERROR, json.dumps(failure_status(error.message)).encode())
        else:
            await serve_session(session, channels, attached=attached)
        await socket.close()
        return socket

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        worker = self._worker(request)
        return await serve_port_forward(
            request, lambda port: self._runtime.connect(worker.uid, port)
        )

    async def _run(self, request: web.Request) -> web.Response:
        worker, name = self._container(request)
        argv = request.query.get("cmd", "").split()
        if not argv:
            raise web.HTTPBadRequest(text="no cmd")
        try:
            session = await self._runtime.exec(worker.uid, name, argv, stdin=False, tty=False)
        except OamKitError as error:
            raise web.HTTPInternalServerError(text=error.message) from error
        try:
            errors = session.stderr.read() if session.stderr else asyncio.sleep(0, b"")
            out, err, _ = await asyncio.gather(session.stdout.read(), errors, session.wait())
        finally:
            await session.close()
        return web.Response(body=out + err)

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _pods(self, _: web.Request) -> web.Response:
        items = [worker.pod for worker in self._agent.workers]
        return web.json_response(
            {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items}
        )

    async def _summary(self, _: web.Request) -> web.Response:
        return web.json_response(summary(self._config.node_name))

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=metrics_text())
