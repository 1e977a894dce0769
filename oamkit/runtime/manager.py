"""Runs the controllers: connection, leader election, HTTP, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

from oamkit.kube import Client, Connection
from oamkit.runtime.containerized import ContainerizedWorkloadController
from oamkit.runtime.controllers import ApplicationController
from oamkit.runtime.health import HealthScopeController
from oamkit.runtime.hooks import Hooks
from oamkit.runtime.leader import LeaderElection
from oamkit.runtime.metrics import Gauge, Metrics
from oamkit.runtime.scaler import ManualScalerController
from oamkit.runtime.serve import serving
from oamkit.runtime.webhooks import WebhookSettings
from oamkit.runtime.working import Context, Controller

__all__ = ["LEASE_NAME", "Settings", "run"]

log = logging.getLogger(__name__)

LEASE_NAME = "oam-kubernetes-runtime"
FINISH_SECONDS = 5.0
"""How long passes that have begun may take after SIGTERM; one that is broken off is taken up by the next leader."""
CONTROLLERS: Final[tuple[Callable[[Context], Controller], ...]] = (
    ApplicationController,
    ContainerizedWorkloadController,
    HealthScopeController,
    ManualScalerController,
)
"""All that the runtime runs."""


@dataclass(frozen=True)
class Settings:
    """How the runtime runs.

    ==================  ===============================================================
    ``connection``      the cluster and our identity
    ``namespace``       only this namespace; ``None`` is all of them
    ``address``         host and port of health and metrics; ``None`` serves none
    ``leader_election`` whether only one replica works
    ``lease_namespace`` where the lease is
    ``resync``          seconds between two safety looks at everything; 0 is never
    ``revision_limit``  how many revisions of a Component are kept, besides those in use
    ``apply_once_only`` whether objects are left alone until their application changes
    ``hooks``           what is run before and after each pass over an application
    ``webhooks``        how the admission webhooks are served; ``None`` serves none
    ``linger``          seconds after the end of work in which webhooks still answer: the API server hears
                        of a replica's end only after a while
    ==================  ===============================================================
    """

    connection: Connection
    namespace: str | None = None
    address: tuple[str, int] | None = None
    leader_election: bool = False
    lease_namespace: str = "default"
    resync: float = 600.0
    revision_limit: int = 50
    apply_once_only: bool = False
    hooks: Hooks = field(default_factory=Hooks)
    webhooks: WebhookSettings | None = None
    linger: float = 0.0


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Run until SIGTERM or SIGINT comes, or ``stop`` is set.

    Raises:
        InputError: The address is taken, or a certificate can't be read.
        ClusterError: The lease was lost: somebody else works now.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, ValueError, RuntimeError):  # not in the main thread
            loop.add_signal_handler(name, stop.set)
    async with Client(settings.connection, user_agent="oam-runtime") as client:
        controllers: list[Controller] = []
        working = asyncio.Event()
        metrics = Metrics(
            {
                "oam_queue_depth": Gauge(
                    "Objects that wait for a worker.",
                    "controller",
                    lambda: {each.name: each.depth() for each in controllers},
                ),
                "oam_leader": Gauge(
                    "1 on the replica that works, 0 on those that stand by.",
                    "lease",
                    lambda: {LEASE_NAME: working.is_set()},
                ),
            }
        )
        instance = os.environ.get("POD_NAME") or socket.gethostname()
        context = Context(
            client,
            metrics,
            namespace=settings.namespace,
            resync=settings.resync,
            instance=instance,
            revision_limit=settings.revision_limit,
            apply_once_only=settings.apply_once_only,
            hooks=settings.hooks,
        )
        controllers += [make(context) for make in CONTROLLERS]
        webhooks_not_ready = _nothing

        def not_ready() -> str:
            if stop.is_set():
                return "it is about to stop"
            reason = webhooks_not_ready()
            if reason:
                return reason
            # A replica that waits for the lease is ready: it couldn't take over sooner.
            if not working.is_set():
                return ""
            return "; ".join(filter(None, (each.not_ready() for each in controllers)))

        election = LeaderElection(
            client,
            namespace=settings.lease_namespace,
            name=LEASE_NAME,
            identity=f"{instance}_{uuid.uuid4().hex[:8]}",
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serving(settings.address, metrics, not_ready))
            if settings.webhooks is not None:
                # Not before it is needed: certificates cost memory.
                from oamkit.runtime.trust import admitting

                webhooks_not_ready = await stack.enter_async_context(
                    admitting(client, settings.webhooks, context.templates, metrics)
                )
            log.info("the runtime has started on %s", settings.connection.server)
            work = asyncio.create_task(_lead(settings, election, controllers, working))
            waiting = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done() and working.is_set():
                    log.info("about to stop: what has begun is finished")
                    with suppress(TimeoutError):
                        async with asyncio.timeout(FINISH_SECONDS):
                            await asyncio.gather(*(each.finish() for each in controllers))
            finally:
                waiting.cancel()
                work.cancel()
                results = await asyncio.gather(work, return_exceptions=True)
                if settings.leader_election:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(1.0):
                            await election.release()
            if settings.webhooks is not None and stop.is_set():
                await asyncio.sleep(settings.linger)
            for result in results:
                if isinstance(result, Exception):
                    raise result
        log.info("the runtime has stopped")


def _nothing() -> str:
    return ""


async def _lead(
    settings: Settings,
    election: LeaderElection,
    controllers: list[Controller],
    working: asyncio.Event,
) -> None:
    if settings.leader_election:
        await election.acquire()
    working.set()
    tasks = [asyncio.create_task(controller.run()) for controller in controllers]
    if settings.leader_election:
        tasks.append(asyncio.create_task(election.hold()))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # none of them ends but by an error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
