"""The sandbox's own certificate authority, and what it signs.

===========================  =============================================  ======================================
certificate                  subject                                        for
===========================  =============================================  ======================================
``apiserver``                ``kube-apiserver``                             the Kubernetes API, by all of its names
``kubelet``                  ``system:node:<node>``                         the node agent's API
``admin``                    ``oamkit-admin`` in ``system:masters``         people, and the supervisor
``apiserver-kubelet``        ``kube-apiserver-kubelet-client``              the API server, towards the node agent
``controller-manager``       ``system:kube-controller-manager``             its role is built into Kubernetes
``scheduler``                ``system:kube-scheduler``                      its role is built into Kubernetes
``node``                     ``system:node:<node>`` in ``system:nodes``     the node agent; Node authorizer
``traefik``                  ``oamkit:traefik``                             a role of ours: reads Ingresses
===========================  =============================================  ======================================

The subjects follow https://kubernetes.io/docs/setup/best-practices/certificates/. Keys are P-256, mode 0600, and never leave the
folder. Besides certificates there is ``sa.key``, which signs the tokens of service accounts.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from oamkit.sandbox.config import CLUSTER_DOMAIN, KUBELET_CLIENT, NODE_NAME, TRAEFIK_USER, Layout

__all__ = ["Leaf", "Pki", "leaves"]

LIFETIME = timedelta(days=365)
CA_LIFETIME = timedelta(days=3650)
RENEW_BEFORE = timedelta(days=30)
# A clock that is set back a little must not make new certificates invalid.
BACKDATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Leaf:
    """A certificate that the authority signs.

    Attributes:
        name: The name of its files, ``<name>.crt`` and ``<name>.key``.
        common_name: The subject's CN: Kubernetes' user name.
        organization: The subject's O: Kubernetes' group; ``""`` for none.
        hosts: The DNS names and addresses that it serves; none for a client's certificate.
    """

    name: str
    common_name: str
    organization: str = ""
    hosts: tuple[str, ...] = ()


def leaves(layout: Layout) -> tuple[Leaf, ...]:
    """Return all certificates that a layout needs; see the table above."""
    kubernetes = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    api_hosts = (
        *kubernetes,
        f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
        "localhost",
        "127.0.0.1",
        "::1",
        layout.api_service_ip,
        layout.node_ip,
    )
    node = f"system:node:{NODE_NAME}"
    kubelet_hosts = (NODE_NAME, "localhost", "127.0.0.1", layout.kubelet_host, layout.node_ip)
    return (
        Leaf("apiserver", "kube-apiserver", hosts=tuple(dict.fromkeys(api_hosts))),
        Leaf("kubelet", node, "system:nodes", hosts=tuple(dict.fromkeys(kubelet_hosts))),
        Leaf("admin", "oamkit-admin", "system:masters"),
        Leaf("apiserver-kubelet", KUBELET_CLIENT),
        Leaf("controller-manager", "system:kube-controller-manager"),
        Leaf("scheduler", "system:kube-scheduler"),
        Leaf("node", node, "system:nodes"),
        Leaf("traefik", TRAEFIK_USER),
    )


class Pki:
    """The files of the authority, in one folder.

    Args:
        folder: Where they are; made with mode 0700.

    Example:
        >>> import tempfile
        >>> pki = Pki(Path(tempfile.mkdtemp()))
        >>> pki.ensure([Leaf("admin", "alice", "system:masters")])
        ('ca', 'sa', 'admin')
        >>> pki.ensure([Leaf("admin", "alice", "system:masters")])
        ()
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.cert("ca")

    @property
    def service_account_key(self) -> Path:
        """The key that signs service accounts' tokens."""
        return self.key("sa")

    def cert(self, name: str) -> Path:
        """Return the path of a certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Return the path of a key."""
        return self.folder / f"{name}.key"

    def ensure(self, wanted: Sequence[Leaf], *, now: datetime | None = None) -> tuple[str, ...]:
        """Make what is missing, and what is damaged, of other hosts, or ends within 30 days.

        Args:
            wanted: The certificates to have.
            now: The time to count from; the clock's by default.

        Returns:
            The names of what was made; a new authority makes everything new.

        Raises:
            OSError: The folder can't be written.
        """
        now = now or datetime.now(UTC)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        made: list[str] = []
        if self._stale(Leaf("ca", "oamkit-sandbox-ca"), None, now):
            self._make_ca(now)
            made.append("ca")
        if _load_key(self.service_account_key) is None:
            _write_key(self.service_account_key, ec.generate_private_key(ec.SECP256R1()))
            made.append("sa")
        authority = _load_cert(self.ca)
        authority_key = _load_key(self.key("ca"))
        if authority is None or authority_key is None:  # just made: cannot be
            raise OSError(f"{self.ca} can't be read back")
        for leaf in wanted:
            if self._stale(leaf, authority, now):
                self._sign(leaf, authority, authority_key, now)
                made.append(leaf.name)
        return tuple(made)

    def _stale(self, leaf: Leaf, authority: x509.Certificate | None, now: datetime) -> bool:
        cert, key = _load_cert(self.cert(leaf.name)), _load_key(self.key(leaf.name))
        if cert is None or key is None or cert.public_key() != key.public_key():
            return True
        if cert.not_valid_after_utc - RENEW_BEFORE <= now or now < cert.not_valid_before_utc:
            return True
        if cert.subject != _subject(leaf) or _hosts(cert) != set(leaf.hosts):
            return True
        if authority is None:
            return False
        try:
            cert.verify_directly_issued_by(authority)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, a new one is right
            return True
        return False

    def _make_ca(self, now: datetime) -> None:
        leaf = Leaf("ca", "oamkit-sandbox-ca")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(leaf, _subject(leaf), key, now, CA_LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(sign_certificates=True), True)
        self._store(leaf, key, builder.sign(key, hashes.SHA256()))

    def _sign(
        self,
        leaf: Leaf,
        authority: x509.Certificate,
        authority_key: ec.EllipticCurvePrivateKey,
        now: datetime,
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(leaf, authority.subject, key, now, LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_usage(sign_certificates=False), True)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if leaf.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False
        )
        if leaf.hosts:
            names = [_general_name(host) for host in leaf.hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        self._store(leaf, key, builder.sign(authority_key, hashes.SHA256()))

    def _store(self, leaf: Leaf, key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> None:
        # The key first: a pair that doesn't fit, after a kill between the two, is found stale and made again.
        _write_key(self.key(leaf.name), key)
        write_private(self.cert(leaf.name), cert.public_bytes(serialization.Encoding.PEM))


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _subject(leaf: Leaf) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]
    if leaf.organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organization))
    return x509.Name(parts)


def _builder(
    leaf: Leaf,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(leaf))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(cert: x509.Certificate) -> set[str]:
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return addresses | set(names.get_values_for_type(x509.DNSName))


def _load_cert(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    # SEC 1 ("EC PRIVATE KEY") rather than PKCS #8: every program of the sandbox reads it.
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    write_private(path, pem)
