"""Private keys and known hosts: what is seen of them, and what is said of those that cannot be used."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.secret import Tainted
from ebbflow.domain.ssh_keys import inspect_private_key, why_no_known_hosts
from tests.support.tools import need

Encoding, Format = serialization.Encoding, serialization.PrivateFormat
PLAIN = serialization.NoEncryption()
PROTECTED = serialization.BestAvailableEncryption(b"a passphrase")
ED25519 = ed25519.Ed25519PrivateKey.generate()
ECDSA = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def text(key: object, form: Format, protection: object = PLAIN) -> str:
    assert isinstance(
        key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    )
    assert isinstance(protection, serialization.KeySerializationEncryption)
    return key.private_bytes(Encoding.PEM, form, protection).decode()


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        pytest.param(text(ED25519, Format.OpenSSH), "ssh-ed25519", id="ed25519"),
        pytest.param(text(ECDSA, Format.OpenSSH), "ecdsa-sha2-nistp256", id="ecdsa"),
        pytest.param(text(RSA, Format.OpenSSH), "ssh-rsa", id="rsa"),
        pytest.param(text(RSA, Format.TraditionalOpenSSL), "", id="rsa as PEM"),
        pytest.param(text(ECDSA, Format.PKCS8), "", id="PKCS 8"),
        pytest.param(text(ED25519, Format.OpenSSH).replace("\n", "\r\n"), "ssh-ed25519", id="CRLF"),
    ],
)
def test_a_key_without_a_passphrase_can_be_used(key: str, kind: str) -> None:
    facts = inspect_private_key(Tainted(key))
    assert (facts.kind, facts.problem) == (kind, None)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(text(RSA, Format.TraditionalOpenSSL, PROTECTED), id="PEM"),
        pytest.param(text(ECDSA, Format.PKCS8, PROTECTED), id="PKCS 8"),
    ],
)
def test_a_passphrase_is_seen(key: str) -> None:
    problem = inspect_private_key(Tainted(key)).problem
    assert problem is not None
    assert "passphrase" in problem


def test_a_passphrase_of_ssh_keygen_is_seen(tmp_path: Path) -> None:
    program = need("ssh-keygen", "Debian: apt-get install openssh-client")
    file = tmp_path / "key"
    subprocess.run([program, "-q", "-t", "ed25519", "-N", "a passphrase", "-f", file], check=True)
    problem = inspect_private_key(Tainted(file.read_text("utf-8"))).problem
    assert problem is not None
    assert "passphrase" in problem


@pytest.mark.parametrize(
    "key",
    [
        "",
        "key",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        text(ED25519, Format.OpenSSH)[:-60],
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_key_is_said(key: str) -> None:
    problem = inspect_private_key(Tainted(key)).problem
    assert problem is not None
    assert "no private key" in problem


@given(st.binary(max_size=200))
def test_no_bytes_in_a_key_make_the_check_fail(data: bytes) -> None:
    body = base64.b64encode(b"openssh-key-v1\0" + data).decode()
    key = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"
    facts = inspect_private_key(Tainted(key))
    assert facts.problem is not None or facts.kind


@pytest.mark.parametrize(
    "lines",
    [
        "git.example ssh-ed25519 AAAA\n",
        "# a comment\n\ngit.example,10.0.0.1 ssh-rsa AAAA a comment\n",
        "[git.example]:2222 ecdsa-sha2-nistp256 AAAA",
        "|1|c2FsdA==|aGFzaA== ssh-ed25519 AAAA",
        "@cert-authority *.example ssh-ed25519 AAAA",
        "@revoked git.example ssh-ed25519 AAAA\ngit.example ssh-ed25519 BBBB",
    ],
)
def test_every_form_of_known_hosts_is_fine(lines: str) -> None:
    assert why_no_known_hosts(lines) is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "no host keys"),
        ("# nothing\n\n", "no host keys"),
        ("git.example", "line 1"),
        ("git.example ssh-ed25519 AAAA\nssh-ed25519 AAAA", "line 2"),
        ("@cert-authority *.example ssh-ed25519", "line 1"),
    ],
)
def test_known_hosts_that_hold_no_key_are_said(lines: str, words: str) -> None:
    problem = why_no_known_hosts(lines)
    assert problem is not None
    assert words in problem
