"""What the widgets show, followed once for all of them: watches in one daemon thread per cluster and namespace.

A widget subscribes; the thread starts with the first subscription and ends with the last one. News are brought together, so that
subscribers are called at most four times a second. A server that goes away is noticed and asked again until it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oamkit.errors import ApiError, OamKitError
from oamkit.kube import Client, Connection, Discovery, Informer, Resource
from oamkit.topology.reading import Obj
from oamkit.widgets.kinds import BASE, kinds_in, slim

__all__ = ["Snapshot", "Subscription", "follow"]

# What goes wrong is shown by the widgets; without a handler, Python would print it below some cell.
logging.getLogger("oamkit.kube").addHandler(logging.NullHandler())

PAUSE = 0.25
"""Seconds between two calls of a subscriber."""
PROBE = 1.0
"""Seconds between two looks at a server that didn't answer."""
NEW_KIND = 15.0
"""Seconds for which a new kind is looked for: a server serves it some time after its CRD is there."""
FIRST_NEWS = 5.0
"""Seconds after which subscribers hear of what is there, even if some kind couldn't be listed yet."""


@dataclass(frozen=True)
class Snapshot:
    """What the cluster has.

    Attributes:
        objects: All objects that are followed; they are shared, don't change them.
        lost: Why the API server can't be reached; ``""`` if it can. Then ``objects`` is what was there before.
    """

    objects: tuple[Obj, ...] = ()
    lost: str = ""


Callback = Callable[[Snapshot], None]


class Subscription:
    """Hears of news until it is closed, or until its time is over.

    Args:
        feed: The feed.
        callback: Called in the feed's thread; what it raises goes to ``failed``.
        failed: Told of what the callback raised.
    """

    def __init__(self, feed: Feed, callback: Callback, failed: Callable[[Exception], None]) -> None:
        self._feed = feed
        self._callback = callback
        self._failed = failed
        self.deadline: float | None = None

    @property
    def open(self) -> bool:
        """Whether it still hears of news."""
        return self in self._feed.subscriptions

    def last(self, seconds: float | None) -> None:
        """Let it end after some seconds; never with ``None``."""
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self._feed.wake()

    def first(self, timeout: float) -> Snapshot:
        """Wait for the first news and return what is known."""
        self._feed.heard.wait(timeout)
        return self._feed.snapshot

    def close(self) -> None:
        """End it. With the last one the feed's thread and connections end, too."""
        self._feed.leave(self)

    def call(self, snapshot: Snapshot) -> None:
        """Bring the news."""
        try:
            self._callback(snapshot)
        except Exception as error:  # noqa: BLE001 - shown where the widget is; the other widgets' news go on
            self._failed(error)


class Feed:
    """Follows one namespace of one cluster; made by :func:`follow`."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.snapshot = Snapshot()
        self.heard = threading.Event()
        self.subscriptions: list[Subscription] = []
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._informers: dict[Resource, Informer] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._kinds_changed = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name=f"oamkit-feed-{namespace}", daemon=True
        )

    def join(self, subscription: Subscription) -> None:
        """Add a subscription; the first one starts the thread."""
        self.subscriptions.append(subscription)
        if not self._thread.ident:
            self._thread.start()
        self.wake()

    def leave(self, subscription: Subscription) -> None:
        """Remove a subscription, and wait until the thread has ended if it was the last one."""
        with _lock:
            if subscription in self.subscriptions:
                self.subscriptions.remove(subscription)
            unused = not self.subscriptions
        self.wake()
        if unused and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def wake(self) -> None:
        """Let the thread look at its subscriptions."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._news.set)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        following = asyncio.create_task(self._follow())
        try:
            while not self._unused():
                # Woken by news, by subscribers, or by the end of one's time.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience()):
                        await self._news.wait()
                if self._news.is_set():
                    self._news.clear()
                    if self.heard.is_set():
                        self._publish()
                        await asyncio.sleep(PAUSE)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _patience(self) -> float | None:
        ends = [each.deadline for each in list(self.subscriptions) if each.deadline is not None]
        return max(0.05, min(ends) - time.monotonic()) if ends else None

    def _unused(self) -> bool:
        now = time.monotonic()
        with _lock:
            for each in list(self.subscriptions):
                if each.deadline is not None and each.deadline <= now:
                    self.subscriptions.remove(each)
            if self.subscriptions:
                return False
            _feeds.pop((self._kubeconfig, self._namespace), None)
            return True

    def _publish(self) -> None:
        objects = tuple(obj for each in self._informers.values() for obj in each.items.values())
        self.snapshot = Snapshot(objects, self.snapshot.lost)
        for each in list(self.subscriptions):
            each.call(self.snapshot)

    async def _follow(self) -> None:
        """Follow the cluster; begin anew when its kubeconfig has changed, for then it is another cluster."""
        while True:
            written = _written(self._kubeconfig)
            try:
                connection = Connection.from_kubeconfig(self._kubeconfig)
                async with Client(connection, user_agent="oamkit-widgets") as client:
                    try:
                        await self._follow_cluster(client, written)
                    finally:
                        await asyncio.gather(*(each.close() for each in self._informers.values()))
                        self._informers.clear()
            except OamKitError as error:
                self._tell(error.message)
                await asyncio.sleep(PROBE)

    async def _follow_cluster(self, client: Client, written: float) -> None:
        discovery = Discovery(client)
        await discovery.refresh()
        for _ in range(
            2
        ):  # the kinds that are always there tell which others applications are made of
            await self._follow_kinds(client, discovery)
            await self._first_lists()
        self._tell("")
        look_until = 0.0
        while _written(self._kubeconfig) == written:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE):
                    await self._kinds_changed.wait()
            if self._kinds_changed.is_set():
                self._kinds_changed.clear()
                look_until = time.monotonic() + NEW_KIND
            if time.monotonic() < look_until:
                with contextlib.suppress(OamKitError):  # the server is asked again soon
                    await discovery.refresh()
                    if await self._follow_kinds(client, discovery):
                        look_until = 0.0
            await self._look_after(client)

    async def _follow_kinds(self, client: Client, discovery: Discovery) -> bool:
        """Follow each kind that is served; returns whether all are."""
        known = [obj for each in self._informers.values() for obj in each.items.values()]
        found = [discovery.known_plural(plural, group) for plural, group in BASE]
        found += [discovery.known(*kind) for kind in set(kinds_in(known))]
        for resource in found:
            if resource is not None and resource not in self._informers:
                self._start(client, resource)
        return None not in found

    def _start(self, client: Client, resource: Resource) -> None:
        namespace = self._namespace if resource.namespaced else None
        informer = Informer(client, resource, namespace=namespace, transform=slim)
        tells_kinds = resource.group == "core.oam.dev" or resource.plural.startswith("custom")

        def news(*_: object) -> None:
            self._news.set()
            if tells_kinds:
                self._kinds_changed.set()

        informer.subscribe(news)
        self._informers[resource] = informer
        informer.start()

    async def _first_lists(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_NEWS):
                for informer in list(self._informers.values()):
                    await informer.tried.wait()

    async def _look_after(self, client: Client) -> None:
        """Ask a server that some watch can't reach: a watch alone tells only with its next event that all is well again."""
        silent = [each for each in self._informers.values() if _may_come_back(each.error)]
        if not silent and not self.snapshot.lost:
            return
        try:
            await client.request("GET", "/readyz", timeout=3.0)
        except ApiError:
            self._tell("It has started, but isn't ready yet.")
            return
        except OamKitError as error:
            self._tell(error.message)
            return
        for informer in silent:
            await informer.close()  # it may wait for ten seconds yet before it tries again
            informer.error = None
            informer.start()
        self._tell("")

    def _tell(self, lost: str) -> None:
        if self.snapshot.lost != lost or not self.heard.is_set():
            self.snapshot = Snapshot(self.snapshot.objects, lost)
            if not self.heard.is_set():
                self._publish()
                self.heard.set()
            self._news.set()


def _may_come_back(error: OamKitError | None) -> bool:
    """Whether a watch failed for a reason that passes: not because it may not look, or nothing is served there."""
    lasting = isinstance(error, ApiError) and error.status in (403, 404, 405)
    return error is not None and not lasting


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


_lock = threading.RLock()
_feeds: dict[tuple[Path, str], Feed] = {}


def follow(
    kubeconfig: Path,
    namespace: str,
    callback: Callback,
    failed: Callable[[Exception], None],
    *,
    seconds: float | None = None,
) -> Subscription:
    """Hear of what happens in a namespace.

    Args:
        kubeconfig: The cluster.
        namespace: The namespace.
        callback: Called with each snapshot, in the feed's thread, at most four times a second.
        failed: Called with what the callback raised.
        seconds: After which the subscription ends by itself; never by default.
    """
    with _lock:
        feed = _feeds.get((kubeconfig, namespace))
        if feed is None:
            feed = _feeds[kubeconfig, namespace] = Feed(kubeconfig, namespace)
        subscription = Subscription(feed, callback, failed)
        if seconds is not None:
            subscription.deadline = time.monotonic() + seconds
        feed.join(subscription)
    return subscription
