"""The node image's Go programs are of the same modules as the wheel's: one build cache serves both, and one Kubernetes is tested."""

from __future__ import annotations

import re
from pathlib import Path

from support.kind.engine import NODE

ROOT = Path(__file__).parents[2]


def test_the_node_s_programs_have_the_versions_of_the_wheel() -> None:
    ours = _versions(NODE / "kube" / "go.mod")
    theirs = _versions(ROOT / "binaries" / "go" / "go.mod")
    shared = ours.keys() & theirs.keys()
    assert "k8s.io/kubernetes" in shared
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}


def _versions(go_mod: Path) -> dict[str, str]:
    text = go_mod.read_text(encoding="utf-8")
    required = re.findall(r"^(?:require )?\s*([\w./-]+\.[\w./-]+) (v\S+)", text, re.MULTILINE)
    replaced = re.findall(r"^replace (\S+) => \S+ (v\S+)", text, re.MULTILINE)
    return dict(required) | dict(replaced)
