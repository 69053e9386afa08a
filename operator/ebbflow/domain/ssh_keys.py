"""What ssh keys and known hosts say of themselves: pure checks of text, nothing is decrypted.

The form of private keys is in OpenSSH's PROTOCOL.key, that of known hosts in sshd(8).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from ebbflow.domain.secret import Tainted

ED25519: Final = "ssh-ed25519"
_OPENSSH: Final = re.compile(
    r"-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----"
)
_PEM: Final = re.compile(
    r"-----BEGIN ((?:[A-Z]+ )*)PRIVATE KEY-----.+-----END (?:[A-Z]+ )*PRIVATE KEY-----", re.DOTALL
)
_MAGIC: Final = b"openssh-key-v1\0"
_MARKERS: Final = frozenset({"@cert-authority", "@revoked"})
_FIELDS: Final = 3

_PROTECTED: Final = (
    "has a privateKey with a passphrase, which is not supported: make a key for this use alone "
    "(`ssh-keygen -t ed25519 -N '' -f key`), or take the passphrase off (`ssh-keygen -p -f key`)"
)
_UNREADABLE: Final = (
    "has a privateKey that is no private key: put the whole file there, from "
    "-----BEGIN … PRIVATE KEY----- to -----END … PRIVATE KEY-----"
)
_PUBLIC: Final = "has a public key as privateKey: put the private one there (the file without .pub)"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is seen of a private key without using it.

    kind: the name of its algorithm, such as ssh-ed25519; empty where the text does not tell.
    problem: why it cannot be used and what to do, to follow the name of the Secret; None if it can.
    """

    kind: str
    problem: str | None


def inspect_private_key(key: Tainted) -> KeyFacts:
    """Look at a private key; what is said of it holds nothing of it."""
    text = key.reveal().strip()
    if text.startswith(("ssh-", "ecdsa-", "sk-")):
        return KeyFacts("", _PUBLIC)
    if found := _OPENSSH.fullmatch(text):
        return _inspect_openssh(found[1])
    pem = _PEM.fullmatch(text)
    if pem is None:
        return KeyFacts("", _UNREADABLE)
    protected = "ENCRYPTED" in pem[1] or "Proc-Type: 4,ENCRYPTED" in text
    return KeyFacts("", _PROTECTED if protected else None)


def why_no_known_hosts(text: str) -> str | None:
    """Say why a text holds no host keys, to follow the name of the Secret; None if it holds some.

    Hashed names, patterns and certificate authorities are fine: ssh itself reads them.
    """
    lines = [line.split() for line in text.splitlines()]
    for fields in lines:
        if not fields or fields[0].startswith("#"):
            continue
        entry = fields[1:] if fields[0] in _MARKERS else fields
        if len(entry) < _FIELDS or not re.fullmatch(r"[A-Za-z0-9@.-]+", entry[1]):
            return (
                f"has a line in knownHosts that is no host key (line {lines.index(fields) + 1}): "
                "put lines there as ssh-keyscan prints them, such as git.example.com ssh-ed25519 AAAA…"
            )
    if not any(fields and not fields[0].startswith("#") for fields in lines):
        return "has no host keys in knownHosts: put lines there as ssh-keyscan prints them"
    return None


def _inspect_openssh(body: str) -> KeyFacts:
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
        if not data.startswith(_MAGIC):
            return KeyFacts("", _UNREADABLE)
        cipher, rest = _string(data[len(_MAGIC) :])
        _, rest = _string(rest)  # how a key is made of the passphrase
        _, rest = _string(rest)  # and with which parameters
        public, _ = _string(rest[4:])  # after the number of keys
        kind, _ = _string(public)
    except (binascii.Error, ValueError):
        return KeyFacts("", _UNREADABLE)
    return KeyFacts(kind.decode("ascii", "replace"), None if cipher == b"none" else _PROTECTED)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Split off a string as RFC 4251, section 5, writes it: its length in 4 bytes, and its bytes."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length:
        raise ValueError("the key is cut off")
    return data[4 : 4 + length], data[4 + length :]
