"""Which ports of the host's loopback address the sandbox takes.

For each: the one that was asked for; else the one of last time; else the usual ones; else any free one. A port that was asked for
and is taken is an error; any other is passed over.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from oamkit.errors import SandboxError

__all__ = ["HOST", "listen"]

HOST = "127.0.0.1"


def listen(
    name: str,
    *,
    asked: int | None,
    last: int | None,
    usual: Sequence[int],
) -> socket.socket:
    """Return a listener on the best port that is free.

    Args:
        name: What the port is for, in words.
        asked: The port that a person asked for.
        last: The port of last time.
        usual: The usual ports, best first.

    Raises:
        SandboxError: The port that was asked for can't be taken.
    """
    if asked is not None:
        if not 0 < asked < 65536:
            raise SandboxError(
                f"Port {asked} for {name} isn't a port: it must be between 1 and 65535.",
                code="sandbox-port-invalid",
            )
        try:
            return _listen(asked)
        except OSError as error:
            raise _taken(name, asked, error) from error
    for port in [*([last] if last else []), *usual]:
        try:
            return _listen(port)
        except OSError:
            continue
    return _listen(0)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of the last sandbox that linger must not keep this one from its port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _taken(name: str, port: int, error: OSError) -> SandboxError:
    if error.errno == errno.EADDRINUSE:
        return SandboxError(
            f"Port {port} of {HOST} for {name} is taken by another program.",
            hint=f"Name another one, or none: then a free one is found. 'ss -ltnp sport = :{port}' says who has it.",
            code="sandbox-port-taken",
        )
    return SandboxError(
        f"Port {port} of {HOST} for {name} can't be used: {error.strerror}.",
        hint="Ports below 1024 need a privilege on most systems: name a higher one.",
        code="sandbox-port-refused",
    )
