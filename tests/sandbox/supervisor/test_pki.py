"""The sandbox's certificate authority."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from oamkit.sandbox.config import Layout
from oamkit.sandbox.kubeconfig import write_kubeconfig
from oamkit.sandbox.pki import Leaf, Pki, leaves

ADMIN = Leaf("admin", "alice", "system:masters")
SERVER = Leaf("server", "server", hosts=("localhost", "127.0.0.1"))
LATER = datetime.now(UTC) + timedelta(days=340)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    pki = Pki(tmp_path / "pki")
    pki.ensure([ADMIN, SERVER])
    return pki


def load(pki: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.cert(name).read_bytes())


def test_what_is_there_is_not_made_again(pki: Pki) -> None:
    assert pki.ensure([ADMIN, SERVER]) == ()


def test_only_the_owner_reads_keys_and_certificates(pki: Pki) -> None:
    assert stat.S_IMODE(pki.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in pki.folder.iterdir()} == {0o600}


def test_certificates_are_signed_by_the_authority(pki: Pki) -> None:
    load(pki, "admin").verify_directly_issued_by(load(pki, "ca"))


def test_a_server_certificate_names_its_hosts_and_cannot_be_a_client(pki: Pki) -> None:
    cert = load(pki, "server")
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    usage = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [each.dotted_string for each in usage] == ["1.3.6.1.5.5.7.3.1"]


def test_certificates_that_end_within_30_days_are_renewed_but_not_the_authority(pki: Pki) -> None:
    assert pki.ensure([ADMIN, SERVER], now=LATER) == ("admin", "server")


def test_other_hosts_make_a_new_certificate(pki: Pki) -> None:
    other = Leaf("server", "server", hosts=("localhost", "127.0.0.1", "10.0.0.1"))
    assert pki.ensure([ADMIN, other]) == ("server",)


@pytest.mark.parametrize("damage", [b"", b"no certificate"])
def test_a_damaged_certificate_is_made_again(pki: Pki, damage: bytes) -> None:
    pki.cert("admin").write_bytes(damage)
    assert pki.ensure([ADMIN, SERVER]) == ("admin",)


def test_a_key_that_does_not_fit_its_certificate_is_made_again(pki: Pki) -> None:
    pki.key("admin").write_bytes(pki.key("server").read_bytes())
    assert pki.ensure([ADMIN, SERVER]) == ("admin",)


def test_a_new_authority_signs_everything_anew(pki: Pki) -> None:
    pki.ca.unlink()
    assert pki.ensure([ADMIN, SERVER]) == ("ca", "admin", "server")


@pytest.mark.parametrize("layout", list(Layout))
def test_the_api_server_has_all_names_by_which_it_is_called(tmp_path: Path, layout: Layout) -> None:
    hosts = next(leaf.hosts for leaf in leaves(layout) if leaf.name == "apiserver")
    assert {"localhost", "127.0.0.1", "kubernetes.default.svc", layout.api_service_ip} <= set(hosts)


def test_a_kubeconfig_is_private_and_stays_as_it_is_while_nothing_changes(
    pki: Pki, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, pki, "admin", "https://127.0.0.1:6443")
    before = path.stat()
    write_kubeconfig(path, pki, "admin", "https://127.0.0.1:6443")
    assert path.stat().st_ino == before.st_ino
    assert stat.S_IMODE(before.st_mode) == 0o600
