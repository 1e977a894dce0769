"""A Docker engine for the tests of kind: the one that runs here, or in CI one of our own that is gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NODE = Path(__file__).parents[2] / "kind" / "node"
"""The files that the node image is made of."""

PACKAGES = ("docker.io", "iptables", "jq", "debootstrap", "iproute2")
CAP_SYS_RESOURCE = 24


def answers(host: str | None = None) -> bool:
    """Whether a Docker engine answers."""
    environ = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    try:
        done = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True, text=True, env=environ, timeout=20, check=False,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def install() -> None:
    """Install Debian's docker.io and what the images are made with, unless they are there. As root, in CI only."""
    needed = ("dockerd", "iptables", "jq", "debootstrap", "ip")
    if all(shutil.which(name) for name in needed):
        return
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq"]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Lists of other registries than Debian's may fail; what is needed is Debian's.
    subprocess.run([*apt, "update"], env=environ, capture_output=True, check=False)
    done = subprocess.run(
        [*apt, "install", "--yes", "--no-install-recommends", *PACKAGES],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"apt-get can't install {PACKAGES}:\n{done.stdout}{done.stderr}"


class Engine:
    """A dockerd with a socket of its own: nothing else on this machine takes it for the machine's engine.

    Its images and containers are kept in the cache, so that a second run finds the images that the first one built.

    Args:
        data: Where it keeps them.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        # dockerd's sockets lie below: their paths may have no more than 107 bytes
        self.work = Path(tempfile.mkdtemp(prefix="oamkit-docker-", dir="/tmp"))
        self.host = f"unix://{self.work}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What dockerd says."""
        return self.work / "dockerd.log"

    def start(self) -> None:
        """Start dockerd and wait until it answers."""
        config = self.work / "daemon.json"
        config.write_text(json.dumps(_config()), encoding="utf-8")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # With --pdeathsig it ends in good order even if the tests are killed.
                    "setpriv", "--pdeathsig", "TERM", "dockerd", "--config-file", config, "--host", self.host, "--data-root", self.data,
                    "--exec-root", self.work / "exec", "--pidfile", self.work / "dockerd.pid",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not answers(self.host):
            told = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            assert self._process.poll() is None, f"dockerd ended:\n{told}"
            assert time.monotonic() < deadline, f"dockerd doesn't answer:\n{told}"
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop dockerd, and with it its containerd and its containers."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self) -> None:
        """Leave nothing of it but its images: no container, network, volume, bridge, mount or file."""
        if self._process is not None:
            for what in ("container", "network", "volume"):
                self._remove_all(what)
        self.stop()
        for bridge in Path("/sys/class/net").glob("docker0"):
            subprocess.run(["ip", "link", "delete", bridge.name], check=False, capture_output=True)
        _clear(self.work, self.data)

    def docker(self, *argv: str, check: bool = True) -> str:
        """Run docker against it and return what it prints."""
        done = subprocess.run(
            ["docker", *argv], env={**os.environ, "DOCKER_HOST": self.host},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"docker {' '.join(argv)}: {done.stderr}"
        return done.stdout

    def _remove_all(self, what: str) -> None:
        options = {
            "container": (["--all"], ["--force", "--volumes"]),
            "network": (["--filter", "type=custom"], []),
            "volume": ([], []),
        }
        listing, removing = options[what]
        names = self.docker(what, "ls", "--quiet", *listing).split()
        if names:
            self.docker(what, "rm", *removing, *names, check=False)


@contextlib.contextmanager
def own_engine(cache: Path) -> Iterator[Engine]:
    """Run a dockerd of our own for the length of a ``with`` block; one at a time, since it holds the cache."""
    install()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine = Engine(cache / "docker")
        note = cache / "work"
        if note.exists():
            _clear(Path(note.read_text(encoding="utf-8")), engine.data)  # of a run that was killed
        note.write_text(str(engine.work), encoding="utf-8")
        try:
            engine.start()
            for what in ("container", "network", "volume"):  # as above
                engine._remove_all(what)
            yield engine
        finally:
            engine.remove()
            note.unlink()


def _clear(work: Path, data: Path) -> None:
    """Take away what a dockerd leaves that has ended: mounts, and its folder for sockets."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        target = line.split()[1]
        if target.startswith((str(work), str(data))):
            subprocess.run(["umount", "--lazy", target], check=False, capture_output=True)
    shutil.rmtree(work, ignore_errors=True)


def _config() -> dict[str, object]:
    """The wrapper is only used where this machine's bounding set lacks a capability that privileged containers ask for."""
    config: dict[str, object] = {"storage-driver": "overlay2"}
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd" and not int(value, 16) >> CAP_SYS_RESOURCE & 1:
            config["default-runtime"] = "bounded"
            config["runtimes"] = {"bounded": {"path": str(NODE / "runc-bounded")}}
    return config
