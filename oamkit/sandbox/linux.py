"""The system calls of Linux that Python 3.11 has no names for, and how to tell one process from another.

Imports next to nothing, since the monitor of each container (:mod:`oamkit.sandbox.shim`) is made of it. Every function raises
:class:`OSError` with the errno of the call. Sources: ``namespaces(7)``, ``mount(2)``, ``mount_setattr(2)``, ``pivot_root(2)``,
``prctl(2)``, ``capabilities(7)``, ``proc(5)``.
"""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SYS_MOUNT_SETATTR = 442  # the same number on every architecture, as all calls since Linux 5.1
_MOUNT_ATTR_RDONLY = 0x1
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_CAP_LAST = 63

KEPT_CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))
"""What a container keeps, as Docker has it: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP. They hold within the sandbox's user namespace only."""

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, *names: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *names)


def unshare(flags: int) -> None:
    """Give the calling thread namespaces of its own; for ``CLONE_NEWPID`` its next child."""
    _check(_libc.unshare(flags))


def setns(descriptor: int, flags: int = 0) -> None:
    """Let the calling thread join a namespace, or several ones of a process by its pidfd (Linux >= 5.8)."""
    _check(_libc.setns(descriptor, flags))


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system; ``kind`` and ``options`` may be empty."""
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            os.fsencode(options) or None,
        ),
        target,
    )


def umount(target: str, flags: int = MNT_DETACH) -> None:
    """Unmount; by default also what is in use, as soon as it no longer is."""
    _check(_libc.umount2(os.fsencode(target), flags), target)


def make_read_only(target: str, *, recursive: bool = True) -> None:
    """Make a mount, and all below it, read-only (Linux >= 5.12).

    Remounting would do it too, but a user namespace must then repeat every flag that the mount came with.
    """
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _check(
        _libc.syscall(
            _SYS_MOUNT_SETATTR,
            _AT_FDCWD,
            os.fsencode(target),
            _AT_RECURSIVE if recursive else 0,
            ctypes.byref(attributes),
            size,
        ),
        target,
    )


def pivot_root(new_root: str, put_old: str) -> None:
    """Make ``new_root`` the root of the mount namespace and move the old one to ``put_old``."""
    _check(_libc.pivot_root(os.fsencode(new_root), os.fsencode(put_old)), new_root)


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def die_with_parent(number: int) -> None:
    """Get a signal when the parent ends."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def no_new_privileges() -> None:
    """Make set-user-ID bits and file capabilities without effect, for good."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Take all but :data:`KEPT_CAPABILITIES` from the bounding set: the next ``execve`` of uid 0 gets what is left."""
    for capability in range(_CAP_LAST + 1):
        if capability not in KEPT_CAPABILITIES:
            try:
                _prctl(_PR_CAPBSET_DROP, capability)
            except OSError:  # the kernel knows fewer of them
                return


def start_time(pid: int) -> int:
    """Return when a process was started, in clock ticks since boot; 0 if there is none.

    With the pid it names one process: a pid that is given to another process later comes with another time.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return 0
    fields = text[text.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def open_process(pid: int, started: int) -> int:
    """Return a pidfd of the process with that pid **and** :func:`start_time`.

    Raises:
        ProcessLookupError: It has ended.
    """
    descriptor = os.pidfd_open(pid)
    if started == 0 or start_time(pid) != started:
        os.close(descriptor)
        raise ProcessLookupError(f"process {pid} has ended")
    return descriptor


def descendants(pid: int) -> list[int]:
    """Return the process ids of the children of a process, their children, and so on."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{parent}/task/{thread}/children", "rb") as file:
                    children = [int(word) for word in file.read().split()]
            except OSError:
                continue
            found += children
            waiting += children
    return found


def kill_marked(mark: str) -> None:
    """Kill all processes that have a variable in their environment, given as ``NAME=value``, e.g. those that left their session."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if mark.encode() in file.read().split(b"\0"):
                    os.kill(int(name), signal.SIGKILL)
        except OSError:  # it has ended, or isn't ours
            continue


def resident_memory(pid: int) -> int:
    """Return the bytes of memory that a process uses itself; what it shares with a parent that it was forked from counts too."""
    return _sum_of_fields(f"/proc/{pid}/status", (b"RssAnon:", b"RssShmem:"))


def own_memory(pid: int) -> int:
    """Return the same with shared pages counted in part: exact, but slower."""
    return _sum_of_fields(f"/proc/{pid}/smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:"))


def _sum_of_fields(path: str, names: tuple[bytes, ...]) -> int:
    try:
        with open(path, "rb") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(names))
    except OSError:
        return 0
