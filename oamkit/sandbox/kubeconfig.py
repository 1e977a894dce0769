"""Kubeconfig files: who a client is, and where it finds the API server.

They hold the keys themselves rather than paths, so that a copy of one works elsewhere on this machine.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from oamkit.sandbox.pki import Pki, write_private

__all__ = ["CONTEXT", "write_kubeconfig"]

CONTEXT = "oamkit-sandbox"


def write_kubeconfig(path: Path, pki: Pki, user: str, server: str) -> None:
    """Write the kubeconfig of one user, with mode 0600. It is JSON, which is YAML too.

    Args:
        path: The file to write.
        pki: Where the user's certificate is.
        user: The certificate's name, e.g. ``"admin"``.
        server: The API server's address, e.g. ``"https://127.0.0.1:6443"``.
    """
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": server, "certificate-authority-data": _encoded(pki.ca)},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(pki.cert(user)),
                    "client-key-data": _encoded(pki.key(user)),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
    content = json.dumps(config, indent=2).encode()
    # An unchanged file keeps its time: clients that watch it aren't disturbed by each start.
    if not path.exists() or path.read_bytes() != content or path.stat().st_mode & 0o077:
        write_private(path, content)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
