"""Whether a delivery was signed with a secret, by each of the ways that providers sign.

Always over the raw bytes and in constant time (hmac.compare_digest). The ways: `X-Hub-Signature-256`
of GitHub, Gitea and Forgejo and `X-Hub-Signature` of both Bitbuckets hold `sha256=` and the
HMAC-SHA256 (RFC 2104) of the body in hexadecimal; `X-Gitea-Signature` the same without `sha256=`;
`X-Gitlab-Token` is the secret itself; GitLab's signing token signs as Standard Webhooks says
(github.com/standard-webhooks): id, time and body. A secret never counts if it is empty.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.delivery import Delivery

REPLAY_WINDOW: Final = timedelta(minutes=5)
"""How far a signed time may be from ours, either way; Standard Webhooks asks for a bound."""

STANDARD_SIGNATURE: Final = "webhook-signature"
STANDARD_PREFIX: Final = "whsec_"
MOST_SIGNATURES: Final = 8
"""Signatures of one header that are looked at: a sender that rotates sends two."""

Secrets = Iterable[Tainted]
"""The secrets that count: the one of now, and while it is rotated the one before."""

Verify = Callable[[Delivery, Secrets, datetime], bool]
"""Whether a delivery that came at this time was signed with one of the secrets."""


def hex_hmac(header: str, prefix: str = "") -> Verify:
    """Return what verifies a header that holds the body's HMAC-SHA256 in hexadecimal."""

    def verify(delivery: Delivery, secrets: Secrets, _now: datetime) -> bool:
        sent = delivery.headers.get(header, "")
        if not sent.startswith(prefix):
            return False
        found = sent.removeprefix(prefix).lower()
        return _any(_same(found, sign_hex(secret, delivery.body)) for secret in _usable(secrets))

    return verify


def plain_token(header: str) -> Verify:
    """Return what verifies a header that holds the secret itself."""

    def verify(delivery: Delivery, secrets: Secrets, _now: datetime) -> bool:
        sent = delivery.headers.get(header, "")
        return _any(is_same_secret(sent, secret) for secret in secrets)

    return verify


def standard(delivery: Delivery, secrets: Secrets, now: datetime) -> bool:
    """Verify a delivery that is signed as Standard Webhooks says, and not older than 5 minutes."""
    headers = delivery.headers
    identity, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or not _is_recent(sent_at, now):
        return False
    signed = f"{identity}.{sent_at}.".encode(errors="surrogateescape") + delivery.body
    sent = headers.get(STANDARD_SIGNATURE, "").split(" ")[:MOST_SIGNATURES]
    return _any(
        _same(signature, f"v1,{_base64_hmac(key, signed)}")
        for secret in _usable(secrets)
        for key in _standard_keys(secret)
        for signature in sent
    )


def sign_hex(secret: Tainted, body: bytes) -> str:
    """Return the HMAC-SHA256 of a body in hexadecimal."""
    return hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()


def is_same_secret(sent: str, secret: Tainted) -> bool:
    """Tell whether a text that was sent is the secret; the time tells neither text nor length."""
    known = secret.reveal()
    same = hmac.compare_digest(_digest(sent), _digest(known))
    return same and bool(known)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def _usable(secrets: Secrets) -> list[Tainted]:
    return [secret for secret in secrets if secret.reveal()]


def _any(results: Iterable[bool]) -> bool:
    # Every one is computed, so that the time does not tell which secret it was.
    return sum(results) > 0


def _same(sent: str, right: str) -> bool:
    return hmac.compare_digest(sent.encode(errors="surrogateescape"), right.encode())


def _standard_keys(secret: Tainted) -> tuple[bytes, ...]:
    """Return the keys that a secret can stand for: itself, and what a `whsec_` text encodes."""
    text = secret.reveal()
    if not text.startswith(STANDARD_PREFIX):
        return (text.encode(),)
    try:
        decoded = base64.b64decode(text.removeprefix(STANDARD_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return (text.encode(),)
    return (decoded, text.encode()) if decoded else (text.encode(),)


def _base64_hmac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _is_recent(sent_at: str, now: datetime) -> bool:
    if not (sent_at.isascii() and sent_at.isdigit()) or len(sent_at) > len("9999999999"):
        return False
    return abs(now.timestamp() - int(sent_at)) <= REPLAY_WINDOW.total_seconds()
