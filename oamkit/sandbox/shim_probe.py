"""Does in a private namespace what the namespaced layout does for a Pod, and says on standard output what failed.

It is the layout's own code that is tried, so nothing that it needs can be forgotten here. Run by :mod:`oamkit.sandbox.probe`.
"""

from __future__ import annotations

import os
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from oamkit.sandbox.network import PodNetwork
from oamkit.sandbox.shim_program import NOT_FOUND, Failure, start_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from oamkit.sandbox.shim_spec import Spec


def main(arguments: list[str]) -> int:
    """Try it in a folder; prints nothing if all of it works."""
    (name,) = arguments
    try:
        folder = Path(name)
        network = PodNetwork(IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/16"))
        network.set_up_node()
        network.connect(folder, IPv4Address("10.244.0.2"), "probe", own=True)
    except OSError as error:
        sys.stdout.write(f"a network for Pods can't be made: {error.strerror}")
        return 1
    rootfs = folder / "rootfs"
    (rootfs / "usr/local").mkdir(parents=True)
    spec: Spec = {
        "id": "probe",
        "argv": ["/no-such-program"],
        "env": {},
        "working_dir": "/",
        "stdin": False,
        "stdin_once": False,
        "tty": False,
        "isolated": True,
        "namespaces": [str(path) for path in network.namespaces(folder)],
        "rootfs": str(rootfs),
        "host_paths": ["/usr"],
        "files": {},
        "mounts": [],
        "read_only": False,
        "log": os.devnull,
        "memory_limit": 0,
    }
    try:
        start_program(spec, name)
    except Failure as failure:
        if failure.exit_code == NOT_FOUND:  # it got as far as looking for the program
            return 0
        sys.stdout.write(f"a container can't be made: {failure}")
    return 1
