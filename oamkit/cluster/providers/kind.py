"""kind: Kubernetes in Docker containers."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oamkit import paths, show
from oamkit.cluster import kit
from oamkit.cluster.api import Api, connect
from oamkit.cluster.base import ClusterStatus, Deleted, LoadedImage, Part
from oamkit.cluster.kind.containers import LABEL, Containers
from oamkit.cluster.kind.images import NodeImages
from oamkit.cluster.kind.ingress import IngressController
from oamkit.cluster.kind.settings import KindSettings
from oamkit.errors import ClusterError, CommandError, OamKitError
from oamkit.process import Runner
from oamkit.provider import Choice, ProviderName

__all__ = ["KindProvider"]

CREATE_SECONDS = 900.0
"""How long the script may take: it may have to fetch a node image of 400 MB."""

API_SECONDS = 120.0
"""How long the API of a cluster whose nodes run may take to answer."""

NETWORK = "kind"
"""The network that kind makes for its nodes, and leaves."""


class KindProvider:
    """A cluster made by ``scripts/create-cluster.sh``, with an ingress controller.

    Args:
        choice: Why it is kind.
        runner: Runs kind, kubectl and docker.
        settings: What a person has set; read from the environment by default.
    """

    name = ProviderName.KIND

    def __init__(
        self, choice: Choice, runner: Runner, settings: KindSettings | None = None
    ) -> None:
        self._choice = choice
        self._settings = settings or KindSettings.read()
        self._containers = Containers(runner, self._settings, self._file)
        self._images = NodeImages(self._containers, self._settings)
        self._ingress = IngressController(self._containers, self._images, self._settings)

    def ensure(self) -> ClusterStatus:
        """Make the cluster, start its nodes or mend it, whichever is needed. See :meth:`oamkit.cluster.base.Provider.ensure`."""
        with self._alone():
            nodes = self._containers.nodes()
            running = bool(nodes) and all(node.state == "running" for node in nodes)
            changed = not (running and self._containers.complete())
            if changed:
                self._create()
            self._write_kubeconfig()
            changed |= self._ingress.ensure(self._wait_for_api())
        return self._status(changed=changed)

    def delete(self) -> Deleted:
        """See :meth:`oamkit.cluster.base.Provider.delete`."""
        name = self._settings.cluster
        with self._alone():
            there = bool(self._containers.nodes())
            if there:
                argv = ["kind", "delete", "cluster", "--name", name]
                # The script, called by hand, has put the cluster into the person's own kubeconfig too.
                theirs = os.environ.get("KUBECONFIG", "") or str(Path.home() / ".kube" / "config")
                files = f"{self._file}{os.pathsep}{theirs}"
                self._containers.run(argv, timeout=180, shown=argv, kubeconfig=files)
            self._remove_network()
            self._file.unlink(missing_ok=True)
        return Deleted(f"the kind cluster {name}", there)

    def status(self) -> ClusterStatus:
        """See :meth:`oamkit.cluster.base.Provider.status`."""
        return self._status(changed=False)

    def kubeconfig(self) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.kubeconfig`."""
        if not self._file.exists():
            if not self._containers.nodes():
                raise ClusterError(
                    f"There is no kind cluster {self._settings.cluster}.",
                    hint="Make it: cluster.ensure().",
                    code="no-cluster",
                )
            self._write_kubeconfig()
        return self._file

    def url(self) -> str:
        """Ask the engine which port of this machine leads to the node's port 80."""
        node = self._settings.node
        done = self._containers.docker("port", node, "80/tcp", check=False)
        for line in done.stdout.splitlines():
            _, _, port = line.strip().rpartition(":")
            if port.isdigit():
                return "http://localhost" + ("" if port == "80" else f":{port}")
        raise ClusterError(
            f"The container {node} doesn't publish its port 80, or doesn't run.",
            hint="Make or start the cluster: cluster.ensure(). If that doesn't help, delete it first: cluster.delete().",
            code="no-cluster",
        )

    def load_image(self, tag: str) -> LoadedImage:
        """See :meth:`oamkit.cluster.base.Provider.load_image`."""
        copied = self._images.load(tag)
        detail = "loaded into the nodes" if copied else "the nodes have it already"
        return LoadedImage(tag, detail, changed=copied)

    def export_logs(self, folder: Path) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.export_logs`."""
        argv: list[str | Path] = [
            "kind",
            "export",
            "logs",
            folder,
            "--name",
            self._settings.cluster,
        ]
        self._containers.run(argv, timeout=180, shown=argv)
        return folder

    @property
    def _file(self) -> Path:
        return paths.data() / self._settings.cluster_folder / "kubeconfig"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time make or delete the cluster; two notebooks may ask for it at once."""
        with (paths.runtime() / f"kind-{self._settings.cluster}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # kind's own lock on our file is a file beside it; whoever left it there is gone, since we hold ours.
            self._file.with_name("kubeconfig.lock").unlink(missing_ok=True)
            yield

    def _create(self) -> None:
        """Run the script: it makes the cluster, starts its nodes, or makes it anew if it is only half there.

        Raises:
            ClusterError: It can't; the message holds the script's own last words.
        """
        self._images.unpack_archives()
        script = Path("scripts") / "create-cluster.sh"
        settings = self._settings
        options: list[str | Path] = []
        for option, value in (
            ("--name", settings.cluster if settings.cluster != KindSettings.cluster else ""),
            ("--image", settings.node_image),
            ("--mirror", "" if settings.node_image else settings.mirror),
        ):
            options += [option, value] if value else []
        logs = paths.data() / settings.cluster_folder / "logs" / time.strftime("%Y%m%d-%H%M%S")
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._containers.run(
                [kit.root() / script, *options, "--logs", logs],
                timeout=CREATE_SECONDS,
                progress=lambda line: show.say(f"  {line}", "dim") if line.strip() else None,
                shown=[script, *options],
            )
        except CommandError as error:
            lines = error.stderr.splitlines()
            told = [line for line in lines if line.startswith(("create-cluster: ", "Hint: "))]
            message = told[0].removeprefix("create-cluster: ") if told else str(error)
            hint = told[1].removeprefix("Hint: ") if len(told) > 1 else ""
            if logs.is_dir():
                hint = f"{hint} The nodes' logs are in {logs}.".strip()
            raise ClusterError(
                f"The kind cluster can't be made: {message}",
                hint=hint or "Run it again: what is half done is finished or made anew.",
                code="kind-create",
                docs="kind.md#when-something-doesnt-work",
            ) from error

    def _wait_for_api(self) -> Api:
        """Wait until the API answers: nodes that were started just now need a moment."""
        api = connect(self._file)
        deadline = time.monotonic() + API_SECONDS
        while True:
            try:
                api.request("GET", "/version")
            except OamKitError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"The API of the kind cluster doesn't answer within {API_SECONDS:.0f} s: {error.message}",
                        hint="Look into its logs: cluster.export_logs(). Or make it anew: cluster.delete(), then cluster.ensure().",
                        code="no-api",
                    ) from error
                time.sleep(1)
            else:
                return api

    def _write_kubeconfig(self) -> None:
        argv = ["kind", "get", "kubeconfig", "--name", self._settings.cluster]
        text = self._containers.run(argv).stdout
        if self._file.is_file() and self._file.read_text(encoding="utf-8") == text:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._file.with_name("kubeconfig.new")
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(self._file)

    def _remove_network(self) -> None:
        """Remove kind's network, unless other clusters of kind use it."""
        others = self._containers.docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}")
        if not others.stdout.strip():
            self._containers.docker("network", "rm", NETWORK, check=False)

    def _status(self, *, changed: bool) -> ClusterStatus:
        version, url = "", ""
        parts: tuple[Part, ...] = ()
        with suppress(OamKitError):  # a cluster that isn't there or doesn't answer is an answer
            parts = self._containers.nodes()
            api = connect(self.kubeconfig())
            version = api.request("GET", "/version").get("gitVersion", "")
            url = self.url() + "/"
            parts = (*parts, Part("traefik", self._ingress.state(api)))
        return ClusterStatus(
            provider=self.name,
            reason=self._choice.reason,
            running=bool(version),
            url=url,
            kubeconfig=self._file if self._file.exists() else None,
            version=version,
            parts=parts,
            changed=changed,
        )
