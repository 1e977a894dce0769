"""A queue of keys to work on: each at most once, never by two workers, with a back-off for those that failed.

The rules are those of client-go's workqueue (https://pkg.go.dev/k8s.io/client-go/util/workqueue): a key that is added while it waits
is dropped; one that is added while somebody works on it waits until that is done, then comes again.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["WorkQueue"]

K = TypeVar("K", bound=Hashable)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 60.0
"""Seconds between a key's failure and its next turn: doubled with each failure in a row, with jitter."""


class WorkQueue(Generic[K]):
    """Keys that wait for a worker.

    Example:
        >>> async def example() -> list[str]:
        ...     queue = WorkQueue[str]()
        ...     queue.add("a"), queue.add("b"), queue.add("a")
        ...     return [await queue.get(), await queue.get()]
        >>> asyncio.run(example())
        ['a', 'b']
    """

    def __init__(
        self, *, first_pause: float = FIRST_PAUSE, longest_pause: float = LONGEST_PAUSE
    ) -> None:
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()  # in _ready, or to be put there when its worker is done
        self._working: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._ended = False
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: K) -> None:
        """Let a worker take the key as soon as possible."""
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._working:
            self._offer(key)

    def add_later(self, key: K, seconds: float) -> None:
        """Let a worker take the key after so many seconds, if nothing adds it before."""
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    async def get(self) -> K:
        """Wait for a key and take it; :meth:`done` must follow."""
        while self._ended or not self._ready:
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            finally:
                if getter in self._getters:
                    self._getters.remove(getter)
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._working.add(key)
        self._idle.clear()
        return key

    def done(self, key: K, *, failed: bool = False) -> None:
        """Give a key back.

        Args:
            key: The key.
            failed: Whether it must come again after a pause; the pause gets longer with each failure in a row.
        """
        self._working.discard(key)
        if not self._working:
            self._idle.set()
        if key in self._waiting:
            self._offer(key)
        if not failed:
            self._failures.pop(key, None)
        elif key not in self._waiting:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            # The exponent is bounded because a float's is.
            pause = min(self._first_pause * 2 ** min(failures, 30), self._longest_pause)
            pause *= random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(pause, self.add, key)

    def forget(self, key: K) -> None:
        """Drop what is remembered of a key that is gone."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()

    async def finish(self) -> None:
        """Give out no further key, and wait until all are given back."""
        self._ended = True
        await self._idle.wait()

    def close(self) -> None:
        """Cancel what was to come later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _offer(self, key: K) -> None:
        self._ready.append(key)
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                break
