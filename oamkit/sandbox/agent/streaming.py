"""``exec`` and ``attach``: what connects a session in a container with a client's channels, whatever carries them.

Sources: ``k8s.io/apimachinery/pkg/util/remotecommand`` (channels and subprotocols), KEP-4006. The end is told by a ``Status`` object
on the error channel, with the exit code among its causes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Protocol

from oamkit.errors import OamKitError
from oamkit.sandbox.agent.model import Object
from oamkit.sandbox.cri import ExecSession

__all__ = [
    "CLOSE", "ERROR", "RESIZE", "STDERR", "STDIN", "STDOUT", "Channels", "exit_status", "failure_status", "serve_session",
]  # fmt: skip

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
CHUNK = 32 * 1024
QUIET_SECONDS = 2.0
"""How long output may be silent after the program's end before nobody waits for it any more: a grandchild may hold it open."""


class Channels(Protocol):
    """A client's end of a session."""

    async def send(self, channel: int, data: bytes) -> None:
        """Send data on a channel."""

    async def finish(self, channel: int) -> None:
        """Say that nothing more comes on a channel, where the protocol can."""

    def received(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what comes in; ``(CLOSE, bytes([channel]))`` when a channel ends; ends when the client goes."""
        ...


def exit_status(code: int) -> Object:
    """Return the ``Status`` of a program that has ended."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failure_status(message: str) -> Object:
    """Return the ``Status`` of a session that couldn't be begun."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "InternalError",
        "code": 500,
    }


async def _copy(
    reader: asyncio.StreamReader, channels: Channels, channel: int, seen: list[int]
) -> None:
    while data := await reader.read(CHUNK):
        seen[0] += len(data)
        await channels.send(channel, data)
    await channels.finish(channel)


async def _feed(session: ExecSession, channels: Channels) -> None:
    """Pass on what the client sends, until it goes."""
    stdin = session.stdin
    async for channel, data in channels.received():
        try:
            if channel == STDIN and stdin is not None and data:
                stdin.write(data)
                await stdin.drain()
            elif channel == RESIZE and data:
                size = json.loads(data)
                await session.resize(int(size["Width"]), int(size["Height"]))
            elif channel == CLOSE and data[:1] == bytes([STDIN]) and stdin is not None:
                stdin.close()
        except (OSError, ValueError, KeyError, TypeError, OamKitError):
            # A program that closed its input, or a size that isn't one, doesn't end the session.
            continue


async def serve_session(
    session: ExecSession, channels: Channels, *, attached: bool = False
) -> None:
    """Connect a session and a client until one of them ends.

    Args:
        session: The program in the container.
        channels: The client.
        attached: Whether it is the container's own program: then its exit code is the Pod's affair, not the session's.
    """
    seen = [0]
    outputs = [asyncio.create_task(_copy(session.stdout, channels, STDOUT, seen))]
    if session.stderr is not None:
        outputs.append(asyncio.create_task(_copy(session.stderr, channels, STDERR, seen)))
    feeder = asyncio.create_task(_feed(session, channels))
    ended = asyncio.create_task(session.wait())
    try:
        await asyncio.wait({feeder, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            return  # the client has gone
        await _drain(outputs, feeder, seen)
        status = exit_status(0 if attached else ended.result())
        await channels.send(ERROR, json.dumps(status).encode())
        await channels.finish(ERROR)
    except (OSError, OamKitError) as error:
        with contextlib.suppress(OSError):
            await channels.send(ERROR, json.dumps(failure_status(str(error))).encode())
    finally:
        tasks = [*outputs, feeder, ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await session.close()


async def _drain(
    outputs: list[asyncio.Task[None]], feeder: asyncio.Task[None], seen: list[int]
) -> None:
    """Wait for the rest of the output of a program that has ended."""
    pending = set(outputs)
    while pending and not feeder.done():
        before = seen[0]
        _, pending = await asyncio.wait(pending, timeout=QUIET_SECONDS)
        if seen[0] == before:
            return
