"""A client whose calls are counted by their names, and fail as a test wants: that is where faults are injected.

What a killed process leaves behind is what the API server got of it. So a kill is: from a certain call on, nothing more gets out.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import pytest
from scene import runtime
from support.apiserver import ControlPlane

from oamkit.kube import Client

How = Literal["kill before", "kill after", "cut before", "cut after"]
"""The process dies, or the connection breaks: before the call reaches the server, or before its answer comes."""

READS = ("GET", "WATCH")


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        how: What happens.
        name: To which call, by :func:`name_of`.
        number: The how-manieth of that name.
    """

    how: How
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.how} call {self.number} of {self.name!r}"


@dataclass
class Wire:
    """What happens to the calls of a runtime, and of those that follow it when it is killed.

    Attributes:
        faults: What is still to come.
        calls: Those since the faults were set up, in their order.
        seen: How many of each name.
        killed: Set when it was a process's end.
        apart: While set, nothing gets through.
    """

    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    apart: bool = False
    watches: list[aiohttp.ClientResponse] = field(default_factory=list)

    def arm(self, *faults: Fault) -> None:
        """Set up the next faults."""
        self.faults, self.calls, self.seen = list(faults), [], Counter()

    def strikes(self, name: str) -> Fault | None:
        """Count a call; returns the fault that strikes it."""
        self.calls.append(name)
        self.seen[name] += 1
        for fault in self.faults:
            # A runtime that follows a killed one asks for much once more, so the number may be passed by.
            if fault.name == name and fault.number <= self.seen[name]:
                self.faults.remove(fault)
                return fault
        return None

    def part(self) -> None:
        """Break every connection, until ``apart`` is unset."""
        self.apart = True
        for response in self.watches:
            response.close()
        self.watches.clear()


_WIRE: ContextVar[Wire | None] = ContextVar("wire", default=None)


def name_of(method: str, path: str, params: Mapping[str, str] | None) -> str:
    """What a call is for, without what differs from run to run."""
    if params and "watch" in params:
        method = "WATCH"
    path = re.sub(r"/namespaces/[^/]+", "", path)
    path = re.sub(r"/events/.*", "/events/…", path)
    return f"{method} {path}"


class FaultyClient(Client):
    """A client on the wire of the task that made it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._wire = _WIRE.get() or Wire()
        self._dead = False

    async def send(  # the seam below all calls
        self, method: str, path: str, params: Any, headers: Any, data: Any, limit: Any
    ) -> aiohttp.ClientResponse:
        wire, name = self._wire, name_of(method, path, params)
        if self._dead:
            await asyncio.Event().wait()
        if wire.apart:
            raise aiohttp.ServerDisconnectedError
        fault = wire.strikes(name)
        if fault is not None and fault.how.endswith("before"):
            await self._strike(fault)
        response = await super().send(method, path, params, headers, data, limit)
        if fault is not None:
            await response.read()
            await self._strike(fault)
        if name.startswith("WATCH"):
            wire.watches.append(response)
        return response

    async def _strike(self, fault: Fault) -> None:
        if fault.how.startswith("kill"):
            self._dead = True
            self._wire.killed.set()
            await asyncio.Event().wait()
        raise aiohttp.ServerDisconnectedError


@contextmanager
def faulty_clients() -> Iterator[None]:
    """Let runtimes that start in here use them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oamkit.runtime.manager.Client", FaultyClient)
        yield


@asynccontextmanager
async def wired(plane: ControlPlane, wire: Wire, **settings: Any) -> AsyncIterator[None]:
    """A runtime on a wire; when it is killed, a fresh one follows it."""
    over = asyncio.Event()

    async def live() -> None:
        _WIRE.set(wire)
        while not over.is_set():
            wire.killed.clear()
            with suppress(asyncio.CancelledError):
                async with runtime(plane, **settings) as work:
                    await _either(over, wire.killed)
                    if wire.killed.is_set():
                        work.cancel()

    task = asyncio.create_task(live())
    try:
        yield
    finally:
        over.set()
        await task


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
