"""Any cluster that you can reach: the kit uses it, and neither makes nor deletes it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from oamkit import show
from oamkit.cluster.api import connect
from oamkit.cluster.base import ClusterStatus, Deleted, LoadedImage
from oamkit.cluster.kind.containers import Containers
from oamkit.cluster.kind.images import NodeImages
from oamkit.cluster.kind.settings import KindSettings
from oamkit.engine import require_engine
from oamkit.errors import ClusterError, CommandError, ImageError, OamKitError
from oamkit.process import Runner
from oamkit.provider import Choice, ProviderName

__all__ = ["KubeconfigProvider"]

URL_VARIABLE = "OAMKIT_URL"
"""Names where the cluster's Ingress answers, e.g. ``http://192.0.2.7``: only you know it."""


class KubeconfigProvider:
    """The cluster of the current context of ``KUBECONFIG`` or ``~/.kube/config``.

    Args:
        choice: Why it is this one.
        runner: Runs docker, kind and kubectl.
        environ: Environment variables; this process's by default.
    """

    name = ProviderName.KUBECONFIG

    def __init__(
        self, choice: Choice, runner: Runner, environ: Mapping[str, str] | None = None
    ) -> None:
        self._choice = choice
        self._runner = runner
        self._environ = os.environ if environ is None else environ

    def ensure(self) -> ClusterStatus:
        """Check that the cluster answers.

        Raises:
            ClusterError: It doesn't.
        """
        connect(self.kubeconfig()).request("GET", "/version")
        return self.status()

    def delete(self) -> Deleted:
        """Refuse: it isn't ours.

        Raises:
            ClusterError: Always.
        """
        raise ClusterError(
            f"The cluster of {self.kubeconfig()} isn't ours, so we don't delete it.",
            hint="Delete what you applied with delete(…), and the runtime with helm.uninstall(…).",
            code="not-ours",
        )

    def status(self) -> ClusterStatus:
        """See :meth:`oamkit.cluster.base.Provider.status`."""
        version = ""
        with contextlib.suppress(OamKitError):  # a cluster that doesn't answer is an answer
            version = connect(self.kubeconfig()).request("GET", "/version").get("gitVersion", "")
        return ClusterStatus(
            provider=self.name,
            reason=self._choice.reason,
            running=bool(version),
            url=self.url() + "/" if version else "",
            kubeconfig=self.kubeconfig(),
            version=version,
            ours=False,
        )

    def kubeconfig(self) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.kubeconfig`."""
        named = self._environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        file = Path(named).expanduser() if named else Path.home() / ".kube" / "config"
        if not file.is_file():
            raise ClusterError(
                f"There is no kubeconfig {file}.",
                hint="Name one in KUBECONFIG, or let the kit make a cluster: OAMKIT_PROVIDER=sandbox.",
                code="kubeconfig",
            )
        return file

    def url(self) -> str:
        """See :meth:`oamkit.cluster.base.Provider.url`."""
        return self._environ.get(URL_VARIABLE, "http://localhost").rstrip("/")

    def load_image(self, tag: str) -> LoadedImage:
        """Load the image into nodes that are containers of kind here; else push it to the registry that its name begins with."""
        kind = self._kind_cluster()
        if kind is not None:
            settings = KindSettings(cluster=kind)
            containers = Containers(self._runner, settings, self.kubeconfig())
            copied = NodeImages(containers, settings).load(tag)
            detail = "loaded into the nodes" if copied else "the nodes have it already"
            return LoadedImage(tag, detail, changed=copied)
        engine = require_engine(self._runner)
        argv = [engine.program, "push", tag]
        show.command(argv)
        try:
            self._runner.run(argv, timeout=600)
        except CommandError as error:
            raise ImageError(
                f"The image {tag} can't be pushed: {error.stderr.strip()}",
                hint="The nodes of this cluster pull images from a registry: name it in the tag, e.g. registry.example/flask-sample:v1.",
            ) from error
        return LoadedImage(tag, "pushed to its registry", changed=True)

    def _kind_cluster(self) -> str | None:
        """Return the name of the kind cluster that this is, if it is one: kind tells it to each node."""
        nodes = connect(self.kubeconfig()).request("GET", "/api/v1/nodes")["items"]
        found = {node["spec"].get("providerID", "") for node in nodes}
        # kind://docker/NAME/NODE (kind's ``pkg/cluster/internal/kubeadm/config.go``)
        names = {each.split("/")[3] for each in found if each.startswith("kind://")}
        return names.pop() if len(names) == 1 else None

    def export_logs(self, folder: Path) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.export_logs`."""
        argv = [
            "kubectl",
            "cluster-info",
            "dump",
            "--all-namespaces",
            f"--output-directory={folder}",
        ]
        show.command(argv)
        environ = {**self._environ, "KUBECONFIG": str(self.kubeconfig())}
        self._runner.run(argv, timeout=300, env=environ)
        return folder
