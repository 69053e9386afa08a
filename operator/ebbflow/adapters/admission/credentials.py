"""What admission needs to be trusted: an authority, a serving certificate, the key of records.

All replicas share one set, kept in a Secret. Certificates are issued anew well before they end; the
authority before that stays trusted beside the new one, so that the replicas need not change at the
same moment. The key of the records has no end: a new one would make every record count for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebbflow.adapters import certificates

AUTHORITY_LIFE: Final = timedelta(days=3650)
AUTHORITY_REST: Final = timedelta(days=365)
"""An authority that has less than this left is replaced."""

SERVING_LIFE: Final = timedelta(days=180)
SERVING_REST: Final = timedelta(days=60)

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
KEY_BYTES: Final = 32
MAX_HOSTS: Final = 16

_KEYS: Final = ("ca.crt", "ca.key", "tls.crt", "tls.key", "records.key")


@dataclass(frozen=True, slots=True)
class Credentials:
    """One set. `authorities` are the PEM certificates to be trusted, the current one first.

    Its `repr` holds nothing secret.
    """

    authorities: str
    authority_key: str = field(repr=False)
    certificate: str
    certificate_key: str = field(repr=False)
    record_key: bytes = field(repr=False)

    @property
    def path_token(self) -> str:
        """What a caller has to know: without it anybody who reaches the server could have records
        signed for names that are not theirs.
        """
        return hmac.new(self.record_key, b"ebbflow admission path 1", hashlib.sha256).hexdigest()[
            :32
        ]

    def dump(self) -> dict[str, str]:
        """Return the Secret's values."""
        values = (
            self.authorities,
            self.authority_key,
            self.certificate,
            self.certificate_key,
            self.record_key.hex(),
        )
        return dict(zip(_KEYS, values, strict=True))

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self | None:
        """Read the Secret's values; None if something is missing."""
        try:
            *texts, record_key = (values[key] for key in _KEYS)
            key = bytes.fromhex(record_key)
        except (KeyError, ValueError):
            return None
        if len(key) != KEY_BYTES:
            return None
        authorities, authority_key, certificate, certificate_key = texts
        return cls(authorities, authority_key, certificate, certificate_key, key)


def renew(current: Credentials | None, hosts: tuple[str, ...], now: datetime) -> Credentials:
    """Return credentials that are good for serving `hosts` from now on.

    They are `current` itself if that will do for a while. Whatever of it is broken is made anew.
    """
    if current is None:
        current = Credentials("", "", "", "", secrets.token_bytes(KEY_BYTES))
    authority = _Authority.read(current)
    if authority is None or authority.ends - now < AUTHORITY_REST:
        old = "" if authority is None else authority.pem
        authority = _Authority.create(now)
        current = replace(current, authorities=authority.pem + old, authority_key=authority.key_pem)
    served = _served(current, authority, now)
    if served is not None and set(hosts) <= set(served):
        return current
    wanted = tuple(dict.fromkeys((*hosts, *LOOPBACK, *(served or ()))))[:MAX_HOSTS]
    certificate, key = authority.issue(wanted, now)
    return replace(current, certificate=certificate, certificate_key=key)


def _served(current: Credentials, authority: _Authority, now: datetime) -> tuple[str, ...] | None:
    """Return the hosts of the serving certificate; None if it is broken or ends soon."""
    try:
        certificate = x509.load_pem_x509_certificate(current.certificate.encode())
        key = serialization.load_pem_private_key(current.certificate_key.encode(), None)
        certificate.verify_directly_issued_by(authority.certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return None
    if key.public_key() != certificate.public_key():
        return None
    if certificate.not_valid_after_utc - now < SERVING_REST:
        return None
    return tuple(str(name.value) for name in names)


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def read(cls, current: Credentials) -> Self | None:
        try:
            certificate = x509.load_pem_x509_certificate(current.authorities.encode())
            key = serialization.load_pem_private_key(current.authority_key.encode(), None)
        except (ValueError, TypeError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return None
        return cls(certificate, key) if key.public_key() == certificate.public_key() else None

    @classmethod
    def create(cls, now: datetime) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = certificates.common_name("ebbflow admission")
        builder = certificates.authority(name, key.public_key(), now, AUTHORITY_LIFE)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def ends(self) -> datetime:
        return self.certificate.not_valid_after_utc

    @property
    def pem(self) -> str:
        return _pem(self.certificate)

    @property
    def key_pem(self) -> str:
        return _key_pem(self.key)

    def issue(self, hosts: tuple[str, ...], now: datetime) -> tuple[str, str]:
        """Issue a serving certificate; returns it and its key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = certificates.leaf(
            certificates.common_name("ebbflow admission server"),
            self.certificate.subject,
            self.key.public_key(),
            key.public_key(),
            now,
            SERVING_LIFE,
            [ExtendedKeyUsageOID.SERVER_AUTH],
            [_general_name(host) for host in hosts],
        )
        return _pem(builder.sign(self.key, hashes.SHA256())), _key_pem(key)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
