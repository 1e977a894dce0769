"""What the verbs return: changes and objects that show themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oamkit.cluster.api import Json
from oamkit.cluster.yaml_view import YamlView, dump
from oamkit.languages import message
from oamkit.show import Rendered, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Change", "Changes", "Object", "Objects"]

UNCHANGED = message("unchanged")
"""kubectl's word for an object that was so already."""


@dataclass(frozen=True)
class Change:
    """What became of one object.

    Attributes:
        object: What kubectl calls it, e.g. ``"deployment.apps/web"``.
        verb: ``"created"``, ``"configured"``, ``"unchanged"``, ``"serverside-applied"`` or ``"deleted"``.
    """

    object: str
    verb: str


@dataclass(frozen=True)
class Changes(Rendered):
    """What became of several objects.

    Attributes:
        items: One for each object.
        empty: What to say if there is none.
    """

    items: tuple[Change, ...]
    empty: str = "Nothing to change."

    @property
    def changed(self) -> bool:
        """Whether anything is different now."""
        return any(change.verb != UNCHANGED for change in self.items)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def _table(self) -> Table:
        rows = tuple((change.object, change.verb) for change in self.items)
        return Table(("OBJECT", "CHANGE"), rows, empty=self.empty)

    def __rich__(self) -> RenderableType:
        return self._table().__rich__()

    def to_html(self) -> str:
        """Return them as a table."""
        return self._table().to_html()


class Object(Mapping[str, Any], Rendered):
    """An object of the cluster: a read-only mapping that shows itself as YAML.

    Args:
        data: The object as the API gave it.

    Example:
        >>> pod = Object({"kind": "Pod", "metadata": {"name": "web"}, "status": {"phase": "Running"}})
        >>> pod.name, pod.at("status.phase"), pod.at("status.podIP", "none yet")
        ('web', 'Running', 'none yet')
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def __getitem__(self, key: str) -> Json:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"<{self.get('kind', 'Object')} {self.name}>"

    @property
    def name(self) -> str:
        """Its ``metadata.name``."""
        return str(self.at("metadata.name", ""))

    def at(self, path: str, default: Json = None) -> Json:
        """Return the value of a field.

        Args:
            path: E.g. ``"spec.components[0].componentName"``.
            default: What to return if there is no such field.
        """
        value: Json = self._data
        for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
            try:
                value = value[int(index)] if index else value[key]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def _view(self) -> YamlView:
        return YamlView(dump(self._data))

    def __rich__(self) -> RenderableType:
        return self._view().__rich__()

    def to_html(self) -> str:
        """Return its YAML, without the fields that only machines read."""
        return self._view().to_html()


@dataclass(frozen=True)
class Objects(Rendered):
    """Several objects of one kind, with the columns that the server prints for them.

    Attributes:
        items: The objects.
        table: The server's table.
    """

    items: tuple[Object, ...]
    table: Table

    def __iter__(self) -> Iterator[Object]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Object:
        return self.items[index]

    @property
    def names(self) -> tuple[str, ...]:
        """The names."""
        return tuple(item.name for item in self.items)

    def __rich__(self) -> RenderableType:
        return self.table.__rich__()

    def to_html(self) -> str:
        """Return the server's table."""
        return self.table.to_html()
