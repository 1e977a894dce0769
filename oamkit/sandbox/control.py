"""The control socket: how commands ask the daemon, and the daemon answers.

A Unix socket of mode 0600 in the user's runtime folder. A request is one line of JSON, ``{"do": "status"}``; each answer is one
line, the sandbox's :class:`~oamkit.sandbox.state.State`.

==============  ===========================================================================
request         answer
==============  ===========================================================================
``status``      the state, once; with ``"memory": true`` each component's memory too
``watch``       the state, and again after each change, until the client hangs up
``restart``     the state, once; the components of ``"names"`` are being restarted
``stop``        as ``watch``, until everything has stopped
==============  ===========================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from oamkit.errors import SandboxError
from oamkit.sandbox.state import State

__all__ = ["ControlServer", "ask", "daemon_pid", "serve", "socket_path", "watch"]


def socket_path(folder: Path) -> Path:
    """Return the control socket's path."""
    return folder / "control.sock"


class ControlServer:
    """The daemon's side.

    Args:
        current: Returns the state; with ``True`` with each component's memory.
        restart: Restarts components.
        stop: Begins to stop everything.
    """

    def __init__(
        self,
        current: Callable[[bool], State],
        restart: Callable[[list[str]], None],
        stop: Callable[[], None],
    ) -> None:
        self._current = current
        self._restart = restart
        self._stop = stop
        self._watchers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()

    def publish(self) -> None:
        """Tell those who watch."""
        line = _line(self._current(False).as_dict())
        for writer in self._watchers:
            writer.write(line)

    async def close(self) -> None:
        """Hang up on all clients."""
        for writer in self._watchers:
            writer.close()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=1.0)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, in the background."""
        handler = asyncio.create_task(self._handle(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request: dict[str, Any] = json.loads(await reader.readline())
            verb = request.get("do")
            if verb == "restart":
                self._restart([str(name) for name in request["names"]])
            if verb == "stop":
                self._stop()
            writer.write(_line(self._current(bool(request.get("memory"))).as_dict()))
            if verb in ("watch", "stop"):
                self._watchers.add(writer)
                await reader.read()  # until the client hangs up
            await writer.drain()
        except (OSError, ValueError, KeyError):
            pass  # a client that hung up, or isn't ours
        finally:
            self._watchers.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()


async def serve(server: ControlServer, path: Path) -> asyncio.Server:
    """Listen on the control socket; an old one is replaced: the daemon's lock says that nobody else listens there."""
    path.unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else waits yet
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(server.accept, path)
    finally:
        os.umask(before)


def watch(folder: Path, request: dict[str, Any], *, timeout: float) -> Generator[State, None, None]:
    """Send a request and yield the states that come back, until the daemon hangs up.

    Args:
        folder: Where the control socket is.
        request: See the table above.
        timeout: Seconds after which an answer that doesn't come is an error.

    Raises:
        ConnectionError: No daemon is there.
        SandboxError: It doesn't answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(socket_path(folder)))
        except OSError as error:
            raise ConnectionError("no daemon") from error
        try:
            connection.sendall(_line(request))
            with connection.makefile("rb") as lines:
                for line in lines:
                    yield State.from_dict(json.loads(line))
        except TimeoutError as error:
            raise SandboxError(
                "The sandbox's daemon doesn't answer.",
                hint="Run 'oamkit sandbox down', which ends it by force, then 'oamkit sandbox up'.",
                code="sandbox-no-answer",
            ) from error
        except OSError as error:
            raise ConnectionError("the daemon hung up") from error


def ask(folder: Path, request: dict[str, Any], *, timeout: float = 5.0) -> State | None:
    """Send a request and return the first answer; ``None`` if no daemon is there.

    Raises:
        SandboxError: It doesn't answer.
    """
    try:
        with contextlib.closing(watch(folder, request, timeout=timeout)) as states:
            return next(states, None)
    except ConnectionError:
        return None


def daemon_pid(folder: Path) -> int | None:
    """Return the process id of who listens on the control socket, as we see it; ``None`` if nobody does.

    It is what the kernel says (``SO_PEERCRED``, unix(7)), so a daemon that hangs is found too, and no other process of its id.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(1.0)
            connection.connect(str(socket_path(folder)))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return None
    return int(struct.unpack("3i", credentials)[0])


def _line(value: object) -> bytes:
    return json.dumps(value, default=str).encode() + b"\n"
