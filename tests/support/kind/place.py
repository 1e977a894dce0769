"""A place for kind clusters in tests: commands as a person types them, and a look at what is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.kind.engine import Engine

from oamkit.cluster.programs import ProgramRunner
from oamkit.cluster.providers.kind import KindProvider
from oamkit.provider import Choice, ProviderName

CLUSTER = "oamkit-test"
NODE = f"{CLUSTER}-control-plane"
NODES = f"{CLUSTER}-nodes"
"""The cluster of three nodes."""
CHOICE = Choice(ProviderName.KIND, "the test says so")
ROOT = Path(__file__).parents[3]


class KindPlace:
    """The engine as it is set in the environment.

    Args:
        engine: Our own dockerd; ``None`` if it is the machine's, which no test stops.
        base: The image with Python that the whole kit can be set up in.
    """

    def __init__(self, engine: Engine | None, base: str = "python:3.13-slim") -> None:
        self.engine = engine
        self.base = base
        self.runner = ProgramRunner()

    def provider(self) -> KindProvider:
        """A provider that knows nothing of what others have done."""
        return KindProvider(CHOICE, self.runner)

    def run(
        self,
        *argv: str | Path,
        timeout: float = 120,
        check: bool = True,
        input: str | None = None,
        **env: str,
    ) -> str:
        """Run a program of the kit or of this machine, and return what it prints."""
        environ = {**os.environ, **env}
        done = self.runner.run(argv, timeout=timeout, env=environ, check=check, input=input)
        return done.stdout

    def script(self, *options: str, kubeconfig: Path, timeout: float = 240) -> str:
        """Run the script by hand; return what it says."""
        argv = [ROOT / "scripts" / "create-cluster.sh", *options]
        environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        return self.runner.run(argv, timeout=timeout, env=environ).stderr

    def kubectl(
        self, *argv: str, kubeconfig: Path, timeout: float = 120, input: str | None = None
    ) -> str:
        """Run kubectl."""
        return self.run("kubectl", *argv, timeout=timeout, input=input, KUBECONFIG=str(kubeconfig))

    def get(self, *argv: str, kubeconfig: Path) -> Any:
        """Return what kubectl gets, as JSON."""
        return json.loads(self.kubectl("get", *argv, "--output", "json", kubeconfig=kubeconfig))

    def docker(self, *argv: str, check: bool = True) -> str:
        """Run docker."""
        return self.run("docker", *argv, check=check)

    def containers(self, cluster: str = CLUSTER) -> list[str]:
        """The nodes that are there, stopped ones too."""
        label = f"label=io.x-k8s.kind.cluster={cluster}"
        return sorted(
            self.docker("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()
        )

    def left(self) -> dict[str, list[str]]:
        """What is there besides images: containers, networks and volumes."""
        networks = self.docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}")
        return {
            "containers": self.docker("ps", "--all", "--format", "{{.Names}}").split(),
            "networks": networks.split(),
            "volumes": self.docker("volume", "ls", "--quiet").split(),
        }

    def python(self, code: str) -> subprocess.Popen[str]:
        """Start Python code in a process group of its own, as a shell starts a command; Ctrl-C isn't ignored, whoever runs the tests."""
        return subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-u", "-c", code], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def sweep(self) -> None:
        """Delete the clusters of the tests."""
        for cluster in (CLUSTER, NODES):
            if self.containers(cluster):
                self.run("kind", "delete", "cluster", "--name", cluster)


def eventually(condition: Callable[[], Any], *, within: float = 60, what: str = "") -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what or condition}"
        time.sleep(0.3)
