"""The monitor of a container: one small process for each start, which outlives the node agent.

It makes the container's first process and its namespaces, keeps its output in the log, serves those who attach, waits for its
end and writes how it ended to ``status.json``: what ``conmon`` and ``containerd-shim`` are to other runtimes. The agent may be
killed and started anew meanwhile; it finds everything in the container's folder:

===============  =========================================================================================
file             content
===============  =========================================================================================
``spec.json``    what to start (:class:`oamkit.sandbox.shim_spec.Spec`), written by the runtime
``status.json``  how it is doing (:class:`oamkit.sandbox.shim_spec.Status`), replaced atomically
``attach``       the socket for those who attach (:mod:`oamkit.sandbox.shim_streams`)
``shim.log``     what the monitor itself had to complain about
``layers``       the container's writable layer; removed at its end
===============  =========================================================================================

``exec`` runs another program in a running container; its client is a socket that is inherited as standard input, and when that
is closed, the program is killed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time

from oamkit.sandbox import linux
from oamkit.sandbox.shim_program import Failure, start_program
from oamkit.sandbox.shim_streams import REQUEST, STARTED, Log, Streams, frame, take_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from oamkit.sandbox.shim_spec import Request, Spec, Status

_EXEC_LOOK = 1000
"""After how many ms an exec looks again whether its container still runs; without a pid namespace nobody else ends it."""
_DRAIN_SECONDS = 1.0
"""How long output is still read after the end of the main process, if something else holds it open."""


def main(arguments: list[str]) -> int:
    """Run a container (``start FOLDER``) or a program in one (``exec``)."""
    match arguments:
        case ["start", folder]:
            return _start(folder)
        case ["exec"]:
            return _exec(socket.socket(fileno=os.dup(0)))
        case _:
            sys.stderr.write("usage: shim_boot.py start FOLDER | exec\n")
            return 2


def _start(folder: str) -> int:
    """Start a container; returns when its program runs or can't be started, and leaves a child behind that looks after it."""
    os.chdir(folder)
    with open("spec.json", "rb") as file:
        spec: Spec = json.load(file)
    ready, tell_ready = os.pipe()
    if os.fork():
        os.close(tell_ready)
        os.read(ready, 1)
        return 0
    os.close(ready)
    os.setsid()
    linux.adopt_orphans()
    wake = _wake_on_child()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("attach")
    listener.listen()
    status: Status = {
        "id": spec["id"],
        "shim": _identity(os.getpid()),
        "started_at": None,
        "finished_at": None,
        "exit_code": None,
        "signal": None,
        "reason": "",
        "message": "",
    }
    log = Log(spec["log"])
    try:
        program = start_program(spec, os.getcwd())
    except Failure as failure:
        _fail(status, failure)
    else:
        status["started_at"], status["main"] = time.time(), _identity(program.pid)
        _write(status)
        os.close(tell_ready)
        streams = Streams(
            program.outputs,
            program.stdin,
            program.terminal,
            log=log,
            listener=listener,
            close_stdin=spec["stdin_once"],
        )
        limit = _MemoryLimit(spec["memory_limit"])
        _fill(status, _supervise(program.pid, streams, wake, limit.check), killed=limit.exceeded)
    _write(status)
    os.unlink("attach")
    if status["started_at"] is not None:
        streams.finish(json.dumps(status).encode())
    # Deleting may take a while: whoever waits for this process need not wait for it.
    if os.fork() == 0:
        import shutil  # half a megabyte that nothing else here needs

        shutil.rmtree("layers", ignore_errors=True)
    return 0


def _exec(client: socket.socket) -> int:
    """Run a program in a container until it or the client ends."""
    received = bytearray()
    while not (frames := take_frames(received)):
        data = client.recv(65536)
        if not data:
            return 1
        received += data
    kind, payload = frames[0]
    if kind != REQUEST:
        return 2
    request: Request = json.loads(payload)
    container, _ = request["target"]
    linux.adopt_orphans()
    wake = _wake_on_child()
    status: Status = {"signal": None, "message": ""}
    try:
        program = start_program(request, os.getcwd())
    except Failure as failure:
        _fail(status, failure)
        Streams({}, None, None, client=client, close_stdin=True).finish(json.dumps(status).encode())
        return 0
    client.sendall(frame(STARTED))
    streams = Streams(
        program.outputs, program.stdin, program.terminal, client=client, close_stdin=True
    )

    def look() -> int:
        if not streams.clients or not linux.start_time(container):
            os.killpg(program.pid, signal.SIGKILL)
        return _EXEC_LOOK

    _fill(status, _supervise(program.pid, streams, wake, look))
    streams.finish(json.dumps(status).encode())
    return 0


def _supervise(main: int, streams: Streams, wake: int, look: Callable[[], int]) -> int:
    """Look after a program until it has ended and its output is read.

    Args:
        main: The program's process id.
        streams: Its streams.
        wake: Can be read when a child has ended.
        look: What else is to be looked after while it runs; returns after how many ms again, -1 for never.

    Returns:
        Its wait status.
    """
    ended: int | None = None
    deadline = 0.0
    while ended is None or (streams.outputs and time.monotonic() < deadline):
        streams.pump(wake, look() if ended is None else 100)
        for pid, result in _reap():
            if pid == main:
                ended = result
                deadline = time.monotonic() + _DRAIN_SECONDS
                _kill_descendants()  # in a pid namespace the kernel has done so already
    return ended


def _kill_descendants() -> None:
    for pid in linux.descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


class _MemoryLimit:
    """Kills a container that uses more memory than it may.

    Without root there's no control group to do it, and ``RLIMIT_AS`` counts what is only reserved (Go reserves much more than it uses). So the
    processes' anonymous memory is looked at: ten times a second when they use more than half of the limit, else once. A
    program that allocates faster than that gets over the limit for a moment.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.exceeded = False

    def check(self) -> int:
        """Kill the container if it is over the limit; returns the ms until the next look, -1 for never."""
        if not self._limit:
            return -1
        pids = linux.descendants(os.getpid())
        used = sum(map(linux.resident_memory, pids))
        if used > self._limit and sum(map(linux.own_memory, pids)) > self._limit:
            self.exceeded = True
            _kill_descendants()
        return 100 if used * 2 > self._limit else 1000


def _reap() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, result = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, result))


def _wake_on_child() -> int:
    """Return a descriptor that can be read when a child has ended."""
    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake


def _identity(pid: int) -> tuple[int, int]:
    return pid, linux.start_time(pid)


def _fail(status: Status, failure: Failure) -> None:
    status["finished_at"] = time.time()
    status["exit_code"] = failure.exit_code
    status["reason"], status["message"] = "ContainerCannotRun", str(failure)


def _fill(status: Status, result: int, *, killed: bool = False) -> None:
    code = os.waitstatus_to_exitcode(result)
    status["finished_at"] = time.time()
    status["exit_code"] = code if code >= 0 else 128 - code
    status["signal"] = -code if code < 0 else None
    status["reason"] = "OOMKilled" if killed else "Error" if code else "Completed"


def _write(status: Status) -> None:
    with open("status.json.new", "w") as file:
        json.dump(status, file)
    os.rename("status.json.new", "status.json")
