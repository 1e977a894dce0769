"""Which endpoint of a Service the next client gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

__all__ = ["Balancer"]

Address = tuple[str, int]

MAX_CLIENTS = 4096
"""So many clients are remembered for one port at most; the one that was away longest is forgotten first."""


class Balancer:
    """Deals out the endpoints of one Service port.

    Args:
        backends: The endpoints' addresses; at least one.
        affinity: Seconds after which a client that came back may get another endpoint; 0 deals them out in turn.
        clock: Seconds that only go up.

    Example:
        >>> balancer = Balancer([("10.244.0.2", 80), ("10.244.0.3", 80)])
        >>> [balancer.candidates("10.244.0.9")[0][0] for _ in range(3)]
        ['10.244.0.2', '10.244.0.3', '10.244.0.2']
    """

    def __init__(
        self,
        backends: Sequence[Address],
        affinity: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backends = list(backends)
        self._affinity = affinity
        self._clock = clock
        self._turn = 0
        self._clients: dict[str, tuple[Address, float]] = {}

    def update(self, other: Balancer) -> None:
        """Take over the endpoints and the affinity of another one, and keep what is known of clients."""
        self.backends = other.backends
        self._affinity = other._affinity

    def candidates(self, client: str) -> list[Address]:
        """Return all endpoints in the order in which to try them for a client.

        Args:
            client: The client's address.
        """
        chosen, seen = self._clients.get(client, (None, 0.0))
        lasting = self._affinity and self._clock() - seen < self._affinity
        if chosen in self.backends and lasting:
            first = self.backends.index(chosen)
        else:
            first = self._turn % len(self.backends)
            self._turn += 1
        return self.backends[first:] + self.backends[:first]

    def remember(self, client: str, backend: Address) -> None:
        """Note which endpoint a client has got."""
        if not self._affinity:
            return
        self._clients.pop(client, None)
        self._clients[client] = (backend, self._clock())
        while len(self._clients) > MAX_CLIENTS:
            del self._clients[next(iter(self._clients))]
