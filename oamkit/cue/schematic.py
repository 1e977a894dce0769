"""Asks CUE what a definition's template makes: the other half of :mod:`oamkit.oam.schematic`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from oamkit.cue.errors import CueLimitError, Problem, parse
from oamkit.cue.limits import Limits
from oamkit.cue.program import Program
from oamkit.errors import MissingToolError, OamKitError, RenderError
from oamkit.oam.schematic import CueCall

__all__ = ["LIMITS", "answer"]

LIMITS = Limits(seconds=4.0, memory=160 << 20, output=4 << 20)
"""A webhook has 5 s for its answer, and the runtime's container 256 MiB. The largest object of the API has 3 MB."""
SHOWN = 5
"""How many problems a message tells."""


def answer(call: CueCall, limits: Limits = LIMITS) -> dict[str, Any] | OamKitError:
    """Return what CUE answers to a call; of a check that finds nothing wrong, ``{}``; or what is wrong, as an error.

    Args:
        call: What to ask.
        limits: What the call may take.
    """
    verb = ["vet", "--concrete=false"] if call.check else ["export", "--out=json"]
    try:
        done = Program().run([*verb, "--all-errors", "-"], input=call.source, limits=limits)
    except MissingToolError:
        return RenderError(
            f"{call.what} has a CUE template, but the program cue isn't there",
            hint="The runtime's image needs the wheel oamkit-binaries: docs/cue.md says how it gets in.",
            code=MissingToolError.default_code,
            docs="cue.md",
        )
    except CueLimitError as error:
        return RenderError(
            f"{call.what}: {error.message}", hint=error.hint, code=error.code, docs="cue.md"
        )
    if done.returncode == 0:
        return json.loads(done.stdout) if done.stdout.strip() else {}
    told = [_told(problem, call) for problem in parse(done.stderr)]
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return RenderError(f"{call.what}: {'; '.join(told[:SHOWN])}{more}", docs="cue.md")


def _told(problem: Problem, call: CueCall) -> str:
    """Say a problem in one line; places below the template are what was given to it."""
    places = [
        str(replace(place, file=call.file)) for place in problem.places if place.line <= call.lines
    ]
    path = f"{problem.path}: " if problem.path else ""
    return f"{places[0]}: {path}{problem.message}" if places else f"{path}{problem.message}"
