"""What every place that a cluster can run in must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from oamkit.provider import ProviderName
from oamkit.show import Line, Rendered, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ClusterStatus", "Deleted", "LoadedImage", "Part", "Provider"]


@dataclass(frozen=True)
class Part:
    """A part of a cluster and how it is.

    Attributes:
        name: E.g. ``"kube-apiserver"``.
        state: E.g. ``"running"``.
        detail: More, e.g. ``"127.0.0.1:6443"``.
    """

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class ClusterStatus(Rendered):
    """A cluster and how it is.

    Attributes:
        provider: Where it runs.
        reason: Why there.
        running: Whether its API answers.
        url: Where its Ingress answers, e.g. ``"http://localhost:8080/"``; ``""`` while it doesn't run.
        kubeconfig: The file for kubectl; ``None`` if there is none yet.
        version: Of Kubernetes, e.g. ``"v1.37.2"``; ``""`` if not known.
        parts: Its parts.
        changed: Whether the verb that returned this made or started it.
        ours: Whether the kit made it, and so may delete it.
    """

    provider: ProviderName
    reason: str
    running: bool
    url: str = ""
    kubeconfig: Path | None = None
    version: str = ""
    parts: tuple[Part, ...] = ()
    changed: bool = False
    ours: bool = True

    def _table(self) -> Table:
        rows = [
            ("cluster", "running" if self.running else "stopped", self.version),
            ("provider", str(self.provider), self.reason),
        ]
        rows += [(part.name, part.state, part.detail) for part in self.parts]
        if self.url:
            rows.append(("Ingress", "", self.url))
        if self.kubeconfig:
            rows.append(("kubeconfig", "", str(self.kubeconfig)))
        return Table(("WHAT", "STATE", "DETAIL"), tuple(rows))

    def __rich__(self) -> RenderableType:
        return self._table().__rich__()

    def to_html(self) -> str:
        """Return it as a table."""
        return self._table().to_html()


@dataclass(frozen=True)
class Deleted(Line):
    """What became of a cluster that should be deleted.

    Attributes:
        what: E.g. ``"the sandbox"``.
        changed: Whether there was anything to delete.
    """

    what: str
    changed: bool

    def line(self) -> str:
        """Say it."""
        return f"{self.what} is deleted" if self.changed else f"{self.what} wasn't there"


@dataclass(frozen=True)
class LoadedImage(Line):
    """An image that the cluster's nodes have.

    Attributes:
        tag: Its name.
        detail: How it got there.
        changed: Whether it had to be copied.
    """

    tag: str
    detail: str
    changed: bool

    def line(self) -> str:
        """Say it."""
        return f"image {self.tag}: {self.detail}"


class Provider(Protocol):
    """A place that a cluster can run in. Its verbs can be called again: they do only what is missing."""

    @property
    def name(self) -> ProviderName:
        """Which place it is."""
        ...

    def ensure(self) -> ClusterStatus:
        """Make the cluster or start it, whichever is needed, and wait until its API answers."""
        ...

    def delete(self) -> Deleted:
        """Delete the cluster with all that is in it."""
        ...

    def status(self) -> ClusterStatus:
        """Look how it is; changes nothing."""
        ...

    def kubeconfig(self) -> Path:
        """Return the file for kubectl.

        Raises:
            ClusterError: There is no cluster.
        """
        ...

    def url(self) -> str:
        """Return where the Ingress answers, e.g. ``"http://localhost:8080"``, without a slash at the end."""
        ...

    def load_image(self, tag: str) -> LoadedImage:
        """Bring an image to the cluster's nodes.

        Raises:
            ImageError: There is no such image on this machine.
        """
        ...

    def export_logs(self, folder: Path) -> Path:
        """Write the logs of the cluster's parts to a folder, for somebody who looks for a fault.

        Raises:
            ClusterError: There is no cluster.
            CommandError: They can't be had.
        """
        ...
