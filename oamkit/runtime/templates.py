"""Asks CUE on behalf of all controllers and webhooks: each question once, one at a time, beside the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from oamkit.errors import OamKitError
from oamkit.oam.schematic import CueCall
from oamkit.oam.world import CallFact

__all__ = ["Answer", "Templates"]

Answer = Callable[[CueCall], CallFact]
KEPT: Final = 2000
"""How many answers are kept. A question holds all that its answer depends on, so none goes stale."""
PASSING: Final = ("cue-limit", "missing-tool")
"""Errors that are no answer: the machine was busy, or the program isn't there yet."""


def cue_answer(call: CueCall) -> CallFact:
    """Ask the cue program; imported when the first template comes."""
    from oamkit.cue.schematic import answer

    return answer(call)


class Templates:
    """The answers to what templates ask.

    CUE runs once at a time: its memory comes on top of the runtime's own, within the limit of one container.

    Args:
        ask: Asks; in a thread, so it may take its time.
    """

    def __init__(self, ask: Answer = cue_answer) -> None:
        self._ask = ask
        self._known: OrderedDict[CueCall, asyncio.Future[CallFact]] = OrderedDict()
        self._turn = asyncio.Lock()

    async def answer(self, call: CueCall) -> CallFact:
        """Return what CUE answers, or why it doesn't."""
        found = self._known.get(call)
        if found is None:
            found = asyncio.ensure_future(self._asked(call))
            self._known[call] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(call)
        return await asyncio.shield(found)

    async def _asked(self, call: CueCall) -> CallFact:
        try:
            async with self._turn:
                found = await asyncio.to_thread(self._ask, call)
        except BaseException:
            self._known.pop(call, None)
            raise
        if isinstance(found, OamKitError) and found.code in PASSING:
            self._known.pop(call, None)
        return found
