"""Write ``go/go.mod`` and ``go/go.sum``, with new versions if any are given.

``k8s.io/kubernetes`` replaces its staging modules by folders of its own repository. Replacements don't carry over to a
module that depends on it, so this script reads them and replaces each by the published module of the same release.

    python binaries/tools/write_go_mod.py                              # write it anew at the versions it has
    python binaries/tools/write_go_mod.py k8s.io/kubernetes@v1.37.3    # … with another Kubernetes
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gobuild.module import GO_DIR, required

MODULE = "oamkit.dev/binaries"
LANGUAGE = "1.26.0"
"""The lowest Go that the modules below ask for; ``go mod tidy`` refuses a lower one."""

KUBERNETES = "k8s.io/kubernetes"
PINNED = (KUBERNETES, "sigs.k8s.io/kind", "helm.sh/helm/v4", "cuelang.org/go")
"""The modules whose versions a person chooses; all others follow from them."""


def go(*args: str) -> str:
    """Run ``go`` in the module's folder and return what it prints."""
    done = subprocess.run(["go", *args], cwd=GO_DIR, check=True, text=True, stdout=subprocess.PIPE)
    return done.stdout


def versions(arguments: list[str]) -> dict[str, str]:
    """Return the version of each pinned module: as given, or as go.mod has it.

    Raises:
        ValueError: An argument isn't ``<pinned module>@v<version>``.
    """
    result = {module: required(module) for module in PINNED}
    for argument in arguments:
        module, _, version = argument.partition("@")
        if module not in PINNED or not version.startswith("v"):
            raise ValueError(
                f"{argument!r} isn't MODULE@vVERSION with a module of {', '.join(PINNED)}."
            )
        result[module] = version
    return result


def staging_modules(kubernetes: str) -> list[str]:
    """Return the names of the modules that Kubernetes' own go.mod replaces by folders."""
    download = json.loads(go("mod", "download", "-json", f"{KUBERNETES}@{kubernetes}"))
    replaces = json.loads(go("mod", "edit", "-json", download["GoMod"]))["Replace"]
    return [r["Old"]["Path"] for r in replaces if r["New"]["Path"].startswith("./staging/")]


def main() -> None:
    """Rewrite go.mod and go.sum."""
    try:
        wanted = versions(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
    staging = staging_modules(wanted[KUBERNETES])
    for name in ("go.mod", "go.sum"):
        (GO_DIR / name).unlink()
    go("mod", "init", MODULE)
    edits = [f"-require={module}@{version}" for module, version in wanted.items()]
    # Staging modules are published as v0.X.Y for Kubernetes v1.X.Y.
    release = "v0." + wanted[KUBERNETES].removeprefix("v1.")
    edits += [f"-replace={name}={name}@{release}" for name in staging]
    go("mod", "edit", f"-go={LANGUAGE}", *edits)
    go("mod", "tidy")


if __name__ == "__main__":
    main()
