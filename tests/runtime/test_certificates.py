"""The webhooks' own certificates: what is made, and when it is renewed."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from oamkit.runtime.certificates import CA_KEY, CA_LIFE, CERTIFICATE, KEY, TRUSTED, renewed

NAMES = ("webhook.oam-system.svc", "127.0.0.1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = timedelta(days=90)


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    data = renewed({}, NAMES, NOW)
    assert data is not None
    return data


def bundle(data: dict[str, bytes]) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(data[TRUSTED])


def test_a_new_certificate_is_for_all_names_and_by_the_ca(made: dict[str, bytes]) -> None:
    (authority,) = bundle(made)
    serving = x509.load_pem_x509_certificate(made[CERTIFICATE])
    serving.verify_directly_issued_by(authority)
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["webhook.oam-system.svc"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert serving.not_valid_before_utc < NOW
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # A CA without private trouble: OpenSSL takes it as one.
    ssl.create_default_context(cadata=made[TRUSTED].decode())


def test_what_is_good_for_a_while_stays(made: dict[str, bytes]) -> None:
    assert renewed(made, NAMES, NOW + LIFE * 0.6) is None
    assert renewed(made, NAMES[:1], NOW) is None
    assert renewed({**made, "more": b"x"}, NAMES, NOW) is None


def test_a_serving_certificate_is_renewed_in_time_by_the_same_ca(made: dict[str, bytes]) -> None:
    new = renewed(made, NAMES, NOW + LIFE * 0.7)
    assert new is not None
    assert new[TRUSTED] == made[TRUSTED]
    assert new[CA_KEY] == made[CA_KEY]
    assert new[CERTIFICATE] != made[CERTIFICATE]


def test_a_new_ca_is_trusted_before_it_signs_what_is_served(made: dict[str, bytes]) -> None:
    data = made
    later = NOW + CA_LIFE * 0.66
    data = renewed(data, NAMES, later) or data  # a fresh serving certificate, by the old CA
    (old,) = bundle(data)
    turn = renewed(data, NAMES, NOW + CA_LIFE * 0.67)
    assert turn is not None
    new, kept = bundle(turn)
    assert kept == old
    x509.load_pem_x509_certificate(turn[CERTIFICATE]).verify_directly_issued_by(
        old if turn[CERTIFICATE] == data[CERTIFICATE] else new
    )
    end = renewed(turn, NAMES, NOW + CA_LIFE + timedelta(days=1))
    assert end is not None
    assert bundle(end) == [new], "a CA that ended is trusted no more"
    x509.load_pem_x509_certificate(end[CERTIFICATE]).verify_directly_issued_by(new)


def test_a_serving_certificate_outlives_the_change_of_its_ca(made: dict[str, bytes]) -> None:
    due = NOW + CA_LIFE * 0.67
    fresh = renewed(made, NAMES, due - timedelta(days=50))
    assert fresh is not None
    turn = renewed(fresh, NAMES, due)
    assert turn is not None
    assert turn[CERTIFICATE] == fresh[CERTIFICATE]
    assert len(bundle(turn)) == 2


@pytest.mark.parametrize("key", [TRUSTED, CA_KEY, CERTIFICATE, KEY])
@pytest.mark.parametrize("value", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_cannot_be_read_is_made_anew(made: dict[str, bytes], key: str, value: bytes) -> None:
    new = renewed({**made, key: value}, NAMES, NOW)
    assert new is not None
    assert renewed(new, NAMES, NOW) is None
    serving = x509.load_pem_x509_certificate(new[CERTIFICATE])
    # Without its key the old CA signs no more, but what it signed stays trusted.
    serving.verify_directly_issued_by(bundle(new)[1 if key == CA_KEY else 0])


def test_another_name_or_another_key_makes_another_certificate(made: dict[str, bytes]) -> None:
    assert renewed(made, (*NAMES, "more.example"), NOW) is not None
    other = renewed({}, NAMES, NOW)
    assert other is not None
    new = renewed({**made, KEY: other[KEY]}, NAMES, NOW)
    assert new is not None
    assert new[TRUSTED] == made[TRUSTED]
