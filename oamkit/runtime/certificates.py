"""The webhooks' own certificates: a CA of ours and a serving certificate by it, renewed long before they end.

Both live in one Secret, so that all replicas serve the same. A new CA comes some time before the serving certificates that it signs:
both CAs are trusted until the old one ends, so that no replica is ever in front of the API server with a certificate that it doesn't
trust.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["CA_KEY", "CERTIFICATE", "KEY", "TRUSTED", "renewed", "trusted"]

TRUSTED: Final = "ca.crt"
CA_KEY: Final = "ca.key"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
"""The keys of the Secret; all but the CA's key are those of the type kubernetes.io/tls."""

CA_LIFE: Final = timedelta(days=3650)
SERVING_LIFE: Final = timedelta(days=90)
SKEW: Final = timedelta(minutes=10)
"""How far the clocks of two machines may be apart."""

Data: TypeAlias = Mapping[str, bytes]


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def renewed(data: Data, names: Sequence[str], now: datetime) -> dict[str, bytes] | None:
    """Return what the Secret should hold.

    Args:
        data: What it holds; anything that can't be read counts as absent.
        names: DNS names and IP addresses that the certificate must be for.
        now: The time, with a zone.

    Returns:
        The new data; ``None`` if the old is good for a while: two thirds of a certificate's life.
    """
    trusted_now = [cert for cert in _certificates(data.get(TRUSTED, b"")) if _valid(cert, now)]
    authority = _authority(data, trusted_now)
    if authority is None or _due(authority.certificate, now):
        authority = _new_authority(now)
    bundle = [authority.certificate, *(c for c in trusted_now if c != authority.certificate)]
    # No older CA than the last one can have signed what is still served.
    text = b"".join(cert.public_bytes(serialization.Encoding.PEM) for cert in bundle[:2])
    serving, key = data.get(CERTIFICATE, b""), data.get(KEY, b"")
    if not _serves(serving, key, names, trusted_now, now):
        serving, key = _issue(authority, names, now)
    new = {TRUSTED: text, CA_KEY: _pem(authority.key), CERTIFICATE: serving, KEY: key}
    return None if new == {name: data.get(name) for name in new} else new


def trusted(data: Data) -> bytes:
    """Return what clients must trust, as PEM; ``b""`` if there is nothing."""
    return data.get(TRUSTED, b"")


def _authority(data: Data, certificates: Iterable[x509.Certificate]) -> _Authority | None:
    key = _key(data.get(CA_KEY, b""))
    for certificate in certificates:
        if key is not None and certificate.public_key() == key.public_key():
            return _Authority(certificate, key)
    return None


def _serves(
    serving: bytes,
    key: bytes,
    names: Sequence[str],
    certificates: Sequence[x509.Certificate],
    now: datetime,
) -> bool:
    """Whether a serving certificate is good: for all names, by a CA that is trusted, with its key, not due."""
    found, own = _certificates(serving), _key(key)
    if not found or own is None or own.public_key() != found[0].public_key():
        return False
    certificate = found[0]
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    return (
        set(_general_names(names)) <= set(alternative.value)
        and not _due(certificate, now)
        and any(_signed(certificate, authority) for authority in certificates)
    )


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _due(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return not _valid(certificate, now) or now > certificate.not_valid_before_utc + life * 2 / 3


def _new_authority(now: datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial number in the name tells two CAs apart in error messages, and for those who look a CA up by its name.
    serial = x509.random_serial_number()
    name = _name(f"oam-kubernetes-runtime webhook CA {serial:x}"[:64])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        _builder(name, name, key, now, CA_LIFE, serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _Authority(builder.sign(key, hashes.SHA256()), key)


def _issue(authority: _Authority, names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    builder = (
        _builder(
            _name("oam-kubernetes-runtime webhook"),
            issuer,
            key,
            now,
            SERVING_LIFE,
            x509.random_serial_number(),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    certificate = builder.sign(authority.key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
    serial: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now.astimezone(UTC) - SKEW)
        .not_valid_after(now.astimezone(UTC) + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem) if pem else []
    except ValueError:
        return []


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pem, password=None) if pem else None
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
