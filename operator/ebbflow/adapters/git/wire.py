"""Git's protocol version 2: listing references and fetching, and what comes before it.

gitprotocol-v2(5) and gitprotocol-pack(5). Against dulwich's own client:
capabilities may be remembered, so that a listing or a fetch is one request in place of two or
three; a commit is asked for by its id; and what a server says in an ERR packet is not lost.
Servers that speak version 0 are recognised here and served by `dialect`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dulwich.client import read_pkt_refs_v1
from dulwich.errors import GitProtocolError, HangupException
from dulwich.protocol import Protocol, pkt_line

from ebbflow.adapters.git.errors import ServerSaid
from ebbflow.adapters.git.link import Link
from ebbflow.domain.git import CommitId, Unreachable

MAX_PREFIXES: Final = 100
DELIMITER: Final = b"0001"
FLUSH: Final = b"0000"
PEELED: Final = "^{}"
_ID: Final = re.compile(rb"[0-9a-f]{40}")

WritePack = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a server said of itself: its protocol version, capabilities, and where it is.

    `refs` are what version 0 lists right away, tags peeled; with version 2 they are asked for.
    """

    version: int
    capabilities: frozenset[bytes]
    base: str
    refs: dict[str, CommitId]

    def offers(self, command: bytes, feature: bytes) -> bool:
        """Tell whether the server has a feature of a version 2 command."""
        for capability in self.capabilities:
            name, _, value = capability.rstrip(b"\n").partition(b"=")
            if name == command:
                return feature in value.split(b" ")
        return False


@dataclass(frozen=True, slots=True)
class Want:
    """One fetch: a commit, how deep, which objects to leave out, and what is here already."""

    commit: CommitId
    depth: int
    filter_spec: str | None
    haves: Sequence[CommitId] = ()
    shallow: Sequence[CommitId] = ()


def discover(link: Link) -> Advertisement:
    """Ask which version and capabilities the server has (one request)."""
    with link.advertisement() as (read, base):
        return _read_advertisement(Protocol(read, _no_write), base)


def list_refs(link: Link, server: Advertisement, prefixes: Collection[str]) -> dict[str, CommitId]:
    """Ask where the references are whose names begin so (one request); tags are peeled.

    With many prefixes the answer holds others too.
    """
    asked = sorted(prefixes)
    if len(asked) > MAX_PREFIXES:
        asked = sorted({_kind_of(prefix) for prefix in asked})
    lines = [b"peel\n", *(f"ref-prefix {prefix}\n".encode() for prefix in asked)]
    with link.command(server.base, _command(server, b"ls-refs", lines)) as read:
        return dict(_read_refs(Protocol(read, _no_write)))


def fetch(link: Link, server: Advertisement, want: Want, write: WritePack) -> None:
    """Fetch what a commit needs (one request); the pack goes to `write` piece by piece.

    Raises:
        ServerSaid: the server refuses, for one because it no longer has the commit.
    """
    lines = [b"ofs-delta\n", b"no-progress\n"]
    if want.haves:
        lines.append(b"thin-pack\n")
    if want.filter_spec is not None:
        lines.append(f"filter {want.filter_spec}\n".encode())
    lines += [f"shallow {commit}\n".encode() for commit in want.shallow]
    lines.append(f"deepen {want.depth}\n".encode())
    lines.append(f"want {want.commit}\n".encode())
    lines += [f"have {commit}\n".encode() for commit in want.haves]
    lines.append(b"done\n")
    with link.command(server.base, _command(server, b"fetch", lines)) as read:
        _read_pack(Protocol(read, _no_write), write)


def _command(server: Advertisement, command: bytes, lines: Sequence[bytes]) -> bytes:
    head = [b"command=%s\n" % command, b"agent=ebbflow\n"]
    if b"object-format=sha1" in {c.rstrip(b"\n") for c in server.capabilities}:
        head.append(b"object-format=sha1\n")
    return b"".join(map(pkt_line, head)) + DELIMITER + b"".join(map(pkt_line, lines)) + FLUSH


def _read_advertisement(protocol: Protocol, base: str) -> Advertisement:
    first = _packet(protocol)
    if first is not None and first.startswith(b"# service="):
        while _packet(protocol) is not None:
            pass
        first = _packet(protocol)
    if first is not None and first.strip() == b"version 2":
        capabilities = frozenset(_packets(protocol))
        if b"object-format=sha256" in {c.strip() for c in capabilities}:
            raise Unreachable(
                "The repository uses SHA-256 object names, which the operator cannot read."
                " Use a repository with SHA-1 object names."
            )
        return Advertisement(2, capabilities, base, {})
    protocol.unread_pkt_line(first)
    listed, abilities = read_pkt_refs_v1(protocol.read_pkt_seq())
    refs = {name: sha.decode() for raw, sha in listed.items() if (name := _readable(raw))}
    whole = {name: refs.get(f"{name}{PEELED}", sha) for name, sha in refs.items()}
    found = {name: sha for name, sha in whole.items() if not name.endswith(PEELED)}
    return Advertisement(0, frozenset(abilities), base, found)


def _read_refs(protocol: Protocol) -> Iterator[tuple[str, CommitId]]:
    for packet in _packets(protocol):
        target, *more = packet.rstrip(b"\n").split(b" ")
        if not more or not _ID.fullmatch(target):
            raise GitProtocolError("a reference cannot be read")
        peeled = next((one[7:] for one in more[1:] if one.startswith(b"peeled:")), target)
        name = _readable(more[0])
        if name is not None and _ID.fullmatch(peeled):
            yield name, peeled.decode()


def _readable(name: bytes) -> str | None:
    """Return a reference's name; None if it is no UTF-8, which nothing in the cluster can say."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _kind_of(prefix: str) -> str:
    """Return the prefix of all references of a kind, such as refs/heads/."""
    return "/".join([*prefix.split("/")[:2], ""])


def _read_pack(protocol: Protocol, write: WritePack) -> None:
    section = _packet(protocol)
    while section is not None and section.strip() != b"packfile":
        for _ in _packets(protocol):  # shallow-info: we know what we asked for
            pass
        section = _packet(protocol)
    if section is None:
        raise GitProtocolError("the server sent no pack")
    for packet in _packets(protocol):
        channel, data = packet[0], packet[1:]
        if channel == 1:
            write(data)
        elif channel == 3:  # noqa: PLR2004  # gitprotocol-pack: the channel of fatal errors
            raise ServerSaid(data.decode("utf-8", "replace"))


def _packets(protocol: Protocol) -> Iterator[bytes]:
    while packet := _packet(protocol):
        yield packet


def _packet(protocol: Protocol) -> bytes | None:
    try:
        packet = protocol.read_pkt_line()
    except HangupException as error:
        raise GitProtocolError("the connection ended early") from error
    if packet is not None and packet.startswith(b"ERR "):
        raise ServerSaid(packet[4:].decode("utf-8", "replace"))
    return packet


def _no_write(data: bytes) -> None:
    del data
