"""The runtime's own HTTP: ``/healthz`` (is it alive), ``/readyz`` (does it see the cluster), ``/metrics``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from oamkit.errors import InputError
from oamkit.runtime.metrics import Metrics

__all__ = ["serving"]


@asynccontextmanager
async def serving(
    address: tuple[str, int] | None, metrics: Metrics, not_ready: Callable[[], str]
) -> AsyncIterator[None]:
    """Serve while the block runs.

    Args:
        address: Host (``""`` for all) and port; ``None`` serves nothing.
        metrics: The figures.
        not_ready: Why the runtime isn't ready; ``""`` if it is.

    Raises:
        InputError: The address is taken.
    """
    if address is None:
        yield
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = not_ready()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def figures(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics.text().encode(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", figures)]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        host, port = address
        try:
            await web.TCPSite(runner, host or None, port).start()
        except OSError as error:
            raise InputError(
                f"can't listen on {host}:{port}: {error.strerror}",
                field="--metrics-addr",
                hint="Give another address, or 0 for none.",
            ) from error
        yield
    finally:
        await runner.cleanup()
