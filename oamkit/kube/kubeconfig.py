"""Reading kubeconfig files: the parts that say how to reach a cluster.

The rules are those of https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/: of several files the
first that names a context, cluster or user wins, and a path in a file is relative to that file.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from oamkit.errors import InputError
from oamkit.kube.connection import Connection
from oamkit.kube.credentials import Credential, Credentials, ExecPlugin, StaticToken, TokenFile

__all__ = ["connect", "default_files"]

EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def default_files() -> list[Path]:
    """The files of ``KUBECONFIG``, else ``~/.kube/config``."""
    names = [name for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return [Path(name) for name in names] or [Path.home() / ".kube" / "config"]


@dataclass(frozen=True)
class _Entry:
    """A cluster, user or context, and the file that it stands in."""

    file: Path
    where: str
    data: dict[str, Any]

    def text(self, field: str) -> str:
        value = self.data.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InputError(
                f"expected a string, got {value!r}", file=self.file, field=f"{self.where}.{field}"
            )
        return value

    def pem(self, field: str) -> str:
        """The text of ``<field>-data`` (base64), else of the file that ``<field>`` names."""
        if data := self.text(f"{field}-data"):
            try:
                return base64.b64decode(data, validate=True).decode("ascii")
            except (binascii.Error, ValueError) as error:
                raise InputError(
                    f"isn't base64 of PEM text: {error}",
                    file=self.file,
                    field=f"{self.where}.{field}-data",
                ) from error
        if name := self.text(field):
            try:
                return self.path(name).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"the file can't be read: {error}",
                    file=self.file,
                    field=f"{self.where}.{field}",
                ) from error
        return ""

    def path(self, name: str) -> Path:
        return self.file.parent / Path(name).expanduser()


def connect(cls: type[Connection], files: Sequence[Path], context: str | None) -> Connection:
    """Make the connection that a context describes.

    Args:
        cls: The class to make.
        files: The kubeconfig files, the most important first; missing ones are skipped if another one is there.
        context: The context; the first ``current-context`` by default.

    Raises:
        InputError: A file or one of its fields is missing or wrong.
    """
    documents = [(file, _read(file)) for file in files if file.exists()]
    if not documents:
        raise InputError(
            "the kubeconfig file isn't there",
            file=files[0],
            hint="Create the cluster first, or name another file.",
        )
    first = documents[0][0]
    name = context or next(
        (doc["current-context"] for _, doc in documents if doc.get("current-context")), None
    )
    if not name:
        raise InputError(
            "no context is chosen",
            file=first,
            field="current-context",
            hint="Name one of: " + _names(documents, "contexts"),
        )
    chosen = _find(documents, "contexts", "context", name)
    cluster = _find(documents, "clusters", "cluster", chosen.text("cluster"))
    user_name = chosen.text("user")
    user = _find(documents, "users", "user", user_name) if user_name else _Entry(first, "user", {})
    server = cluster.text("server")
    if not server.startswith(("https://", "http://")):
        raise InputError(
            f"expected a URL such as https://127.0.0.1:6443, got {server!r}",
            file=cluster.file,
            field=f"{cluster.where}.server",
        )
    return cls(
        server=server.rstrip("/"),
        credentials=_credentials(user, cluster),
        ca=cluster.pem("certificate-authority"),
        insecure=cluster.data.get("insecure-skip-tls-verify") is True,
        server_name=cluster.text("tls-server-name"),
        namespace=chosen.text("namespace") or "default",
        source=str(cluster.file),
    )


def _credentials(user: _Entry, cluster: _Entry) -> Credentials:
    certificate, key = user.pem("client-certificate"), user.pem("client-key")
    if bool(certificate) != bool(key):
        raise InputError(
            "a client certificate needs its key, and the other way round",
            file=user.file,
            field=user.where,
        )
    if certificate:
        return StaticToken(Credential(user.text("token"), certificate, key))
    # client-go's order: a token file wins over a token, and both over a plugin.
    if token_file := user.text("tokenFile"):
        return TokenFile(user.path(token_file))
    if token := user.text("token"):
        return StaticToken(Credential(token))
    plugin = user.data.get("exec")
    if plugin is None:
        return StaticToken()
    where = f"{user.where}.exec"
    if not isinstance(plugin, dict) or not isinstance(plugin.get("command"), str):
        raise InputError("expected an object with a command", file=user.file, field=where)
    version = plugin.get("apiVersion")
    if version not in EXEC_VERSIONS:
        raise InputError(
            f"expected {EXEC_VERSIONS[0]}, got {version!r}",
            file=user.file,
            field=f"{where}.apiVersion",
        )
    command = plugin["command"]
    return ExecPlugin(
        # A bare name is looked up on the PATH; a path is relative to the kubeconfig file.
        command=str(user.path(command)) if "/" in command else command,
        args=tuple(str(arg) for arg in plugin.get("args") or ()),
        env={item["name"]: str(item.get("value", "")) for item in plugin.get("env") or ()},
        api_version=version,
        cluster=_cluster_info(cluster) if plugin.get("provideClusterInfo") else None,
        install_hint=str(plugin.get("installHint") or ""),
    )


def _cluster_info(cluster: _Entry) -> dict[str, Any]:
    info: dict[str, Any] = {"server": cluster.text("server")}
    if ca := cluster.pem("certificate-authority"):
        info["certificate-authority-data"] = base64.b64encode(ca.encode()).decode()
    return info


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the kubeconfig file can't be read: {error}", file=file) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise InputError(
            f"isn't YAML: {error.problem}",
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from error
    if not isinstance(document, dict):
        raise InputError("expected a kubeconfig object", file=file)
    return document


def _items(document: dict[str, Any], section: str) -> list[dict[str, Any]]:
    items = document.get(section) or []
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _find(
    documents: Sequence[tuple[Path, dict[str, Any]]], section: str, kind: str, name: str
) -> _Entry:
    for file, document in documents:
        for item in _items(document, section):
            if item.get("name") == name:
                data = item.get(kind)
                where = f"{section}[{name}].{kind}"
                if not isinstance(data, dict):
                    raise InputError("expected an object", file=file, field=where)
                return _Entry(file, where, data)
    raise InputError(
        f"there is no {kind} {name!r}",
        file=documents[0][0],
        field=section,
        hint="There are: " + _names(documents, section),
    )


def _names(documents: Sequence[tuple[Path, dict[str, Any]]], section: str) -> str:
    names = [str(item.get("name")) for _, doc in documents for item in _items(doc, section)]
    return ", ".join(names) or "none"
