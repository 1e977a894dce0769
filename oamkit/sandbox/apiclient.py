"""The supervisor's own small client of the API server: is it ready, and here are the objects that belong in it.

It is the standard library's HTTP client, used from a thread: the daemon lives as long as the sandbox, and a client library
would take more memory than everything else in it.
"""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from oamkit.errors import ApiError
from oamkit.sandbox.base_objects import path_of

__all__ = ["ApiClient"]

FIELD_MANAGER = "oamkit-sandbox"


class ApiClient:
    """Talks to the API server as the administrator. Not for use by several threads at once.

    Args:
        port: Its port on 127.0.0.1.
        pki: The folder with the administrator's certificate; read at each connection, since it is renewed some day.
        timeout: Seconds that one request may take.
    """

    def __init__(self, port: int, pki: Path, *, timeout: float = 5.0) -> None:
        self._port = port
        self._pki = pki
        self._timeout = timeout

    def status(self, path: str) -> int:
        """Return the HTTP status of a GET; 0 while the server can't be reached."""
        return self._once("GET", path)[0]

    def get(self, path: str) -> dict[str, Any] | None:
        """Return an object; ``None`` where there is none, or while the server can't be reached."""
        status, body = self._once("GET", path)
        return _object(body) if status == 200 else None

    def apply(self, manifest: dict[str, Any]) -> None:
        """Apply an object on the server's side (server-side apply).

        Args:
            manifest: The complete object.

        Raises:
            ApiError: The server refused it, or can't be reached (status 0).
        """
        path = f"{path_of(manifest)}?fieldManager={FIELD_MANAGER}&force=true"
        status, body = self._once("PATCH", path, manifest)
        if status not in (200, 201):
            what = f"{manifest['kind']} {manifest['metadata']['name']}"
            reason = _object(body).get("message") or f"HTTP status {status}"
            raise ApiError(f"{what} can't be applied: {reason}", status=status)

    def _once(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, bytes]:
        try:
            context = ssl.create_default_context(cafile=self._pki / "ca.crt")
            context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, timeout=self._timeout, context=context
            )
            try:
                connection.request(
                    method,
                    path,
                    body=None if body is None else json.dumps(body),
                    headers={"Content-Type": "application/apply-patch+yaml"} if body else {},
                )
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return 0, b""


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
