"""Whether two addresses mean the same repository: https or ssh, with .git or not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

_ALIASES: Final = {
    "www.github.com": "github.com",
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Hosts that lead to the same repositories: ssh on port 443, as the providers document it."""

_SCP: Final = re.compile(r"(?:[^@/:]+@)?([^/:@]+):(?!//)/?(.+)")
"""user@host:path, as git takes it for ssh."""

_SCM: Final = "scm/"
"""What Bitbucket Data Center puts before the path over https, and not over ssh."""

MAX_ADDRESS: Final = 2048


class Identity(NamedTuple):
    """What is the same in all addresses of a repository."""

    host: str
    path: str


def identity(url: str) -> Identity | None:
    """Return what the address has in common with others of the repository; None if it is none.

    Case does not count: a provider that tells two repositories apart by it would only make us look
    at one more.
    """
    if len(url) > MAX_ADDRESS:
        return None
    path = (
        unquote(_parts(url)[1])
        .strip("/")
        .removesuffix(".git")
        .strip("/")
        .lower()
        .removeprefix(_SCM)
    )
    return Identity(_host(url), path) if path else None


def is_about(url: str, told: Iterable[str], server: str | None) -> bool:
    """Tell whether a repository's address is one of those that a delivery names.

    `server`: the address of the account's server, None where it has none. On that one the path is
    enough: the delivery may call it by another name than the cluster, as inside and outside.
    """
    own = identity(url)
    if own is None:
        return False
    at_home = server is not None and own.host == _host(server)
    found = filter(None, map(identity, told))
    return any(own.path == other.path and (at_home or own.host == other.host) for other in found)


def _host(url: str) -> str:
    host = _parts(url)[0].lower().rstrip(".")
    return _ALIASES.get(host, host)


def _parts(url: str) -> tuple[str, str]:
    """Return host and path; the host is empty where there is none, and both if neither is."""
    if "://" not in url:
        scp = _SCP.fullmatch(url)
        return (scp[1], scp[2]) if scp else ("", url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.hostname or "", parts.path
