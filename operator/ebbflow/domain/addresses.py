"""Which repository addresses, hosts, paths and branch names may be used: pure checks of text.

The rules follow RFC 3986 for addresses, git-check-ref-format(1) for branches, and git's own
checks of paths (verify_path) for files. Nothing here resolves a name: what a name resolves to is
checked by the adapter that connects, with `why_forbidden`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ebbflow.domain.git import AddressNotAllowed

MAX_URL_LENGTH: Final = 2048
MAX_PATH_BYTES: Final = 1024
MAX_PATH_PARTS: Final = 64
MAX_BRANCH_BYTES: Final = 255

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_SSH_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# RFC 3986, 3.2.2: urllib.parse passes over what stands between the bracket and the port.
_BRACKETED: Final = re.compile(r"(?:[^@\[\]]*@)?\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_UNSAFE_IN_URL: Final = re.compile(r"[\x00-\x20\x7f\\\"<>^`{|}]")
_UNSAFE_IN_BRANCH: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")

# Addresses that only tell a machine about itself: cloud metadata services answer there with
# credentials. The link-local ranges hold most of them; these are the others in use.
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")
_BROADCAST: Final = ipaddress.ip_address("255.255.255.255")
# RFC 6052, 8215 and 4291: IPv6 ranges whose last 32 bits are an IPv4 address
_IPV4_IN_LAST_BITS: Final = tuple(
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")
)


def check_repository_url(url: str, *, allow_insecure_http: bool) -> None:
    """Refuse an address that the operator may not or cannot use.

    Raises:
        AddressNotAllowed: the text says what is wrong and what to write instead; it never
            repeats a user name or password from the address.
    """
    if len(url) > MAX_URL_LENGTH:
        raise AddressNotAllowed(
            f"The repository's address has {len(url)} characters; give one of at most {MAX_URL_LENGTH}."
        )
    parts = _split(url)
    _check_scheme(parts, url, allow_insecure_http=allow_insecure_http)
    _check_user(parts, url)
    _check_host(parts, url)
    _check_url_path(parts, url)


def check_request_url(url: str, *, allow_insecure_http: bool, hosts: Collection[str]) -> None:
    """Refuse an address that no request may go to: by scheme, form, or host; a query is fine.

    Raises:
        AddressNotAllowed: the text says what is wrong; it never repeats credentials or the query.
    """
    if len(url) > MAX_URL_LENGTH:
        raise AddressNotAllowed(
            f"The address has {len(url)} characters; give one of at most {MAX_URL_LENGTH}."
        )
    parts = _split(url)
    if parts.scheme not in ("http", "https"):
        raise AddressNotAllowed(f"{redact(url)!r} is no web address. Write https://host/path.")
    _check_scheme(parts, url, allow_insecure_http=allow_insecure_http)
    if parts.username is not None or parts.password is not None:
        raise AddressNotAllowed(
            f"The address {redact(url)} holds a user or password. Put them into a Secret, and send"
            " them in a header from there."
        )
    if _UNSAFE_IN_URL.search(url) or not url.isascii():
        raise AddressNotAllowed(
            f"The address {redact(url)!r} holds characters that must be percent-encoded."
        )
    _check_host(parts, url)
    host = host_of(url)
    if not is_host_allowed(host, hosts):
        raise AddressNotAllowed(
            f"The operator may not connect to {host}, the host of {redact(url)}. Use a host that"
            " its --allowed-hosts allows, or add this one there."
        )


def is_ssh(url: str) -> bool:
    """Tell whether an address is one for ssh."""
    return url.lower().startswith("ssh:")


def host_of(url: str) -> str:
    """Return the host of an address in lower case, without port, brackets and final dot.

    Raises:
        AddressNotAllowed: the address has no host.
    """
    host = _split(url).hostname
    if not host:
        raise AddressNotAllowed(f"The address {redact(url)} names no host.")
    return host.rstrip(".").lower()


def redact(url: str) -> str:
    """Return the address without user, password, query and fragment, fit for messages."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return f"{scheme}{separator}{host}{slash}{path}"


def is_host_allowed(host: str, allowed: Collection[str]) -> bool:
    """Tell whether a host matches one of the globs as a whole; no globs allow every host."""
    name = host.lower().rstrip(".")
    return not allowed or any(fnmatchcase(name, glob.lower().rstrip(".")) for glob in allowed)


def why_forbidden(address: str) -> str | None:
    """Say what a numeric IP address is that nobody may connect to; None if it may be used.

    IPv4 addresses inside of IPv6 ones (mapped, 6to4, NAT64, Teredo) count as themselves.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    for candidate in (ip, *_embedded(ip)):
        if candidate in _METADATA:
            return "a cloud's metadata address"
        if candidate.is_link_local:
            return "a link-local address, as metadata services use"
        if candidate.is_multicast or candidate == _BROADCAST:
            return "a multicast address"
        if candidate.is_unspecified or candidate in _THIS_NETWORK:
            return "an unspecified address"
    return None


def normalise_path(path: str) -> str:
    """Return a file's path relative to the root of a repository; one leading slash is dropped.

    Raises:
        ValueError: the path cannot name a file in Git; the text says what to change.
    """
    relative = path.removeprefix("/")
    if len(relative.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
        raise ValueError(f"the path is over {MAX_PATH_BYTES} bytes long; use a shorter one")
    for text, what in (("\0", "a NUL character"), ("\\", "a backslash")):
        if text in relative:
            raise ValueError(f"the path {path!r} holds {what}; separate directories with /")
    if re.search(r"[\ud800-\udfff]", relative):
        raise ValueError(f"the path {path!r} is not valid Unicode; use another name")
    parts = relative.split("/")
    if len(parts) > MAX_PATH_PARTS:
        raise ValueError(f"the path is over {MAX_PATH_PARTS} directories deep; use a shorter one")
    for part in parts:
        _check_path_part(path, part)
    return relative


def check_branch_name(branch: str) -> None:
    """Refuse what git-check-ref-format(1) refuses as a branch.

    Raises:
        ValueError: the text says what to change.
    """
    problem = _branch_problem(branch)
    if problem is not None:
        raise ValueError(f"{branch!r} is no branch name: it {problem}. Use another name.")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname  # both are parsed here, and may raise
    except ValueError as error:
        raise AddressNotAllowed(
            f"{redact(url)!r} is no address: its host or port cannot be read."
            " Write https://host/path."
        ) from error
    return parts


def _check_scheme(parts: SplitResult, url: str, *, allow_insecure_http: bool) -> None:
    match parts.scheme:
        case "https" | "ssh":
            return
        case "http" if allow_insecure_http:
            return
        case "http":
            raise AddressNotAllowed(
                f"{redact(url)} would send everything in the clear. Use https, or start the operator"
                " with --allow-insecure-http."
            )
        case _:
            raise AddressNotAllowed(
                f"{redact(url)!r} is no address of a repository that can be used. Write"
                " https://host/path or ssh://git@host/path."
            )


def _check_user(parts: SplitResult, url: str) -> None:
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        raise AddressNotAllowed(
            f"The address {redact(url)} holds a user or password. Put them into a Secret and name it"
            " in a GitAccount's spec.secretRef."
        )
    # It becomes an argument of a program: nothing that could be read as an option, or expanded.
    if parts.username is not None and not _SSH_USER.fullmatch(parts.username):
        raise AddressNotAllowed(
            f"The user in the address of {redact(url)} is no user name. Write ssh://git@host/path,"
            " with letters, digits, dots, hyphens and underscores in the user."
        )


def _check_host(parts: SplitResult, url: str) -> None:
    host = host_of(url)
    address = _literal_address(host)
    if address is not None:
        reason = why_forbidden(address)
        if reason is not None:
            raise AddressNotAllowed(
                f"The host of {redact(url)} is {reason}; the operator never connects there."
                " Use the name of the server."
            )
        if "[" not in parts.netloc or _BRACKETED.fullmatch(parts.netloc):
            return
    if "[" in parts.netloc or not _HOST.fullmatch(host) or ".." in host:
        raise AddressNotAllowed(
            f"The host of {redact(url)!r} is no host name. Use letters, digits, dots and hyphens"
            " (international names in their xn-- form)."
        )
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # The C library reads 2130706433, 0x7f.1 and 0177.0.0.1 as IPv4 addresses.
        raise AddressNotAllowed(
            f"The host of {redact(url)!r} is a number. Write an IPv4 address as four decimal"
            " numbers, or use a name."
        )


def _check_url_path(parts: SplitResult, url: str) -> None:
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise AddressNotAllowed(
            f"The address of {redact(url)} goes on after the repository. Remove everything from ?"
            " or # on."
        )
    if _UNSAFE_IN_URL.search(url) or not url.isascii():
        raise AddressNotAllowed(
            f"The address {redact(url)!r} holds characters that must be percent-encoded."
        )
    path = unquote(parts.path)
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise AddressNotAllowed(
            f"The address {redact(url)} holds an encoded control character. Remove it."
        )
    segments = path.removeprefix("/").removesuffix("/").split("/")
    # Servers and proxies resolve these before they look at the path: what was allowed by its
    # owner and name would not be what is opened.
    if any(segment in {"", ".", ".."} or "\\" in segment for segment in segments):
        raise AddressNotAllowed(
            f"The address {redact(url)} names no repository. Write https://host/owner/name,"
            " without empty parts, . and .. in it."
        )


def _literal_address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _embedded(ip: _IPAddress) -> tuple[_IPAddress, ...]:
    if isinstance(ip, ipaddress.IPv4Address):
        return ()
    found: list[_IPAddress] = [
        inner for inner in (ip.ipv4_mapped, ip.sixtofour) if inner is not None
    ]
    if ip.teredo is not None:
        found.extend(ip.teredo)
    if any(ip in network for network in _IPV4_IN_LAST_BITS) and int(ip) > 1:
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return tuple(found)


def _check_path_part(path: str, part: str) -> None:
    if part == "":
        raise ValueError(
            f"the path {path!r} has an empty part; name a file, with single slashes between"
            " directories"
        )
    if part in {".", ".."}:
        raise ValueError(
            f"the path {path!r} holds {part!r}; write the whole path from the root of the repository"
        )
    if _is_git_directory(part):
        raise ValueError(f"the path {path!r} leads into {part!r}, which belongs to Git")


def _is_git_directory(part: str) -> bool:
    # Beside the plain name: what HFS+ (ignored characters) and NTFS (trailing dots and spaces,
    # streams, the short name) take for .git, as in git's is_hfs_dotgit and is_ntfs_dotgit.
    visible = re.sub("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]", "", part).lower()
    return visible.partition(":")[0].rstrip(". ") in {".git", "git~1"}


def _branch_problem(branch: str) -> str | None:
    if not branch or len(branch.encode("utf-8", "surrogatepass")) > MAX_BRANCH_BYTES:
        return f"must have 1 to {MAX_BRANCH_BYTES} bytes"
    if _UNSAFE_IN_BRANCH.search(branch) or re.search(r"[\ud800-\udfff]", branch):
        return "holds a space, a control character or one of ~ ^ : ? * [ \\"
    if branch.startswith("-"):
        return "begins with a hyphen"
    if ".." in branch or "@{" in branch or branch.endswith(".") or branch in {"@", "HEAD"}:
        return "holds .. or @{, ends with a dot, or is @ or HEAD"
    for part in branch.split("/"):
        if not part or part.startswith(".") or part.endswith(".lock"):
            return "has an empty part, or one that begins with a dot or ends with .lock"
    return None
