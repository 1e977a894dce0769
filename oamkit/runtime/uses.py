"""Who uses what: from an object or kind to the applications that read it in their last pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Uses"]

U = TypeVar("U", bound=Hashable)
T = TypeVar("T", bound=Hashable)


class Uses(Generic[U, T]):
    """Users and the things that they use, to be asked in both directions.

    Example:
        >>> uses = Uses[str, str]()
        >>> uses.add("shop", ["cart", "web"]); uses.add("blog", ["web"])
        >>> sorted(uses.of("web"))
        ['blog', 'shop']
        >>> uses.replace("shop", ["cart"])
        >>> uses.of("web")
        frozenset({'blog'})
    """

    def __init__(self) -> None:
        self._things: defaultdict[U, set[T]] = defaultdict(set)
        self._users: defaultdict[T, set[U]] = defaultdict(set)

    def add(self, user: U, things: Iterable[T]) -> None:
        """Note that ``user`` uses ``things`` too. Note it before reading them: then no change in between is missed."""
        for thing in things:
            self._things[user].add(thing)
            self._users[thing].add(user)

    def replace(self, user: U, things: Iterable[T]) -> None:
        """Note that ``user`` uses just ``things``; none if it is gone."""
        kept = set(things)
        for thing in self._things.pop(user, set()) - kept:
            self._users[thing].discard(user)
            if not self._users[thing]:
                del self._users[thing]
        if kept:
            self.add(user, kept)

    def of(self, thing: T) -> frozenset[U]:
        """The users of a thing."""
        return frozenset(self._users.get(thing, ()))
