"""The agent as a whole: follows the node's Pods and gives each of them a worker."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from oamkit.errors import OamKitError
from oamkit.kube.informer import EventType, Informer
from oamkit.sandbox.agent.context import Context
from oamkit.sandbox.agent.log_rotation import rotate
from oamkit.sandbox.agent.model import Object
from oamkit.sandbox.agent.pod_worker import PodWorker
from oamkit.sandbox.agent.volume_files import remove_volumes
from oamkit.sandbox.cri import PodStatus

__all__ = ["NodeAgent"]

log = logging.getLogger(__name__)

FAULT_SECONDS = 5.0
ROTATE_SECONDS = 10.0


@dataclass
class _Entry:
    worker: PodWorker
    task: asyncio.Task[None]


class NodeAgent:
    """Runs the Pods that are bound to this node.

    Args:
        context: What all workers share.
        pods: The Pods of this node.
    """

    def __init__(self, context: Context, pods: Informer) -> None:
        self._context = context
        self._pods = pods
        self._entries: dict[str, _Entry] = {}
        self._known: dict[str, PodStatus] = {}

    @property
    def workers(self) -> list[PodWorker]:
        """The workers of all Pods."""
        return [entry.worker for entry in self._entries.values()]

    def find(self, namespace: str, name: str, uid: str = "") -> PodWorker | None:
        """Return the worker of a Pod by its name."""
        for worker in self.workers:
            meta = worker.pod["metadata"]
            if (meta["namespace"], meta["name"]) == (namespace, name) and uid in ("", worker.uid):
                return worker
        return None

    async def run(self) -> None:
        """Run Pods until cancelled; they go on running then."""
        self._pods.start()
        try:
            await self._pods.synced.wait()
            await self._remove_orphans()
            known = await self._context.runtime.pods()
            self._known = {status.config.uid: status for status in known}
            self._pods.subscribe(self._on_pod)
            while True:
                await asyncio.sleep(ROTATE_SECONDS)
                for worker in self.workers:
                    rotate(self._context.paths(worker.uid).root)
        finally:
            await self._pods.close()
            tasks = [entry.task for entry in self._entries.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _on_pod(self, kind: EventType, old: Object | None, new: Object | None) -> None:
        pod = new or old
        if pod is None:
            return
        entry = self._entries.get(pod["metadata"]["uid"])
        if kind == "DELETED":
            if entry is not None:
                entry.worker.gone()
        elif entry is not None:
            entry.worker.update(pod)
        else:
            uid = pod["metadata"]["uid"]
            worker = PodWorker(self._context, pod, self._known.pop(uid, None))
            name = f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
            task = asyncio.create_task(self._run(worker), name=name)
            self._entries[uid] = _Entry(worker, task)

    async def _run(self, worker: PodWorker) -> None:
        """Run a worker to the Pod's end; one that fails by a fault of the agent is replaced by a fresh one."""
        while True:
            try:
                await worker.run()
                break
            except OamKitError as error:
                log.warning("%s: %s", worker.uid, error.message)
            except Exception:  # one Pod's fault must not stop the others
                log.exception("the worker of Pod %s failed", worker.uid)
            await asyncio.sleep(FAULT_SECONDS)
            statuses = {status.config.uid: status for status in await self._context.runtime.pods()}
            worker = PodWorker(self._context, worker.pod, statuses.get(worker.uid))
            self._entries[worker.uid].worker = worker
            if not any(o["metadata"]["uid"] == worker.uid for o in self._pods.items.values()):
                worker.gone()
        self._entries.pop(worker.uid, None)

    async def _remove_orphans(self) -> None:
        """Remove Pods, and folders of Pods, that the API doesn't know any more."""
        wanted = {pod["metadata"]["uid"] for pod in self._pods.items.values()}
        for status in await self._context.runtime.pods():
            if status.config.uid not in wanted:
                log.info(
                    "removing Pod %s/%s: it was deleted",
                    status.config.namespace,
                    status.config.name,
                )
                await self._context.runtime.remove_pod(status.config.uid)
        folder = self._context.node.pods_dir
        for path in await asyncio.to_thread(lambda: list(folder.iterdir())):
            if path.is_dir() and path.name not in wanted:
                await asyncio.to_thread(remove_volumes, path / "volumes")
                await asyncio.to_thread(remove_volumes, path)
