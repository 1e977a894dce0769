"""Moves the streams of a program: its output to the log and to who is attached, their input to the program.

Who attaches connects to a Unix socket and speaks frames: a byte for the kind, four for the length, the payload.

=============  ===========  ==============================================================================
kind           direction    payload
=============  ===========  ==============================================================================
``STDIN``      to shim      bytes for the program
``CLOSE``      to shim      none: the client's input has ended
``RESIZE``     to shim      the terminal's size in characters: columns and rows, two bytes each
``REQUEST``    to shim      JSON, :class:`oamkit.sandbox.shim_spec.Request`: what to run (exec only, first frame)
``STARTED``    from shim    none: the program runs (exec only)
``STDOUT``     from shim    bytes
``STDERR``     from shim    bytes; never with a terminal
``STATUS``     from shim    JSON, :class:`oamkit.sandbox.shim_spec.Status`: the end, last frame
=============  ===========  ==============================================================================
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time

STDIN, STDOUT, STDERR, CLOSE, RESIZE, REQUEST, STARTED, STATUS = range(8)
HEADER = struct.Struct(">BI")
CHUNK = 16 * 1024  # also the longest line of a log before it is split, as in containerd
BACKLOG = 1024 * 1024


def frame(kind: int, payload: bytes = b"") -> bytes:
    r"""Return a frame.

    Example:
        >>> frame(STDOUT, b"hi")
        b'\x01\x00\x00\x00\x02hi'
    """
    return HEADER.pack(kind, len(payload)) + payload


def take_frames(received: bytearray) -> list[tuple[int, bytes]]:
    r"""Take the complete frames from the front of a buffer.

    Example:
        >>> buffer = bytearray(frame(STDIN, b"a") + frame(CLOSE) + b"\x00")
        >>> take_frames(buffer), buffer
        ([(0, b'a'), (3, b'')], bytearray(b'\x00'))
    """
    frames = []
    while len(received) >= HEADER.size:
        kind, length = HEADER.unpack_from(received)
        end = HEADER.size + length
        if len(received) < end:
            break
        frames.append((kind, bytes(received[HEADER.size : end])))
        del received[:end]
    return frames


class Log:
    """A container's log in the format of the CRI: ``time stream tag text``, a line each.

    Tag ``F`` ends a line of the program, ``P`` says that its rest follows: so what has no line end yet can be read already, and
    what wasn't text stays the same bytes. Source: ``kubernetes/design-proposals-archive``, ``node/kubelet-cri-logging.md``.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o640)

    def write(self, stream: str, data: bytes) -> None:
        """Append what the program wrote at once."""
        now = time.time_ns()
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
        start = f"{second}.{now % 10**9:09d}Z {stream} ".encode()
        *lines, rest = data.split(b"\n")
        out = [start + b"F " + line + b"\n" for line in lines]
        if rest:
            out.append(start + b"P " + rest + b"\n")
        try:
            os.write(self._file, b"".join(out))
        except OSError:  # the disk is full: the program must not stand still for it
            return

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.received = bytearray()
        self.pending = bytearray()


class Streams:
    """The open ends of a program's streams.

    Args:
        outputs: From descriptors to ``STDOUT`` or ``STDERR``.
        stdin: Where the program's input is written to; ``None`` if it has none.
        terminal: The terminal's master side; ``None`` without one. It is ``stdin`` and an output too.
        log: Where output is kept; ``None`` for exec.
        listener: Where clients connect; ``None`` for exec, where ``client`` is the only one.
        client: The one client of an exec. Output waits for it, whereas a container doesn't wait for who is attached.
        close_stdin: Whether the end of a client's input is the end of the program's.
    """

    def __init__(
        self,
        outputs: dict[int, int],
        stdin: int | None,
        terminal: int | None,
        *,
        log: Log | None = None,
        listener: socket.socket | None = None,
        client: socket.socket | None = None,
        close_stdin: bool,
    ) -> None:
        self.outputs = outputs
        self._stdin = stdin
        self._terminal = terminal
        self._log = log
        self._listener = listener
        self._patient = client is not None
        self._clients = [] if client is None else [_Client(client)]
        self._close_stdin = close_stdin
        self._input = bytearray()
        self._input_ended = False
        for descriptor in {*outputs, *(() if stdin is None else (stdin,))}:
            os.set_blocking(descriptor, False)

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def pump(self, wake: int, timeout: int) -> None:
        """Move what can be moved; wait up to ``timeout`` ms for it, or until ``wake`` can be read."""
        for descriptor, events in self._poll(wake, timeout):
            if descriptor == wake:
                os.read(wake, 4096)
            elif self._listener is not None and descriptor == self._listener.fileno():
                self._accept(self._listener)
            elif descriptor in self.outputs and events & ~select.POLLOUT:
                self._read_output(descriptor)
            for client in list(self._clients):
                if descriptor == client.connection.fileno():
                    self._serve(client, events)
        self._write_input()

    def _poll(self, wake: int, timeout: int) -> list[tuple[int, int]]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._listener is not None:
            poll.register(self._listener, select.POLLIN)
        congested = self._patient and any(len(c.pending) > CHUNK for c in self._clients)
        wanted = dict.fromkeys(() if congested else self.outputs, select.POLLIN)
        if self._stdin is not None and self._input:
            wanted[self._stdin] = wanted.get(self._stdin, 0) | select.POLLOUT
        for client in self._clients:
            events = select.POLLIN if len(self._input) < BACKLOG else 0
            events |= select.POLLOUT if client.pending else 0
            wanted[client.connection.fileno()] = events
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        return poll.poll(timeout)

    def _accept(self, listener: socket.socket) -> None:
        try:
            self._clients.append(_Client(listener.accept()[0]))
        except (
            OSError
        ):  # it has gone already, or there are too many: the container must not end for it
            return

    def _read_output(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""  # the last program has closed its side of the terminal
        kind = self.outputs[descriptor]
        if not data:
            del self.outputs[descriptor]
            if descriptor != self._terminal:
                os.close(descriptor)
            return
        if self._log is not None:
            self._log.write("stderr" if kind == STDERR else "stdout", data)
        for client in list(self._clients):
            client.pending += frame(kind, data)
            self._send(client)

    def _serve(self, client: _Client, events: int) -> None:
        if events & select.POLLOUT:
            self._send(client)
        if not events & ~select.POLLOUT or client not in self._clients:
            return
        try:
            data = client.connection.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.received += data
        for kind, payload in take_frames(client.received):
            if kind == STDIN and self._stdin is not None:
                self._input += payload
            elif kind == CLOSE:
                self._end_input()
            elif kind == RESIZE and self._terminal is not None and len(payload) == 4:
                columns, rows = struct.unpack(">HH", payload)
                size = struct.pack("HHHH", rows, columns, 0, 0)
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def _send(self, client: _Client) -> None:
        try:
            while client.pending:
                del client.pending[: client.connection.send(client.pending)]
        except BlockingIOError:
            if len(client.pending) > BACKLOG and not self._patient:
                self._drop(client)
        except OSError:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            client.connection.close()
            self._end_input()

    def _end_input(self) -> None:
        self._input_ended = self._input_ended or self._close_stdin
        self._write_input()

    def _write_input(self) -> None:
        if self._stdin is None:
            return
        try:
            while self._input:
                del self._input[: os.write(self._stdin, self._input)]
        except BlockingIOError:
            return
        except OSError:  # the program doesn't read any more
            self._input.clear()
        if self._input_ended and self._stdin != self._terminal:
            os.close(self._stdin)
            self._stdin = None

    def finish(self, status: bytes) -> None:
        """Tell all clients the status and let them go."""
        for client in self._clients:
            client.connection.settimeout(1)
            try:
                client.connection.sendall(client.pending + frame(STATUS, status))
            except OSError:
                continue
            finally:
                client.connection.close()
        self._clients = []
