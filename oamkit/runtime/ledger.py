"""What we know of objects since we applied them, to tell which of them need it again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from oamkit.kube import Key, Object, Resource
from oamkit.runtime import children

__all__ = ["Ledger", "Place"]

Place = tuple[Resource, str]
"""An object of the user's namespace, by kind and name."""


@dataclass(frozen=True, slots=True)
class _Applied:
    desired: str
    uid: str
    owned: str


class Ledger:
    """Objects by the key of the application or workload that they are of.

    Live objects are projected ones, see :mod:`oamkit.runtime.children`.
    """

    def __init__(self) -> None:
        self._applied: dict[Key, dict[Place, _Applied]] = {}

    def stands(self, user: Key, place: Place, desired: Object, live: Object | None) -> bool:
        """Whether the object is still what was applied, and that is still what is desired."""
        before = self._applied.get(user, {}).get(place)
        return before is not None and live is not None and before == _applied(desired, live)

    def note(self, user: Key, place: Place, desired: Object, live: Object) -> None:
        """Note that ``desired`` was applied, and what that made of the object."""
        self._applied.setdefault(user, {})[place] = _applied(desired, live)

    def is_news(self, user: Key, place: Place, live: Object) -> bool:
        """Whether an object isn't any more what was made of it."""
        before = self._applied.get(user, {}).get(place)
        now = live["metadata"]["uid"], children.owned(live)
        return before is None or (before.uid, before.owned) != now

    def keep(self, user: Key, places: Collection[Place]) -> None:
        """Forget all objects but these."""
        applied = self._applied.get(user, {})
        self._applied[user] = {key: value for key, value in applied.items() if key in places}

    def places(self, user: Key) -> list[Place]:
        """All objects that were applied for a user."""
        return list(self._applied.get(user, {}))

    def forget(self, user: Key) -> None:
        """Forget all objects."""
        self._applied.pop(user, None)


def _applied(desired: Object, live: Object) -> _Applied:
    return _Applied(children.digest(desired), live["metadata"]["uid"], children.owned(live))
