"""Lets a Python program believe that it runs in a Pod of its own; loaded by ``PYTHONPATH`` in the loopback layout.

Python imports ``sitecustomize`` before any program (documentation of :mod:`site`). What this one changes:

- **addresses** (:mod:`oamkit_pod_network`): Pod 10.244.a.b lives at 127.244.a.b;
- **names** (:mod:`oamkit_pod_names`): Service names are looked up as the Pod's ``resolv.conf`` would say;
- **files** (:mod:`oamkit_pod_files`): a path that the container has below its folder is opened there.

Programs in another language aren't touched, and neither are extension modules that open files or sockets by themselves. The
modules here import nothing of the kit: the interpreter that loads them need not have it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

import oamkit_pod_files
import oamkit_pod_names
import oamkit_pod_network


def next_sitecustomize() -> None:
    """Import the ``sitecustomize`` that this one stands before, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    this = sys.modules.pop("sitecustomize")
    path = list(sys.path)
    sys.path[:] = [folder for folder in path if os.path.abspath(folder) != here]
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError:
        sys.modules["sitecustomize"] = this
    finally:
        sys.path[:] = path


if "OAMKIT_LOOPBACK" in os.environ:
    pod = json.loads(os.environ["OAMKIT_LOOPBACK"])
    oamkit_pod_network.install(pod)
    oamkit_pod_names.install(pod)
    oamkit_pod_files.install(pod)
    next_sitecustomize()
