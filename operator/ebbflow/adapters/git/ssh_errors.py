"""What ssh says went wrong, as the domain's errors with words that say what to do.

The words are those of OpenSSH's client, which are the same in every language; they come from its
own log, where no server can write.
"""

from __future__ import annotations

import re
from typing import Final

from ebbflow.domain.addresses import redact
from ebbflow.domain.git import (
    AuthenticationFailed,
    GitError,
    HostKeyNotTrusted,
    Remote,
    Unreachable,
)
from ebbflow.domain.server_words import clean_words

_NO_CONNECTION: Final = re.compile(
    r"connect to (?:host|address) .* port \d+: (.+?)\s*$", re.MULTILINE
)
_CHANGED: Final = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY")
_UNKNOWN: Final = re.compile(r"Host key verification failed|No \S+ host key is known")
_BAD_KEY: Final = re.compile(r'Load key "[^"]*": (.+?)\s*$', re.MULTILINE)
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class NotConnected(Unreachable):
    """Nobody answers at an address; another one of the same name may."""


def for_ssh(remote: Remote, host: str, port: int, log: str) -> GitError:
    """Return what ssh's own failure (its exit status 255) means, from its log."""
    if _CHANGED.search(log):
        return _changed(remote, host, log)
    if _UNKNOWN.search(log):
        return HostKeyNotTrusted(
            f"The host key of {host} is not among the account's known hosts, so nothing was sent to"
            f" {redact(remote.url)}. `{_keyscan(host, port)}` prints its keys; compare their"
            " fingerprints (`ssh-keygen -lf`) with what the server's operator publishes, then add"
            " the lines to knownHosts in the GitAccount's Secret."
        )
    if bad := _BAD_KEY.search(log):
        return AuthenticationFailed(
            f"The privateKey of the GitAccount's Secret cannot be used ({_words(bad[1])}). Put a"
            " private key without a passphrase there, as ssh-keygen writes it."
        )
    if "Permission denied" in log or "Too many authentication failures" in log:
        return AuthenticationFailed(
            f"The ssh server {host} refused the key for {redact(remote.url)}. Add its public part to"
            " the account or the repository there, check the user in the address (often git), or"
            " correct privateKey in the GitAccount's Secret."
        )
    return _unreachable(remote, host, log)


def _changed(remote: Remote, host: str, log: str) -> GitError:
    shown = _FINGERPRINT.search(log)
    fingerprint = f" (it has the fingerprint {shown[0]})" if shown else ""
    return HostKeyNotTrusted(
        f"{host} shows another host key than the account's known hosts have{fingerprint}, or one"
        f" that they revoke, so nothing was sent to {redact(remote.url)}. Somebody may stand between"
        " you and the server: ask the server's operator. If the key was changed, put the new line"
        " into knownHosts in the GitAccount's Secret."
    )


def _unreachable(remote: Remote, host: str, log: str) -> GitError:
    place = redact(remote.url)
    if "No user exists for uid" in log:
        return Unreachable(
            f"ssh does not run as a user without a name, so {place} cannot be reached. Give the"
            " operator's user an entry in its image's /etc/passwd, or use the https address."
        )
    if refused := _NO_CONNECTION.search(log):
        return NotConnected(
            f"{host} did not answer for {place}: {_words(refused[1]).lower()}. The operator tries"
            " again; check the address and the network."
        )
    said = _words(log) or "the connection ended"
    return Unreachable(
        f"No ssh connection to {host} for {place}: {said}. The operator tries again; look at the"
        " server if it stays so."
    )


def _keyscan(host: str, port: int) -> str:
    return f"ssh-keyscan {host}" if port == 22 else f"ssh-keyscan -p {port} {host}"  # noqa: PLR2004


def _words(text: str) -> str:
    return clean_words(text, None).rstrip(".")
