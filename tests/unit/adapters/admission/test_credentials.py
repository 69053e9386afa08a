"""Credentials that will do are kept; what ends soon or is broken is made anew, the rest stays."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ebbflow.adapters.admission.credentials import LOOPBACK, Credentials, renew

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOSTS = ("ebbflow-admission.ebbflow-system.svc",)
FRESH = renew(None, HOSTS, NOW)


def hosts(credentials: Credentials) -> set[str]:
    certificate = x509.load_pem_x509_certificate(credentials.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in names.value}


def issued_by_first_authority(credentials: Credentials) -> None:
    certificate = x509.load_pem_x509_certificate(credentials.certificate.encode())
    first = x509.load_pem_x509_certificates(credentials.authorities.encode())[0]
    certificate.verify_directly_issued_by(first)


def test_a_first_set_serves_its_hosts_and_loopback() -> None:
    assert hosts(FRESH) == {*HOSTS, *LOOPBACK}
    issued_by_first_authority(FRESH)
    assert Credentials.parse(FRESH.dump()) == FRESH


def test_what_will_do_is_kept() -> None:
    assert renew(FRESH, HOSTS, NOW + timedelta(days=100)) is FRESH


def test_a_certificate_is_renewed_before_it_ends_and_the_rest_is_kept() -> None:
    later = renew(FRESH, HOSTS, NOW + timedelta(days=121))
    assert later.certificate != FRESH.certificate
    assert (later.authorities, later.record_key) == (FRESH.authorities, FRESH.record_key)
    issued_by_first_authority(later)


def test_an_authority_is_renewed_before_it_ends_and_the_old_one_stays_trusted() -> None:
    later = renew(FRESH, HOSTS, NOW + timedelta(days=3300))
    assert later.authorities != FRESH.authorities
    assert later.authorities.endswith(FRESH.authorities)
    assert later.record_key == FRESH.record_key
    issued_by_first_authority(later)
    again = renew(later, HOSTS, NOW + timedelta(days=6600))
    assert len(x509.load_pem_x509_certificates(again.authorities.encode())) == 2


def test_a_new_host_is_added_to_those_before() -> None:
    wider = renew(FRESH, ("10.0.0.7",), NOW)
    assert hosts(wider) == {"10.0.0.7", *HOSTS, *LOOPBACK}
    assert wider.authorities == FRESH.authorities


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(replace(FRESH, authorities="x"), id="authority"),
        pytest.param(replace(FRESH, authority_key="x"), id="authority-key"),
        pytest.param(replace(FRESH, certificate="x"), id="certificate"),
        pytest.param(replace(FRESH, certificate_key="x"), id="certificate-key"),
        pytest.param(
            replace(FRESH, authority_key=renew(None, HOSTS, NOW).authority_key), id="another-key"
        ),
        pytest.param(
            replace(FRESH, certificate=renew(None, HOSTS, NOW).certificate), id="another-issuer"
        ),
    ],
)
def test_what_is_broken_is_made_anew(broken: Credentials) -> None:
    mended = renew(broken, HOSTS, NOW)
    issued_by_first_authority(mended)
    assert mended.record_key == FRESH.record_key
    assert renew(mended, HOSTS, NOW) is mended


@pytest.mark.parametrize("missing", sorted(FRESH.dump()))
def test_values_that_lack_something_are_none(missing: str) -> None:
    assert Credentials.parse({k: v for k, v in FRESH.dump().items() if k != missing}) is None
    assert Credentials.parse(FRESH.dump() | {"records.key": "00"}) is None


def test_nothing_secret_is_in_its_repr() -> None:
    text = repr(FRESH)
    assert FRESH.record_key.hex() not in text
    assert "PRIVATE KEY" not in text


def test_a_strict_client_trusts_it() -> None:
    context = ssl.create_default_context(cadata=FRESH.authorities)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert context.cert_store_stats()["x509_ca"] == 1
