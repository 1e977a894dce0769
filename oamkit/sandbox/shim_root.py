"""Builds the file system that a container sees as ``/``; runs in the container's first process, before its program.

The image is the lower layer of an overlay whose upper layer ends with the container. What the image borrows from this machine is
added where the image has nothing (``host_paths``); then come ``/proc``, ``/dev`` and ``/sys``, the Pod's files in ``/etc``, and
the volumes. The new root is pivoted to first and furnished afterwards: so a symbolic link in an image, say ``/data -> /etc``,
leads to the container's ``/etc``, never to this machine's. Until the end the old root stays the working directory, so that
paths of this machine are relative ones.

Sources: ``overlayfs`` (kernel documentation, ``userxattr``), ``pivot_root(2)``, and the OCI runtime specification's list of
devices and file systems (``config-linux.md``).
"""

from __future__ import annotations

import os

from oamkit.sandbox import linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Spec

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_TMP = "/tmp"  # noqa: S108 - the container's own
_READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_USERS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    "/etc/group": "root:x:0:\nnobody:x:65534:\n",
}


def enter_root(spec: Spec, folder: str) -> None:
    """Give the calling process a mount namespace whose root is the container's.

    Args:
        spec: What to start.
        folder: The container's own folder; its writable layer is made there.
    """
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    borrowed = _borrowed(spec["host_paths"])
    volumes = [(os.path.realpath(source), target, ro) for source, target, ro in spec["mounts"]]
    files = {target: os.path.realpath(source) for target, source in spec["files"].items()}
    rootfs = os.path.realpath(spec["rootfs"])
    old = os.open("/", os.O_PATH | os.O_DIRECTORY)

    layers = _Layers(folder)
    root = f"{folder}/root"
    os.makedirs(root, exist_ok=True)
    layers.mount([rootfs], root)
    os.chdir(root)
    linux.pivot_root(".", ".")
    os.fchdir(old)
    layers.folder = "." + layers.folder

    for path in borrowed:
        _show(path, rootfs, layers, read_only=spec["read_only"])
    _system_folders()
    for target, text in _USERS.items():
        if not os.path.exists(target):
            _ensure_file(target)
            with open(target, "w") as file:
                file.write(text)
    for target, source in files.items():
        _bind(source, target)
    for source, target, read_only in volumes:
        _bind(source, target)
        if read_only:
            linux.make_read_only(target)
    _ensure_folder(spec["working_dir"])
    if spec["read_only"]:
        linux.make_read_only("/", recursive=False)
    linux.umount(".")  # the old root: pivot_root has put it on top of the new one
    os.chdir("/")
    os.close(old)


class _Layers:
    """Makes overlays, and the writable layers for them.

    They are kept in the container's folder; where that file system can't hold an upper layer (it is an overlay itself, as in
    Docker, or NFS), in memory.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._count = 0

    def mount(self, lower: list[str], target: str, *, writable: bool = True) -> None:
        options = "userxattr,lowerdir=" + ":".join(map(_escape, lower))
        if not writable:
            linux.mount("overlay", target, "overlay", options=options)
            return
        try:
            self._mount_writable(options, target)
        except OSError:
            if self._count > 1:
                raise
            linux.mount("tmpfs", self.folder, "tmpfs", options="mode=0700")
            os.mkdir(target)
            self._mount_writable(options, target)

    def _mount_writable(self, options: str, target: str) -> None:
        self._count += 1
        upper, work = (f"{self.folder}/layers/{self._count}/{name}" for name in ("upper", "work"))
        for path in (upper, work):
            os.makedirs(path, exist_ok=True)
        options += f",upperdir={_escape(upper)},workdir={_escape(work)}"
        linux.mount("overlay", target, "overlay", options=options)
        os.chmod(f"{work}/work", 0o700)  # mode 0 would keep the user from deleting the folder


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _borrowed(paths: list[str]) -> list[tuple[str, str, bool]]:
    """Return path, real path and whether it is a link, outermost first, without what lies in another one."""
    found: list[tuple[str, str, bool]] = []
    for path in sorted(paths, key=lambda path: path.count("/")):
        below = any(path.startswith(f"{outer}/") for outer, _, link in found if not link)
        if not below and os.path.lexists(path):
            found.append((path, os.path.realpath(path), os.path.islink(path)))
    return found


def _show(path: tuple[str, str, bool], rootfs: str, layers: _Layers, *, read_only: bool) -> None:
    """Let a file or folder of this machine show through where the image has nothing."""
    target, source, is_link = path
    inside = os.path.realpath(rootfs_path := "." + rootfs + target)
    if is_link and not os.path.lexists(target):
        _ensure_folder(os.path.dirname(target))
        os.symlink(os.readlink("." + target), target)
    elif not os.path.lexists(target):
        _bind(source, target)
        linux.make_read_only(target)
    elif (
        os.path.isdir("." + source)
        and os.path.isdir(rootfs_path)
        and not os.path.islink(target)
        and inside.endswith(rootfs + target)
    ):
        layers.mount([rootfs_path, "." + source], target, writable=not read_only)


def _system_folders() -> None:
    plain = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    for path in ("/proc", "/sys", "/dev"):
        _ensure_folder(path)
    linux.mount("proc", "/proc", "proc", plain)
    for name in _READ_ONLY_PROC:
        if os.path.exists(f"/proc/{name}"):
            linux.mount(f"/proc/{name}", f"/proc/{name}", flags=linux.MS_BIND | linux.MS_REC)
            linux.make_read_only(f"/proc/{name}")
    try:
        linux.mount("sysfs", "/sys", "sysfs", plain)
    except OSError:  # refused where parts of the machine's /sys are hidden, as in Docker
        linux.mount("./sys", "/sys", flags=linux.MS_BIND | linux.MS_REC)
    linux.make_read_only("/sys")
    linux.mount("tmpfs", "/dev", "tmpfs", linux.MS_NOSUID, "mode=0755,size=64k")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"/dev/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"/dev/{name}")
    terminals = "newinstance,ptmxmode=0666,mode=0620"
    linux.mount("devpts", "/dev/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, terminals)
    linux.mount("tmpfs", "/dev/shm", "tmpfs", plain, "mode=1777")  # noqa: S108 - the container's own
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")
    if not os.path.exists(_TMP):
        os.mkdir(_TMP)
        os.chmod(_TMP, 0o1777)  # noqa: S103 - as any system has it


def _ensure_folder(path: str) -> None:
    """Make a folder; a link on its way may lead to what the image hasn't made, as ``/var/run -> /run`` does."""
    os.makedirs(os.path.realpath(path), exist_ok=True)


def _ensure_file(path: str) -> None:
    _ensure_folder(os.path.dirname(path))
    if os.path.islink(path):  # may lead nowhere
        os.unlink(path)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def _bind(source: str, target: str) -> None:
    """Let the container see ``source``, a real path of this machine, at ``target``."""
    if os.path.isdir("." + source):
        _ensure_folder(target)
    elif not os.path.exists(target):
        _ensure_file(target)
    linux.mount("." + source, target, flags=linux.MS_BIND | linux.MS_REC)
