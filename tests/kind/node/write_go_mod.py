"""Write ``kube/go.mod`` and ``kube/go.sum`` anew from those of ``binaries/go``: the same versions, and what the kubelet needs besides.

python tests/kind/node/write_go_mod.py
"""

from __future__ import annotations

import subprocess
from pathlib import Path

MODULE = Path(__file__).resolve().parent / "kube"
BINARIES = Path(__file__).resolve().parents[3] / "binaries" / "go"


def main() -> None:
    """Rewrite them."""
    text = (BINARIES / "go.mod").read_text(encoding="utf-8")
    text = text.replace("module oamkit.dev/binaries", "module oamkit.dev/kindnode")
    (MODULE / "go.mod").write_text(text, encoding="utf-8")
    (MODULE / "go.sum").write_bytes((BINARIES / "go.sum").read_bytes())
    subprocess.run(["go", "mod", "tidy"], cwd=MODULE, check=True)


if __name__ == "__main__":
    main()
