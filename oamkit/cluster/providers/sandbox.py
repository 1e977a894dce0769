"""The sandbox: the real control plane as local processes, and a node that runs Pods as processes."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from oamkit import paths, show
from oamkit.cluster.base import ClusterStatus, Deleted, LoadedImage, Part
from oamkit.errors import ClusterError, ImageError, SandboxError
from oamkit.images import ImageStore
from oamkit.provider import Choice, ProviderName
from oamkit.sandbox.lifecycle import Sandbox
from oamkit.sandbox.state import Phase, State

__all__ = ["SandboxProvider"]


class SandboxProvider:
    """A cluster on this machine that needs neither Docker nor root.

    Args:
        choice: Why it is the sandbox.
        sandbox: The sandbox; this user's one by default.
        images: Where images are kept; this user's store by default.
    """

    name = ProviderName.SANDBOX

    def __init__(
        self,
        choice: Choice,
        sandbox: Sandbox | None = None,
        images: ImageStore | None = None,
    ) -> None:
        self._choice = choice
        self._sandbox = sandbox or Sandbox()
        self._images = images or ImageStore(paths.data() / "images")

    def ensure(self) -> ClusterStatus:
        """See :meth:`oamkit.cluster.base.Provider.ensure`."""
        before = self._state()
        starting = before is None or before.phase is not Phase.READY
        if starting:
            show.command(["oamkit", "sandbox", "up"])
        state = self._sandbox.up(progress=_Progress() if starting else None)
        return self._status(state, changed=starting)

    def delete(self) -> Deleted:
        """Stop it and delete its objects. See :meth:`oamkit.cluster.base.Provider.delete`."""
        etcd = self._sandbox.paths.etcd
        there = self._state() is not None or (etcd.is_dir() and any(etcd.iterdir()))
        if there:
            show.command(["oamkit", "sandbox", "reset"])
            self._sandbox.reset()
        return Deleted("the sandbox's cluster", there)

    def status(self) -> ClusterStatus:
        """See :meth:`oamkit.cluster.base.Provider.status`."""
        return self._status(self._state(), changed=False)

    def kubeconfig(self) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.kubeconfig`."""
        file = self._sandbox.kubeconfig
        if not file.is_file():
            raise _no_cluster("The sandbox was never started.")
        return file

    def url(self) -> str:
        """See :meth:`oamkit.cluster.base.Provider.url`."""
        state = self._state()
        if state is None:
            raise _no_cluster("The sandbox doesn't run.")
        return _url(state)

    def load_image(self, tag: str) -> LoadedImage:
        """Check that the image is there: the sandbox's node runs images right from the store that they are built into."""
        image = self._images.find(tag)
        if image is None:
            there = ", ".join(sorted(found.reference for found in self._images.images()))
            raise ImageError(
                f"There is no image {tag}.",
                hint=f"Build it: images.build(…, {tag!r}). There is: {there or 'none yet'}.",
                code="no-image",
            )
        return LoadedImage(
            tag, "the sandbox's node reads the store that it was built into", changed=False
        )

    def export_logs(self, folder: Path) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.export_logs`."""
        logs = self._sandbox.paths.logs
        if not logs.is_dir():
            raise _no_cluster("The sandbox was never started.")
        shutil.copytree(logs, folder, dirs_exist_ok=True)
        return folder

    def _state(self) -> State | None:
        with contextlib.suppress(SandboxError):  # a daemon that doesn't answer: up() mends it
            return self._sandbox.status()
        return None

    def _status(self, state: State | None, *, changed: bool) -> ClusterStatus:
        kubeconfig = self._sandbox.kubeconfig
        return ClusterStatus(
            provider=self.name,
            reason=self._choice.reason,
            running=state is not None and state.phase is Phase.READY,
            url=_url(state) + "/" if state else "",
            kubeconfig=kubeconfig if kubeconfig.is_file() else None,
            version=state.versions.get("kubernetes", "") if state else "",
            parts=tuple(
                Part(each.name, each.phase.value, each.message)
                for each in (state.components if state else ())
            ),
            changed=changed,
        )


class _Progress:
    """Prints a line for each component as it gets ready."""

    def __init__(self) -> None:
        self._said: dict[str, Phase] = {}

    def __call__(self, state: State) -> None:
        for each in state.components:
            shown = each.phase in (Phase.READY, Phase.BACKOFF, Phase.FAILED)
            if shown and self._said.get(each.name) is not each.phase:
                self._said[each.name] = each.phase
                show.say(f"  {each.name}: {each.phase.value} {each.message}".rstrip(), "dim")


def _url(state: State) -> str:
    return "http://localhost" + ("" if state.ports.http == 80 else f":{state.ports.http}")


def _no_cluster(message: str) -> ClusterError:
    return ClusterError(
        message,
        hint="Start it: cluster.ensure(), or in a terminal: oamkit sandbox up.",
        code="no-cluster",
    )
