"""Kubeconfig files, service accounts and credential plugins."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from oamkit.errors import ClusterError, InputError, MissingToolError
from oamkit.kube import Connection
from oamkit.kube.credentials import ExecPlugin, TokenFile


def kubeconfig(
    path: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None, **more: Any
) -> Path:
    config = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}
        ],
        "users": [{"name": "u", "user": user}],
        **more,
    }
    path.write_text(yaml.safe_dump(config))
    return path


def token_of(connection: Connection) -> str:
    return asyncio.run(connection.credentials.get()).token


def test_a_token_a_namespace_and_a_ca_are_read(tmp_path: Path) -> None:
    ca = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    cluster = {"certificate-authority-data": ca, "tls-server-name": "kubernetes"}
    path = kubeconfig(tmp_path / "config", {"token": "secret"}, cluster)
    connection = Connection.from_kubeconfig(path)
    assert (connection.server, connection.namespace) == ("https://127.0.0.1:1", "shop")
    assert connection.ca.startswith("-----BEGIN")
    assert connection.server_name == "kubernetes"
    assert token_of(connection) == "secret"
    assert "secret" not in repr(connection)


def test_of_several_files_the_first_that_names_a_thing_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kubeconfig(tmp_path / "one", {"token": "one"}, contexts=[])
    two = kubeconfig(tmp_path / "two", {"token": "two"})
    monkeypatch.setenv("KUBECONFIG", f"{one}:{tmp_path / 'missing'}:{two}")
    assert token_of(Connection.load()) == "one"


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    path = kubeconfig(tmp_path / "config", {"tokenFile": "token"})
    assert token_of(Connection.from_kubeconfig(path)) == "from-file"


def test_a_token_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    source = TokenFile(file)
    assert asyncio.run(source.get()).token == "old"
    file.write_text("new")
    assert asyncio.run(source.get()).token == "old"
    monkeypatch.setattr("oamkit.kube.credentials.TOKEN_FILE_SECONDS", -1)
    assert asyncio.run(source.get()).token == "new"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"current-context": "gone"}, "there is no context 'gone'"),
        ({"current-context": ""}, "no context is chosen"),
        ({"clusters": []}, "there is no cluster 'c'"),
        ({"clusters": [{"name": "c", "cluster": {"server": 3}}]}, "expected a string, got 3"),
        ({"clusters": [{"name": "c", "cluster": {"server": "x"}}]}, "expected a URL"),
        ({"users": [{"name": "u", "user": {"client-certificate-data": "%"}}]}, "isn't base64"),
        ({"users": [{"name": "u", "user": {"client-key": "none.pem"}}]}, "can't be read"),
        ({"users": [{"name": "u", "user": {"exec": {"command": "x"}}}]}, "apiVersion: expected"),
    ],
)
def test_a_broken_file_is_told_with_file_and_field(
    tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    path = kubeconfig(tmp_path / "config", {}, **change)
    with pytest.raises(InputError) as error:
        Connection.from_kubeconfig(path)
    assert text in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a: 1\nb: [\n")
    with pytest.raises(InputError, match=r"config:3:1: isn't YAML"):
        Connection.from_kubeconfig(path)


def test_without_any_cluster_the_hint_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InputError, match="no cluster is known"):
        Connection.load()


def test_a_pod_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("token", "t"), ("ca.crt", "PEM"), ("namespace", "oam-system")):
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    connection = Connection.in_cluster(tmp_path)
    assert connection.server == "https://[::1]:443"
    assert connection.namespace == "oam-system"
    assert token_of(connection) == "t"


def plugin(path: Path, script: str) -> ExecPlugin:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return ExecPlugin(str(path))


def test_a_plugins_credential_is_kept_until_it_ends(tmp_path: Path) -> None:
    script = (
        f"echo x >> {tmp_path}/calls; "
        """echo '{"status":{"token":"t","expirationTimestamp":"'$(cat """
        f"""{tmp_path}/until)'"}}}}'"""
    )
    source = plugin(tmp_path / "plugin", script)

    async def twice() -> str:
        await source.get()
        return (await source.get()).token

    (tmp_path / "until").write_text("2999-01-01T00:00:00Z")
    assert asyncio.run(twice()) == "t"
    assert len((tmp_path / "calls").read_text().split()) == 1
    source.forget()
    (tmp_path / "until").write_text("2001-01-01T00:00:00Z")
    asyncio.run(twice())
    assert len((tmp_path / "calls").read_text().split()) == 3


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo nope >&2; exit 3", "exit code 3: nope"),
        ("echo hello", "printed no ExecCredential"),
        ("""echo '{"status":{}}'""", "gave no token"),
    ],
)
def test_a_failing_plugin_is_explained(tmp_path: Path, script: str, text: str) -> None:
    with pytest.raises(ClusterError, match=text):
        asyncio.run(plugin(tmp_path / "plugin", script).get())


def test_a_missing_plugin_gives_the_files_hint() -> None:
    source = ExecPlugin("/nowhere/plugin", install_hint="get it from your provider")
    with pytest.raises(MissingToolError) as error:
        asyncio.run(source.get())
    assert error.value.hint == "get it from your provider"
