"""CUE from Python: the real ``cue`` program, with Python data in and out.

    from oamkit import cue

    cue.evaluate("replicas: *1 | int", data={"replicas": 3})     # {'replicas': 3}
    cue.vet(Path("schema.cue"), Path("web.yaml"), schema="#Deployment")

In a notebook, a cell that begins with ``%%cue`` is CUE: it shows what the cell evaluates to, and fails if CUE finds something wrong.
Importing this module there is enough, and so is ``%load_ext oamkit.cue``.

Calls may be made from any number of threads. Each is bound in time, memory and output (:class:`Limits`), asks no registry and no
network, and sees neither the user's settings nor another call's files.
"""

from __future__ import annotations

from oamkit.cue.errors import CueError, CueLimitError, Place, Problem
from oamkit.cue.limits import Limits
from oamkit.cue.magic import load_ipython_extension, register_where_it_runs
from oamkit.cue.openapi import from_openapi
from oamkit.cue.verbs import Rewritten, Valid, evaluate, export, fmt, import_yaml, trim, vet

__all__ = [
    "CueError",
    "CueLimitError",
    "Limits",
    "Place",
    "Problem",
    "Rewritten",
    "Valid",
    "evaluate",
    "export",
    "fmt",
    "from_openapi",
    "import_yaml",
    "load_ipython_extension",
    "trim",
    "vet",
]

register_where_it_runs()
