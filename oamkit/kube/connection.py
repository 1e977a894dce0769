"""How to reach an API server and prove who we are: from a kubeconfig file, or from inside a Pod."""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from oamkit.errors import InputError
from oamkit.kube.credentials import Credential, Credentials, StaticToken, TokenFile

__all__ = ["SERVICE_ACCOUNT", "Connection"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a Pod finds the token, CA and namespace of its service account."""


@dataclass(frozen=True)
class Connection:
    """One API server and one identity.

    Args:
        server: The URL, e.g. ``"https://127.0.0.1:6443"``.
        credentials: Where tokens and client certificates come from.
        ca: The certificate authorities to trust (PEM); the system's if empty.
        insecure: Whether the server's certificate is accepted without a check.
        server_name: The name that the server's certificate must carry; the URL's host if empty.
        namespace: The namespace where none is said.
        source: Where this came from, for messages.

    Use:
        ===============================  ========================================================
        :meth:`load`                     what ``kubectl`` would use, else the Pod's service account
        :meth:`from_kubeconfig`          a certain file or context
        :meth:`in_cluster`               a Pod's service account
        ===============================  ========================================================
    """

    server: str
    credentials: Credentials = field(default_factory=StaticToken, repr=False)
    ca: str = field(default="", repr=False)
    insecure: bool = False
    server_name: str = ""
    namespace: str = "default"
    source: str = ""

    @classmethod
    def load(cls, path: Path | None = None, context: str | None = None) -> Connection:
        """The file that is given, else ``KUBECONFIG``, else ``~/.kube/config``, else the Pod's service account.

        Raises:
            InputError: None of them is there, or one of them is broken.
        """
        from oamkit.kube.kubeconfig import default_files

        if path or os.environ.get("KUBECONFIG") or any(file.exists() for file in default_files()):
            return cls.from_kubeconfig(path, context)
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            return cls.in_cluster()
        raise InputError(
            "no cluster is known: there is no kubeconfig file, and this isn't a Pod",
            hint="Set KUBECONFIG, or give a file with --kubeconfig.",
        )

    @classmethod
    def from_kubeconfig(cls, path: Path | None = None, context: str | None = None) -> Connection:
        """The cluster and user of a context.

        Args:
            path: The file; those of ``KUBECONFIG``, else ``~/.kube/config``, by default.
            context: The context; the file's ``current-context`` by default.

        Raises:
            InputError: A file or one of its fields is missing or wrong.
        """
        from oamkit.kube.kubeconfig import connect, default_files

        return connect(cls, [path] if path else default_files(), context)

    @classmethod
    def in_cluster(cls, folder: Path = SERVICE_ACCOUNT) -> Connection:
        """The service account of the Pod that this runs in. The token is re-read: the kubelet rotates it.

        Raises:
            InputError: This isn't a Pod, or it has no service account.
        """
        host = os.environ.get("KUBERNETES_SERVICE_HOST")
        port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise InputError(
                "this isn't a Pod: KUBERNETES_SERVICE_HOST isn't set",
                hint="Outside a cluster give a kubeconfig file.",
            )
        try:
            ca = (folder / "ca.crt").read_text(encoding="utf-8")
            namespace_file = folder / "namespace"
            namespace = (
                namespace_file.read_text(encoding="utf-8").strip()
                if namespace_file.exists()
                else "default"
            )
        except OSError as error:
            raise InputError(
                f"the Pod's service account can't be read: {error}",
                file=folder,
                hint="Is automountServiceAccountToken switched off?",
            ) from error
        return cls(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            credentials=TokenFile(folder / "token"),
            ca=ca,
            namespace=namespace,
            source=str(folder),
        )

    def ssl_context(self, credential: Credential) -> ssl.SSLContext | None:
        """The TLS settings, with the client certificate if there is one; ``None`` for plain HTTP.

        Raises:
            InputError: A certificate or key can't be read.
        """
        if self.server.startswith("http://"):
            return None
        try:
            if self.insecure:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            else:
                context = ssl.create_default_context(cadata=self.ca or None)
            if credential.certificate:
                _load_chain(context, credential)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise InputError(
                f"a certificate or key isn't valid PEM, or they don't belong together: {error}",
                file=self.source or None,
            ) from error
        # The own CAs of clusters (kubeadm, kind, ours) may lack what RFC 5280 asks for; Go accepts them as well.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def _load_chain(context: ssl.SSLContext, credential: Credential) -> None:
    # The ssl module takes a certificate and its key only from a file.
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="ascii") as file:  # mode 0600
        file.write(credential.certificate.rstrip() + "\n" + credential.key)
        file.flush()
        context.load_cert_chain(file.name)
