"""Bearer tokens and client certificates that change while a program runs.

A token in a file is rotated by the kubelet about once an hour; a plugin's credential says itself when it ends
(``ExecCredential`` of ``client.authentication.k8s.io/v1``).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from oamkit.errors import ClusterError, InputError, MissingToolError

__all__ = ["Credential", "Credentials", "ExecPlugin", "StaticToken", "TokenFile"]

TOKEN_FILE_SECONDS = 60.0
"""How long the content of a token file is believed; the kubelet renews it at 80 % of its life."""
EXEC_SECONDS = 60.0
"""How long a credential plugin may take: some of them ask a person's browser."""
EARLY_SECONDS = 30.0
"""How long before its end a plugin's credential is renewed."""


@dataclass(frozen=True)
class Credential:
    """What proves who we are: a bearer token, or a client certificate with its key (PEM), or neither."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class Credentials(Protocol):
    """A source of credentials."""

    async def get(self) -> Credential:
        """The credential to use now."""
        ...  # pragma: no cover - a protocol

    def forget(self) -> None:
        """The server refused the credential: ask for a new one next time."""
        ...  # pragma: no cover - a protocol


@dataclass(frozen=True)
class StaticToken:
    """A credential that never changes; an empty one is anonymous."""

    credential: Credential = Credential()

    async def get(self) -> Credential:
        """See :meth:`Credentials.get`."""
        return self.credential

    def forget(self) -> None:
        """See :meth:`Credentials.forget`."""


@dataclass
class TokenFile:
    """A bearer token in a file that somebody else rotates."""

    path: Path
    _credential: Credential = field(default=Credential(), init=False)
    _read_at: float = field(default=float("-inf"), init=False)

    async def get(self) -> Credential:
        """See :meth:`Credentials.get`.

        Raises:
            InputError: The file can't be read or is empty.
        """
        if time.monotonic() - self._read_at > TOKEN_FILE_SECONDS:
            try:
                token = self.path.read_text(encoding="utf-8").strip()  # 1 kB, once a minute
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"the token can't be read: {error}", file=self.path) from error
            if not token:
                raise InputError("the token file is empty", file=self.path)
            self._credential = Credential(token=token)
            self._read_at = time.monotonic()
        return self._credential

    def forget(self) -> None:
        """See :meth:`Credentials.forget`."""
        self._read_at = float("-inf")


@dataclass
class ExecPlugin:
    """A credential plugin of a kubeconfig file: ``users[].user.exec``.

    Args:
        command: The program.
        args: Its arguments.
        env: What is added to its environment.
        api_version: The version of ``ExecCredential`` that it speaks.
        cluster: What it may know about the cluster, if its ``provideClusterInfo`` is set.
        install_hint: What the kubeconfig file says about how to install it.
    """

    command: str
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict, repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    cluster: dict[str, Any] | None = None
    install_hint: str = ""
    _credential: Credential | None = field(default=None, init=False)
    _until: float = field(default=float("inf"), init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def get(self) -> Credential:
        """See :meth:`Credentials.get`.

        Raises:
            MissingToolError: The program isn't installed.
            ClusterError: It failed, or answered with something else than a credential.
        """
        async with self._lock:
            if self._credential is None or time.time() > self._until - EARLY_SECONDS:
                status = self._status(await self._run())
                self._credential = Credential(
                    token=status.get("token", ""),
                    certificate=status.get("clientCertificateData", ""),
                    key=status.get("clientKeyData", ""),
                )
                self._until = _seconds(status.get("expirationTimestamp"))
            return self._credential

    def forget(self) -> None:
        """See :meth:`Credentials.forget`."""
        self._credential = None

    async def _run(self) -> bytes:
        spec: dict[str, Any] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        try:
            process = await asyncio.create_subprocess_exec(
                self.command,
                *self.args,
                env={**os.environ, **self.env, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise MissingToolError(
                f"The credential plugin {self.command} of the kubeconfig file can't be run: {error}",
                hint=self.install_hint or "Install it, or choose another context.",
            ) from error
        try:
            async with asyncio.timeout(EXEC_SECONDS):
                out, err = await process.communicate()
        except BaseException:  # also when we are cancelled: no plugin outlives us
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            tail = err.decode(errors="replace").strip()[-500:]
            raise ClusterError(
                f"The credential plugin {self.command} ended with exit code {process.returncode}: {tail}"
            )
        return out

    def _status(self, out: bytes) -> dict[str, Any]:
        try:
            status = json.loads(out)["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                f"The credential plugin {self.command} printed no ExecCredential with a status.",
                hint="Run it by hand: it must print a JSON object of kind ExecCredential.",
            ) from error
        if not isinstance(status, dict) or not (
            status.get("token") or status.get("clientCertificateData")
        ):
            raise ClusterError(
                f"The credential plugin {self.command} gave no token or certificate."
            )
        return status


def _seconds(timestamp: str | None) -> float:
    if not timestamp:
        return float("inf")
    return datetime.fromisoformat(timestamp).timestamp()
