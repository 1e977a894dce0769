"""Starts a program: streams, namespaces, root, privileges, ``execve``; what went wrong comes back as words and an exit code."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import struct
import termios

from oamkit.sandbox import linux
from oamkit.sandbox.shim_root import enter_root
from oamkit.sandbox.shim_streams import STDERR, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from oamkit.sandbox.shim_spec import Program, Request, Spec

NOT_FOUND, NOT_EXECUTABLE, CANNOT_START = 127, 126, 128
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIOCGPTN = 0x80045430
_TIOCSPTLCK = 0x40045431


class Failure(Exception):  # noqa: N818 - it isn't an error of the shim
    """A program that can't be started.

    Attributes:
        exit_code: As a shell has it: 127 if it isn't there, 126 if it can't be executed; 128 if its surroundings can't be made.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Running:
    """A program that was started.

    Attributes:
        pid: Its process id.
        stdin: Where its input is written to, or ``None``.
        terminal: Its terminal's master side, or ``None``.
        outputs: From descriptors to the streams that come from them.
    """

    def __init__(
        self, pid: int, stdin: int | None, terminal: int | None, outputs: dict[int, int]
    ) -> None:
        self.pid = pid
        self.stdin = stdin
        self.terminal = terminal
        self.outputs = outputs


def start_program(program: Spec | Request, folder: str) -> Running:
    """Start a program as a child of the calling process.

    Args:
        program: What to start. With ``target`` it joins a running container, else it gets namespaces of its own.
        folder: The container's folder.

    Raises:
        Failure: It can't be started.
    """
    inner: tuple[int | None, ...] = ()
    outer: tuple[int | None, ...] = ()
    if not program["tty"]:
        inner_in, outer_in = os.pipe() if program["stdin"] else (None, None)
        outer_out, inner_out = os.pipe()
        outer_err, inner_err = os.pipe()
        inner, outer = (inner_in, inner_out, inner_err), (outer_in, outer_out, outer_err)
    report, tell = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid, target = _fork(program)
    if pid == 0:
        report.close()
        _run_child(program, folder, target, inner, tell)
    tell.close()
    for end in (*inner, target):
        if end is not None:
            os.close(end)
    terminal, problem = _hear(report)
    if problem:
        os.waitpid(pid, 0)
        text, exit_code = json.loads(problem)
        raise Failure(text, exit_code)
    if terminal is not None:
        return Running(pid, terminal if program["stdin"] else None, terminal, {terminal: STDOUT})
    stdin_end, stdout_end, stderr_end = outer
    assert stdout_end is not None  # noqa: S101 - without a terminal there are pipes
    assert stderr_end is not None  # noqa: S101 - as above
    return Running(pid, stdin_end, None, {stdout_end: STDOUT, stderr_end: STDERR})


def _fork(program: Spec | Request) -> tuple[int, int | None]:
    """Make a child in the right pid namespace; returns its id, and for exec the pidfd of the container's main process."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = _join_pid_namespace(program)
        pid = os.fork()
        if pid and program["isolated"]:
            # Once the first process of a pid namespace has ended, there can be no other in it, but this one needs children.
            linux.setns(own, linux.CLONE_NEWPID)
    except OSError as error:
        raise Failure(f"a process can't be made: {error}", CANNOT_START) from error
    finally:
        os.close(own)
    return pid, target


def _run_child(
    program: Spec | Request,
    folder: str,
    target: int | None,
    streams: tuple[int | None, ...],
    tell: socket.socket,
) -> NoReturn:
    """Become the program, or tell why not."""
    try:
        terminal = _become(program, folder, target, tell)
        _connect(streams or (terminal,) * 3)
        _execute(program)
    except Failure as failure:
        tell.send(json.dumps([str(failure), failure.exit_code]).encode())
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits must hear of it
        tell.send(json.dumps([f"its surroundings can't be made: {error}", CANNOT_START]).encode())
    os._exit(CANNOT_START)


def _hear(report: socket.socket) -> tuple[int | None, bytes]:
    """Return the child's terminal, if it has one, and what went wrong; nothing if it has become the program."""
    terminal = None
    with report:
        while True:
            message, descriptors, _, _ = socket.recv_fds(report, 65536, 1)
            if not descriptors:
                return terminal, message
            (terminal,) = descriptors


def _join_pid_namespace(program: Spec | Request) -> int | None:
    """Let the next child be in the right pid namespace: a process can't change its own.

    Returns:
        For exec the pidfd of the container's main process.
    """
    if not program["isolated"]:
        return None
    if "target" not in program:
        linux.unshare(linux.CLONE_NEWPID)
        return None
    target = linux.open_process(*program["target"])
    linux.setns(target, linux.CLONE_NEWPID)
    return target


def _become(
    program: Spec | Request, folder: str, target: int | None, tell: socket.socket
) -> int | None:
    """Take the container's place: namespaces, root, session and terminal; returns the terminal's slave side."""
    linux.die_with_parent(signal.SIGKILL)
    os.setsid()
    if target is not None:
        shared = linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
        linux.setns(target, linux.CLONE_NEWNS | shared)
    elif program["isolated"] and "namespaces" in program:
        for path in program["namespaces"]:
            namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            linux.setns(namespace)
            os.close(namespace)
        enter_root(program, folder)
    if not program["tty"]:
        return None
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    (number,) = struct.unpack("I", fcntl.ioctl(master, _TIOCGPTN, bytes(4)))
    slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    socket.send_fds(tell, [b"T"], [master])
    return slave


def _connect(streams: tuple[int | None, ...]) -> None:
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    for number, stream in enumerate(streams):
        os.dup2(null if stream is None else stream, number)


def _execute(program: Program) -> None:
    """Become the program.

    Raises:
        Failure: It isn't there or can't be executed.
    """
    working_dir = program["working_dir"]
    try:
        os.makedirs(working_dir, exist_ok=True)
        os.chdir(working_dir)
    except OSError as error:
        raise Failure(
            f'the working directory "{working_dir}" can\'t be entered: {error.strerror}',
            CANNOT_START,
        ) from error
    path = find_program(program["argv"][0], program["env"].get("PATH", _DEFAULT_PATH))
    if program["isolated"]:
        linux.drop_capabilities()
    linux.no_new_privileges()
    os.umask(0o022)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(path, program["argv"], program["env"])  # noqa: S606 - a shell is what nobody wants here
    except OSError as error:
        raise _failure(program["argv"][0], error) from error


def find_program(name: str, search: str) -> str:
    """Return the path of a program, as a shell finds it.

    Raises:
        Failure: With the words and exit codes that runc has for it.

    Example:
        >>> find_program("sh", "/nowhere:/bin")
        '/bin/sh'
        >>> find_program("no-such-program", "/bin")
        Traceback (most recent call last):
        oamkit.sandbox.shim_program.Failure: exec: "no-such-program": executable file not found in $PATH
    """
    if "/" in name:
        try:
            os.stat(name)
        except OSError as error:
            text = f'exec: "{name}": stat {name}: {_words(error)}'
            raise Failure(text, NOT_FOUND) from error
        if os.path.isdir(name):
            raise Failure(f'exec: "{name}": is a directory', NOT_EXECUTABLE)
        return name
    found = False
    for folder in search.split(":"):
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path):
            found = True
            if os.access(path, os.X_OK):
                return path
    if found:
        raise Failure(f'exec: "{name}": permission denied', NOT_EXECUTABLE)
    raise Failure(f'exec: "{name}": executable file not found in $PATH', NOT_FOUND)


def _failure(name: str, error: OSError) -> Failure:
    missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
    return Failure(f'exec: "{name}": {_words(error)}', NOT_FOUND if missing else NOT_EXECUTABLE)


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
