"""Signatures of commits with an ssh key, as `git commit -S` makes them with gpg.format=ssh.

The form is OpenSSH's PROTOCOL.sshsig: what is signed is a hash of the text, bound to the namespace
`git`, so that nobody can pass a commit's signature off as one of another kind. Ed25519 signs
without chance, so the same commit always gets the same signature.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)

from ebbflow.domain.git import InvalidRequest, SigningKey
from ebbflow.domain.ssh_keys import ED25519

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_NAMESPACE: Final = b"git"
_HASH: Final = b"sha512"
_LINE: Final = 70  # as ssh-keygen breaks its lines


def sign(text: bytes, key: SigningKey) -> bytes:
    """Return the armoured signature of a commit's text, without a line break at its end.

    Raises:
        InvalidRequest: the key is no Ed25519 key without a passphrase.
    """
    private = _load(key)
    hashed = _string(_HASH) + _string(hashlib.sha512(text).digest())
    signed = private.sign(_MAGIC + _string(_NAMESPACE) + _string(b"") + hashed)
    kind = _string(ED25519.encode())
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    body = _MAGIC + _VERSION.to_bytes(4, "big") + _string(kind + _string(public))
    body += _string(_NAMESPACE) + _string(b"") + _string(_HASH) + _string(kind + _string(signed))
    encoded = base64.b64encode(body)
    lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
    return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----"])


def _load(key: SigningKey) -> Ed25519PrivateKey:
    # The reason is left out on purpose: a library's words may quote what it could not read.
    try:
        loaded = load_ssh_private_key(key.private_key.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        loaded = None
    if isinstance(loaded, Ed25519PrivateKey):
        return loaded
    raise InvalidRequest(
        "The privateKey in the Secret of the GitAccount's spec.signing is no Ed25519 key without a"
        " passphrase. Make one: ssh-keygen -t ed25519 -N '' -f signing"
    )


def _string(data: bytes) -> bytes:
    """Write a string as RFC 4251, section 5, does: its length in 4 bytes, and its bytes."""
    return len(data).to_bytes(4, "big") + data
