"""What probes and life-cycle hooks do to a container: run a program, ask by HTTP or gRPC, or open a connection.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#probe-check-methods
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from oamkit.errors import OamKitError
from oamkit.sandbox.agent.grpc_health import check
from oamkit.sandbox.agent.model import Object
from oamkit.sandbox.cri import ContainerRuntime

__all__ = ["Outcome", "Target", "perform", "port_number"]

MAX_OUTPUT = 10 * 1024
MAX_REDIRECTS = 10
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Outcome:
    """How an action went.

    Attributes:
        ok: Whether it was good.
        message: Why not.
    """

    ok: bool
    message: str = ""


@dataclass(frozen=True)
class Target:
    """The container that an action is about.

    Attributes:
        runtime: Runs it.
        uid: Its Pod.
        container: Its spec.
        ip: Its Pod's address, for messages and the ``Host`` header.
    """

    runtime: ContainerRuntime
    uid: str
    container: Object
    ip: str


def port_number(container: Object, port: int | str) -> int:
    """Return the number of a port that may be given by its name.

    Raises:
        ValueError: The container has no port of that name.

    Example:
        >>> port_number({"ports": [{"name": "http", "containerPort": 80}]}, "http")
        80
    """
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for entry in container.get("ports") or []:
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise ValueError(f"couldn't find port: {port!r}")


async def perform(target: Target, action: Object, seconds: float) -> Outcome:
    """Do what a probe's or hook's spec says.

    Args:
        target: To whom.
        action: The spec, with ``exec``, ``httpGet``, ``tcpSocket``, ``grpc`` or ``sleep``.
        seconds: After how long it counts as failed.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _perform(target, action)
    except TimeoutError:
        if "exec" in action:
            return Outcome(False, f"command timed out after {seconds:g}s")
        return Outcome(False, f"context deadline exceeded: no answer within {seconds:g}s")
    except (OSError, ValueError, OamKitError, asyncio.IncompleteReadError) as error:
        text = error.message if isinstance(error, OamKitError) else str(error)
        return Outcome(False, text or type(error).__name__)


async def _perform(target: Target, action: Object) -> Outcome:
    if "exec" in action:
        return await _exec(target, action["exec"].get("command") or [])
    if "httpGet" in action:
        return await _http(target, action["httpGet"])
    if "tcpSocket" in action:
        spec = action["tcpSocket"]
        _, writer = await _connect(target, spec.get("host"), spec["port"])
        await _close(writer)
        return Outcome(True)
    if "grpc" in action:
        spec = action["grpc"]
        reader, writer = await _connect(target, None, spec["port"])
        try:
            state = await check(
                reader, writer, f"{target.ip}:{spec['port']}", spec.get("service") or ""
            )
        finally:
            await _close(writer)
        return Outcome(state == "SERVING", f"service unhealthy (responded with {state!r})")
    if "sleep" in action:
        await asyncio.sleep(float(action["sleep"]["seconds"]))
        return Outcome(True)
    raise ValueError(f"the sandbox doesn't know the action {', '.join(action)}")


async def _connect(target: Target, host: str | None, port: int | str) -> Streams:
    number = port_number(target.container, port)
    try:
        if host and host not in (target.ip, "localhost", "127.0.0.1"):
            return await asyncio.open_connection(host, number)
        return await target.runtime.connect(target.uid, number)
    except OSError as error:
        where = f"{host or target.ip}:{number}"
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise OSError(f"dial tcp {where}: connect: {reason}") from error


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()


async def _exec(target: Target, argv: list[str]) -> Outcome:
    session = await target.runtime.exec(
        target.uid, target.container["name"], argv, stdin=False, tty=False
    )
    try:
        out, err, code = await asyncio.gather(
            _read_some(session.stdout), _read_some(session.stderr), session.wait()
        )
    finally:
        await session.close()
    return Outcome(code == 0, (out + err).decode(errors="replace").strip() or f"exit code {code}")


async def _read_some(reader: asyncio.StreamReader | None) -> bytes:
    if reader is None:
        return b""
    kept = b""
    while chunk := await reader.read(MAX_OUTPUT):
        kept = (kept + chunk)[:MAX_OUTPUT]
    return kept


async def _http(target: Target, spec: Object) -> Outcome:
    scheme = (spec.get("scheme") or "HTTP").lower()
    path = "/" + (spec.get("path") or "/").lstrip("/")
    host = spec.get("host") or target.ip
    headers = {h["name"]: h["value"] for h in spec.get("httpHeaders") or []}
    for _ in range(MAX_REDIRECTS):
        streams = await _connect(target, spec.get("host"), spec["port"])
        try:
            code, location = await _get(streams, scheme, f"{host}:{spec['port']}", path, headers)
        except OSError as error:
            url = f"{scheme}://{host}:{spec['port']}{path}"
            raise OSError(f'Get "{url}": {error}') from error
        finally:
            await _close(streams[1])
        moved = urlsplit(location) if 300 <= code < 400 and location else None
        if moved is None or (moved.hostname and moved.hostname != host):
            break
        path = (moved.path or "/") + (f"?{moved.query}" if moved.query else "")
    good = 200 <= code < 400
    return Outcome(good, "" if good else f"HTTP probe failed with statuscode: {code}")


async def _get(
    streams: Streams, scheme: str, authority: str, path: str, headers: dict[str, str]
) -> tuple[int, str]:
    """Send one GET and return the status code and the ``Location`` of the answer (RFC 9112)."""
    reader, writer = streams
    if scheme == "https":
        context = ssl.create_default_context()
        # As the kubelet does: a probe asks whether the server answers, not who it is.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await writer.start_tls(context)
    wanted = {"host": authority, "user-agent": "kube-probe/1.37", "accept": "*/*"}
    wanted.update({name.lower(): value for name, value in headers.items()})
    wanted["connection"] = "close"
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in wanted.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head.split("\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise OSError(f"malformed HTTP response {first[:80]!r}")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in rest)
    }
    return int(words[1]), fields.get("location", "")
