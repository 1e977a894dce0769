"""How long to wait before the next try.

A container that ends is restarted at once, then after 10 s, 20 s, 40 s … up to 300 s; one that ran for 10 minutes starts afresh.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Backoff"]

FIRST = 10.0
LAST = 300.0
RESET = 2 * LAST


@dataclass(frozen=True)
class Backoff:
    """A growing delay.

    Attributes:
        delay: Seconds to wait after the newest failure; 0 before the first one.
        updated: When the delay was last raised, in seconds since the epoch.

    Example:
        >>> backoff = Backoff().after(100.0)
        >>> backoff.until(100.0)
        110.0
        >>> backoff.after(111.0).until(111.0)
        131.0
    """

    delay: float = 0.0
    updated: float = 0.0

    def after(self, now: float) -> Backoff:
        """Return the back-off after another try at ``now``."""
        if not self.delay or now - self.updated > RESET:
            return Backoff(FIRST, now)
        return Backoff(min(self.delay * 2, LAST), now)

    def until(self, failed_at: float) -> float:
        """Return when the next try may be made after a failure; a failure long after the newest try counts as the first."""
        if failed_at - self.updated > RESET:
            return failed_at
        return failed_at + self.delay
