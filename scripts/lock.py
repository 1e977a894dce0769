"""Write ``requirements/*.lock`` from ``pyproject.toml``: exact versions with hashes, for every platform and Python.

The library itself has ranges; learners and CI install exactly these versions. ``oamkit-binaries`` is left out: it is built
from ``binaries/``. What is locked already stays as it is, unless ``--upgrade`` is given.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
UV = Path(sys.executable).parent / "uv"
UPGRADE = [word for word in sys.argv[1:] if word == "--upgrade"]
EXTRAS = ("runtime", "sandbox", "lab")


def compile_lock(name: str, *arguments: str) -> None:
    """Write one lock."""
    target = REQUIREMENTS / f"{name}.lock"
    subprocess.run(
        [
            UV, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header",
            "--output-file", target, *UPGRADE, *arguments,
        ],
        check=True,
    )  # fmt: skip
    print(f"wrote {target.relative_to(ROOT)}")


def main() -> None:
    """Write all locks; the course's is a part of the developers'."""
    REQUIREMENTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "pyproject.toml"
        lines = (ROOT / "pyproject.toml").read_text().splitlines(keepends=True)
        project.write_text("".join(line for line in lines if '"oamkit-binaries"' not in line))
        for name in ("README.md", "LICENSE", "NOTICE"):
            (Path(folder) / name).touch()
        extras = [word for extra in EXTRAS for word in ("--extra", extra)]
        extras += ["--group", f"{project}:build"]
        compile_lock("dev", *extras, "--group", f"{project}:dev", str(project))
        compile_lock(
            "course", *extras, "--constraint", str(REQUIREMENTS / "dev.lock"), str(project)
        )
        compile_lock(
            "runtime",
            "--group", f"{project}:runtime-image",
            "--constraint", str(REQUIREMENTS / "dev.lock"),
        )  # fmt: skip
        uv = Path(folder) / "uv.in"
        uv.write_text("uv\n")
        compile_lock("bootstrap", str(uv))


if __name__ == "__main__":
    main()
