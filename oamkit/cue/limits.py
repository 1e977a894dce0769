"""How much one call of CUE may take, and what stops it: a template may come from anybody, and CUE's are programs."""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["DEFAULT", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call of CUE may take; the call that takes more is stopped, and nothing else is.

    ===========  ================================================================================================
    ``seconds``  from start to end; also, doubled, of processor time, should we be stopped ourselves meanwhile
    ``memory``   bytes that the program may write to (Linux: ``RLIMIT_DATA``; elsewhere only its collector's goal)
    ``output``   bytes of result and messages
    ===========  ================================================================================================

    Example:
        >>> Limits(seconds=2).memory == Limits().memory
        True
    """

    seconds: float = 20.0
    memory: int = 1 << 30
    output: int = 32 << 20

    def environ(self) -> dict[str, str]:
        """Return what tells Go's collector to work harder before the memory is used up."""
        return {"GOMEMLIMIT": str(self.memory * 3 // 4), "GOTRACEBACK": "none"}

    def bind(self, pid: int) -> None:
        """Bind a process that has just started.

        From outside, and not between fork and exec: there no Python code is safe in a process that has threads.
        """
        if sys.platform != "linux":
            return
        import resource

        processor = int(2 * self.seconds) + 2
        for limit, value in (
            (resource.RLIMIT_DATA, self.memory),
            (resource.RLIMIT_CPU, processor),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.prlimit(pid, limit, (value, value))


DEFAULT = Limits()
