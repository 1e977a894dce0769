"""Finds out whether this machine allows the namespaced layout, and if not, why.

Refusals that are known: a sysctl that switches user namespaces off (some hardened kernels), AppArmor's restriction of them
(Ubuntu since 23.10), the seccomp filter of Docker and Podman, and a ``/proc`` that is partly hidden, as in most containers.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from oamkit.errors import CommandError, MissingToolError
from oamkit.process import Runner, SubprocessRunner
from oamkit.sandbox.shim_client import BOOT

__all__ = ["namespaces_refused"]

SECONDS = 20.0  # a tenth of one is usual; a busy machine must not be taken for one that refuses
_UNSHARE = ("unshare", "-Urnm", "--pid", "--fork", "--kill-child", "--mount-proc")
_SYSCTLS = {
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "AppArmor restricts user namespaces: the sysctl kernel.apparmor_restrict_unprivileged_userns is 1",
    ),
    "kernel/unprivileged_userns_clone": (
        "0",
        "user namespaces are switched off: the sysctl kernel.unprivileged_userns_clone is 0",
    ),
    "user/max_user_namespaces": (
        "0",
        "user namespaces are switched off: the sysctl user.max_user_namespaces is 0",
    ),
}


def namespaces_refused(runner: Runner | None = None, proc: Path = Path("/proc")) -> str | None:
    """Try what the namespaced layout needs, in a process that ends at once; takes 0.1 s.

    Args:
        runner: What runs it; a real one by default.
        proc: Where to look for the cause.

    Returns:
        Why not, in words that can follow "because"; ``None`` if this machine allows it.
    """
    if sys.platform != "linux":
        return "only Linux has namespaces"
    with tempfile.TemporaryDirectory(prefix="oamkit-probe-") as folder:
        try:
            done = (runner or SubprocessRunner()).run(
                [*_UNSHARE, *BOOT, "shim_probe", folder], timeout=SECONDS, check=False
            )
        except MissingToolError:
            return "the program unshare isn't there (package util-linux)"
        except CommandError:
            return f"trying it took more than {SECONDS:.0f} s"
    if done.returncode == 0:
        return None
    words = done.stdout.strip() or (done.stderr.strip().splitlines() or ["unshare failed"])[-1]
    cause = _cause(proc)
    return f"{cause} ({words})" if cause else words


def _cause(proc: Path) -> str:
    for name, (refusing, words) in _SYSCTLS.items():
        try:
            if (proc / "sys" / name).read_text().strip() == refusing:
                return words
        except OSError:  # this kernel doesn't have it
            continue
    try:
        status = (proc / "self/status").read_text()
    except OSError:
        return ""
    if "\nSeccomp:\t2\n" in status:
        return "a seccomp filter refuses system calls, as in a container of Docker or Podman"
    return ""
