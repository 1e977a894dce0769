"""kind: Kubernetes in Docker containers."""

from __future__ import annotations

from pathlib import Path

from oamkit import paths, show
from oamkit.cluster import kit
from oamkit.cluster.api import connect
from oamkit.cluster.base import ClusterStatus, Deleted, LoadedImage
from oamkit.errors import ClusterError, CommandError, ImageError, OamKitError
from oamkit.process import Runner
from oamkit.provider import Choice, ProviderName
from oamkit.sandbox import ports

__all__ = ["KindProvider"]

CLUSTER = "oamkit"
"""The name of our cluster among those of kind."""

NODE = f"{CLUSTER}-control-plane"
"""The container of its one node, as kind names it."""


class KindProvider:
    """A cluster made by ``scripts/create-cluster.sh``.

    Args:
        choice: Why it is kind.
        runner: Runs kind and docker.
    """

    name = ProviderName.KIND

    def __init__(self, choice: Choice, runner: Runner) -> None:
        self._choice = choice
        self._runner = runner

    def ensure(self) -> ClusterStatus:
        """Make the cluster if there is none. See :meth:`oamkit.cluster.base.Provider.ensure`."""
        new = not self._exists()
        if new:
            script = Path("scripts") / "create-cluster.sh"
            options = [*_port("--http-port", 80, 8080), *_port("--https-port", 443, 8443)]
            show.command([script, *options])
            self._runner.run([kit.root() / script, *options], timeout=600)
        self._write_kubeconfig()
        return self._status(changed=new)

    def delete(self) -> Deleted:
        """See :meth:`oamkit.cluster.base.Provider.delete`."""
        there = self._exists()
        if there:
            argv = ["kind", "delete", "cluster", "--name", CLUSTER]
            show.command(argv)
            self._runner.run(argv, timeout=180)
        self._file.unlink(missing_ok=True)
        return Deleted(f"the kind cluster {CLUSTER}", there)

    def status(self) -> ClusterStatus:
        """See :meth:`oamkit.cluster.base.Provider.status`."""
        return self._status(changed=False)

    def kubeconfig(self) -> Path:
        """See :meth:`oamkit.cluster.base.Provider.kubeconfig`."""
        if not self._file.exists():
            if not self._exists():
                raise ClusterError(
                    f"There is no kind cluster {CLUSTER}.", hint="Make it: cluster.ensure()."
                )
            self._write_kubeconfig()
        return self._file

    def url(self) -> str:
        """Ask Docker which port of this machine leads to the node's port 80."""
        done = self._runner.run(["docker", "port", NODE, "80/tcp"], timeout=15)
        for line in done.stdout.splitlines():
            _, _, port = line.strip().rpartition(":")
            if port.isdigit():
                return "http://localhost" + ("" if port == "80" else f":{port}")
        raise ClusterError(
            f"The container {NODE} doesn't publish its port 80.",
            hint="Make the cluster anew: cluster.delete(), then cluster.ensure().",
        )

    def load_image(self, tag: str) -> LoadedImage:
        """See :meth:`oamkit.cluster.base.Provider.load_image`."""
        try:
            self._runner.run(["docker", "image", "inspect", tag], timeout=30)
        except CommandError as error:
            raise ImageError(
                f"Docker has no image {tag}.", hint=f"Build it: images.build(…, {tag!r})."
            ) from error
        argv = ["kind", "load", "docker-image", tag, "--name", CLUSTER]
        show.command(argv)
        self._runner.run(argv, timeout=300)
        return LoadedImage(tag, "loaded into the node", changed=True)

    @property
    def _file(self) -> Path:
        return paths.data() / "kind" / "kubeconfig"

    def _exists(self) -> bool:
        done = self._runner.run(["kind", "get", "clusters"], timeout=30)
        return CLUSTER in done.stdout.split()

    def _write_kubeconfig(self) -> None:
        text = self._runner.run(["kind", "get", "kubeconfig", "--name", CLUSTER], timeout=30).stdout
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.touch(mode=0o600)
        self._file.write_text(text, encoding="utf-8")

    def _status(self, *, changed: bool) -> ClusterStatus:
        running, version, url = False, "", ""
        try:
            version = connect(self.kubeconfig()).request("GET", "/version").get("gitVersion", "")
            running, url = True, self.url() + "/"
        except OamKitError:  # a cluster that isn't there or doesn't answer is an answer
            running = bool(version)
        return ClusterStatus(
            provider=self.name,
            reason=self._choice.reason,
            running=running,
            url=url,
            kubeconfig=self._file if self._file.exists() else None,
            version=version,
            changed=changed,
        )


def _port(option: str, usual: int, other: int) -> list[str]:
    """Return the option that names a port, unless the usual one is free."""
    with ports.listen(option, asked=None, last=None, usual=(usual, other)) as listener:
        port = listener.getsockname()[1]
    return [] if port == usual else [option, str(port)]
