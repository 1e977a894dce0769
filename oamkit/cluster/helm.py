"""Charts: install and uninstall, by real helm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oamkit import paths, show
from oamkit.cluster import active, kubectl, manifests
from oamkit.cluster.states import holds
from oamkit.errors import CommandError, InputError
from oamkit.process import Completed
from oamkit.show import Line

__all__ = ["Release", "Value", "install", "uninstall"]

Value = str | int | bool
"""What a chart's value may be here; nested ones are written with dots in their key, e.g. ``"image.tag"``."""


@dataclass(frozen=True)
class Release(Line):
    """An installed chart.

    Attributes:
        name: The release's name.
        namespace: Where it is.
        verb: ``"installed"``, ``"upgraded"``, ``"uninstalled"`` or ``"not there"``.
        revision: How often it was installed or upgraded; 0 once it is gone.
        chart: The chart's name and version, e.g. ``"oam-kubernetes-runtime-0.1.0"``.
    """

    name: str
    namespace: str
    verb: str
    revision: int = 0
    chart: str = ""

    def line(self) -> str:
        """Say it."""
        of = f"revision {self.revision} of {self.chart}"
        return {
            "installed": f"release {self.name} in namespace {self.namespace}: installed, {of}",
            "upgraded": f"release {self.name} in namespace {self.namespace}: upgraded, {of}",
            "uninstalled": f"release {self.name} in namespace {self.namespace}: uninstalled",
            "not there": f"release {self.name} in namespace {self.namespace}: not there",
        }[self.verb]


def install(
    release: str,
    chart: str | Path,
    *,
    namespace: str = "default",
    create_namespace: bool = False,
    values: Mapping[str, Value] | None = None,
    timeout: float = 120.0,
) -> Release:
    """Install a chart and wait until what it made is ready; upgrade it if the release is there already.

    Kinds of the chart that an earlier release has left in the cluster are brought up to date first: helm itself leaves them as they are.

    Args:
        release: The name to give it.
        chart: The chart's folder.
        namespace: Where.
        create_namespace: Whether to make the namespace.
        values: The chart's values that shall differ from its defaults.
        timeout: Seconds.

    Raises:
        InputError: There is no chart in that folder.
        CommandError: helm failed, e.g. because something didn't get ready in time.
        ClusterError: There is no cluster.

    Example::

        helm.install("oam", "charts/oam-kubernetes-runtime", namespace="oam-system", create_namespace=True)
    """
    if not (Path(chart) / "Chart.yaml").is_file():
        raise InputError(
            "there is no chart: its Chart.yaml is missing",
            file=chart,
            hint=f"Paths start from the working folder, which is {Path.cwd()}.",
        )
    before = _find(release, namespace)
    if not before:
        _renew_kinds(Path(chart) / "crds")
    argv: list[str | Path] = ["helm", "upgrade" if before else "install", release, chart]
    argv += ["--namespace", namespace]
    if create_namespace and not before:
        argv.append("--create-namespace")
    if (
        before and not values
    ):  # else helm takes the values of the release before (docs of helm upgrade, --reset-values)
        argv.append("--reset-values")
    argv += [word for pair in _set(values or {}) for word in pair]
    argv += ["--wait", "--timeout", f"{timeout:.0f}s"]
    show.command(argv)
    try:
        _run(argv, timeout + 30)
    except CommandError as error:
        # The control plane may bring an aggregated ClusterRole back that an uninstall has just deleted, without the marks of helm.
        if not re.search(r"ClusterRole .* exists and cannot be imported", error.stderr):
            raise
        show.say("A ClusterRole of an earlier release is still there; this release takes it over.")
        argv.append("--take-ownership")
        show.command(argv)
        _run(argv, timeout + 30)
    now = _find(release, namespace) or {}
    return Release(
        name=release,
        namespace=namespace,
        verb="upgraded" if before else "installed",
        revision=int(now.get("revision", 1)),
        chart=str(now.get("chart", "")),
    )


def uninstall(release: str, *, namespace: str = "default", timeout: float = 90.0) -> Release:
    """Uninstall a chart and wait until what it made is gone. A release that isn't there is no error.

    The kinds that the chart brought in its ``crds/`` stay, as helm wants it: deleting them would delete all their objects.

    Args:
        release: Its name.
        namespace: Where it is.
        timeout: Seconds.

    Raises:
        CommandError: helm failed.
        ClusterError: There is no cluster.
    """
    if _find(release, namespace) is None:
        return Release(release, namespace, "not there")
    argv = ["helm", "uninstall", release, "--namespace", namespace]
    argv += ["--wait", "--timeout", f"{timeout:.0f}s"]
    show.command(argv)
    _run(argv, timeout + 30)
    return Release(release, namespace, "uninstalled")


def _renew_kinds(folder: Path) -> None:
    """Bring kinds that are there already up to date (https://helm.sh/docs/chart_best_practices/custom_resource_definitions/)."""
    wanted = manifests.load(folder) if folder.is_dir() else []
    if not wanted:
        return
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    there = {
        each["metadata"]["name"]: each["spec"]
        for each in active.api().request("GET", path)["items"]
    }
    if any(
        (spec := there.get(each.identity[3])) and not holds(spec, each.object["spec"])
        for each in wanted
    ):
        show.say(
            "Kinds of an earlier release are still there: helm leaves them, so they are brought up to date first."
        )
        kubectl.run(["apply", "--server-side", "--force-conflicts", "-f", folder], timeout=30)


def _find(release: str, namespace: str) -> dict[str, Any] | None:
    argv = ["helm", "list", "--namespace", namespace, "--output", "json"]
    for found in json.loads(_run(argv, 30).stdout or "[]"):
        if found.get("name") == release:
            return dict(found)
    return None


def _run(argv: list[str | Path] | list[str], timeout: float) -> Completed:
    home = (
        paths.cache() / "helm"
    )  # not the user's own helm: its plugins and repositories are none of ours
    environ = active.environ() | {
        "HELM_CACHE_HOME": str(home / "cache"),
        "HELM_CONFIG_HOME": str(home / "config"),
        "HELM_DATA_HOME": str(home / "data"),
    }
    try:
        return active.runner().run(argv, timeout=timeout, env=environ)
    except CommandError as error:
        hint = "Look at what isn't ready: kubectl('get', 'pods', '--all-namespaces') and events(namespace=…)."
        raise error.told(hint=hint) from error


def _set(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, str):
            # helm reads a comma as the next pair, and "1" or "true" as no text (helm's docs, "The Format and Limitations of --set").
            yield "--set-string", f"{key}={value.replace(',', chr(92) + ',')}"
        else:
            yield "--set", f"{key}={json.dumps(value)}"
