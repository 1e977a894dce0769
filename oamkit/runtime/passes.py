"""How a pass that fails tells what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from oamkit.errors import ClusterError, OamKitError
from oamkit.kube import Object
from oamkit.oam.shape import quoted

__all__ = ["PassFailedError", "wrapping"]


class PassFailedError(OamKitError):
    """A pass didn't reach its end; the application's status and an event tell why. Never leaves the runtime.

    Args:
        reason: The event's reason, e.g. ``"CannotRenderComponents"``.
        outer: What the condition puts before the message, e.g. ``"cannot render components"``.
        cause: What went wrong.
        unsatisfied: What the application waits for, if the pass got so far.
        retry_after: Seconds until the next pass, if a hook wants its own; else the queue's.
    """

    def __init__(
        self,
        reason: str,
        outer: str,
        cause: OamKitError,
        unsatisfied: Sequence[Object] = (),
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{outer}: {cause.message}")
        self.reason = reason
        self.cause = cause
        self.unsatisfied = unsatisfied
        self.retry_after = retry_after


@contextmanager
def wrapping(outer: str, *names: str) -> Iterator[None]:
    """Put ``outer "name" …: `` before the message of what goes wrong inside; that the server is away is nobody's fault."""
    try:
        yield
    except ClusterError:
        raise
    except OamKitError as error:
        where = " ".join([outer, *map(quoted, names)])
        raise OamKitError(f"{where}: {error.message}", hint=error.hint) from error
