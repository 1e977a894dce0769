"""Write ``go/go.mod`` and ``go/go.sum`` from the pinned versions below.

``k8s.io/kubernetes`` replaces its staging modules by folders of its own repository. Replacements don't carry over to a
module that depends on it, so this script reads them and replaces each by the published module of the same release.

Run it after changing a version: ``python tools/write_go_mod.py``.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

GO_DIR = Path(__file__).resolve().parent.parent / "go"
MODULE = "oamkit.dev/binaries"
KUBERNETES = "1.37.2"
REQUIRE = {
    "k8s.io/kubernetes": f"v{KUBERNETES}",
    "sigs.k8s.io/kind": "v0.33.0",
    "helm.sh/helm/v4": "v4.3.1",
    "cuelang.org/go": "v0.17.1",
}


def go(*args: str) -> str:
    """Run ``go`` in the module's folder and return what it prints."""
    return subprocess.run(["go", *args], cwd=GO_DIR, check=True, text=True, stdout=subprocess.PIPE).stdout


def staging_modules() -> list[str]:
    """Return the names of the modules that Kubernetes' own go.mod replaces by folders."""
    download = json.loads(go("mod", "download", "-json", f"k8s.io/kubernetes@v{KUBERNETES}"))
    replaces = json.loads(go("mod", "edit", "-json", download["GoMod"]))["Replace"]
    return [r["Old"]["Path"] for r in replaces if r["New"]["Path"].startswith("./staging/")]


def main() -> None:
    """Rewrite go.mod and go.sum."""
    for name in ("go.mod", "go.sum"):
        (GO_DIR / name).unlink(missing_ok=True)
    go("mod", "init", MODULE)
    edits = [f"-require={module}@{version}" for module, version in REQUIRE.items()]
    staging_version = "v0." + KUBERNETES.removeprefix("1.")
    edits += [f"-replace={name}={name}@{staging_version}" for name in staging_modules()]
    go("mod", "edit", *edits)
    go("mod", "tidy")


if __name__ == "__main__":
    main()
