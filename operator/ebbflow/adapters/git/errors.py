"""What went wrong, as the domain's errors with words that say what to do.

Only the server's own words are passed on, cleaned: control characters and whatever looks like the
credential are removed, and the length is bounded.
"""

from __future__ import annotations

import re
import ssl
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import urllib3.exceptions
from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException
from dulwich.pack import UnresolvedDeltas

from ebbflow.domain.addresses import host_of, is_ssh, redact
from ebbflow.domain.git import (
    AuthenticationFailed,
    GitError,
    Remote,
    RepositoryNotFound,
    Unreachable,
)
from ebbflow.domain.server_words import clean_words, retry_after

# What dulwich raises on bytes that are not as the protocol wants them.
UNREADABLE: Final = (
    AssertionError,
    LookupError,
    ValueError,
    zlib.error,
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    UnresolvedDeltas,
)
_NOT_FOUND_WORDS: Final = re.compile(
    r"not found|does not exist|no such|not exported|could not be found"
    r"|not (?:appear to be )?a git repository",
    re.IGNORECASE,
)
_DENIED_WORDS: Final = re.compile(
    r"permission|access denied|not allowed|unauthori[sz]ed|forbidden|read[- ]only", re.IGNORECASE
)


class ServerSaid(Exception):
    """The server refused in the Git protocol itself; `words` are its own, uncleaned."""

    def __init__(self, words: str) -> None:
        super().__init__("the server refused")
        self.words = words


def for_status(
    remote: Remote, status: int, headers: Mapping[str, str], words: str, *, writing: bool
) -> GitError:
    """Return what an HTTP status other than 200 means."""
    place = redact(remote.url)
    said = (
        f" The server says: {cleaned}" if (cleaned := clean_words(words, remote.credential)) else ""
    )
    after = retry_after(headers.get("Retry-After"), datetime.now(UTC))
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthenticationFailed(f"{_unauthorized(remote, place)}{said}")
    if status == HTTPStatus.FORBIDDEN and after is None:
        what = "push to" if writing else "read"
        return AuthenticationFailed(
            f"The Git server forbids to {what} {place} (HTTP 403)."
            f" Give the account of the credentials the right to {what} the repository.{said}"
        )
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return RepositoryNotFound(
            f"The Git server knows no repository {place} (HTTP {status}), or hides it from these"
            f" credentials. Check the address and the account's rights.{said}"
        )
    return Unreachable(
        f"The Git server answered for {place} with HTTP {status}. The operator tries again;"
        f" look at the server if it stays so.{said}",
        retry_after=after,
    )


def for_expiry(remote: Remote, seconds: float) -> GitError:
    """Return the error for an operation whose time was over."""
    return Unreachable(
        f"{host_of(remote.url)} did not finish its answer for {redact(remote.url)} within"
        f" {seconds:g} s. The operator tries again; look at the server and the network."
    )


def for_queue(remote: Remote, seconds: float) -> GitError:
    """Return the error for an operation that never began, because others did not end."""
    return Unreachable(
        f"{redact(remote.url)} was not asked within {seconds:g} s: other requests to Git servers"
        f" take all this time. The operator tries again; look at {host_of(remote.url)}."
    )


def for_failure(remote: Remote, error: Exception) -> GitError:
    """Return what an exception below HTTP or Git's protocol means."""
    host = host_of(remote.url)
    if isinstance(error, urllib3.exceptions.SSLError):
        return Unreachable(
            f"No secure connection to {host}: {_tls_words(error)}. If the server has a certificate"
            " of your own authority, put that into the GitAccount's spec.caBundle."
        )
    if isinstance(error, UNREADABLE):
        return Unreachable(
            f"{host} sent an answer for {redact(remote.url)} that cannot be understood"
            f" ({type(error).__name__}). The operator tries again; check that it is a Git server."
        )
    return Unreachable(
        f"{host} did not answer for {redact(remote.url)}: {_network_words(error)}."
        " The operator tries again; check the address and the network."
    )


def broken_pack(remote: Remote, error: Exception) -> GitError:
    """Return the error for a pack that cannot be unpacked."""
    return Unreachable(
        f"The Git server sent a pack for {redact(remote.url)} that cannot be read"
        f" ({type(error).__name__}). The operator tries again; check the repository with git fsck."
    )


def for_refusal(remote: Remote, said: ServerSaid) -> GitError:
    """Return what words of the server in place of an answer mean."""
    words = clean_words(said.words, remote.credential)
    place = redact(remote.url)
    if _NOT_FOUND_WORDS.search(words):
        return RepositoryNotFound(f"The Git server refuses {place}: {words}. Check the address.")
    if _DENIED_WORDS.search(words):
        return AuthenticationFailed(
            f"The Git server refuses {place}: {words}. Give the account of the credentials the"
            " right to use the repository."
        )
    return Unreachable(f"The Git server refuses {place}: {words}. The operator tries again.")


def wrong_kind(remote: Remote) -> GitError:
    """Return the error for credentials that this kind of address cannot use."""
    need = (
        "a private key (privateKey and knownHosts in the Secret)"
        if is_ssh(remote.url)
        else "a token, or a user name and a password"
    )
    return AuthenticationFailed(
        f"{redact(remote.url)} needs {need}. Name a GitAccount with such a Secret, or use the"
        " repository's address of the other kind."
    )


def not_git(remote: Remote, content_type: str | None) -> GitError:
    """Return the error for an answer that is not of the type that Git's protocol wants."""
    if content_type is None:
        # http.client takes headers that break off for whole ones.
        return Unreachable(
            f"The answer for {redact(remote.url)} broke off. The operator tries again."
        )
    return RepositoryNotFound(
        f"{redact(remote.url)} answers, but not as a Git repository (smart HTTP). Check the"
        " address: it must be the one that `git clone` takes."
    )


def _unauthorized(remote: Remote, place: str) -> str:
    if remote.credential is None:
        return (
            f"The Git server wants credentials for {place} (HTTP 401). Name a GitAccount in"
            " spec.git.accountRef, and in its spec.secretRef a Secret that holds them; some servers"
            " also answer so where the repository does not exist."
        )
    return (
        f"The Git server refused the credentials for {place} (HTTP 401). Correct the Secret of the"
        " GitAccount; some servers also answer so where the repository does not exist."
    )


def _tls_words(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    return "the TLS handshake failed"


def _network_words(error: Exception) -> str:
    # A refused connection is a kind of time-out to urllib3.
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not refused:
        return "no connection in time"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return "no answer in time"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror[0].lower() + seen.strerror[1:]
        seen = seen.__cause__ or seen.__context__
    return "the connection ended before the answer was complete"
