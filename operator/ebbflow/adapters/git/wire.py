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
HEADS: Final = "refs/heads/"
_ID: Final = re.compile(rb"[0-9a-f]{40}")

WritePack = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a server said of itself: its protocol version, capabilities, and where it is.

    `heads` are the branches that version 0 lists right away; with version 2 they are asked for.
    """

    version: int
    capabilities: frozenset[bytes]
    base: str
    heads: dict[str, CommitId]

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


def list_heads(link: Link, server: Advertisement, branches: Collection[str]) -> dict[str, CommitId]:
    """Ask where branches are (one request); those that do not exist are missing."""
    prefixes = [f"{HEADS}{branch}" for branch in sorted(branches)]
    if len(prefixes) > MAX_PREFIXES:
        prefixes = [HEADS]
    lines = [f"ref-prefix {prefix}\n".encode() for prefix in prefixes]
    with link.command(server.base, _command(server, b"ls-refs", lines)) as read:
        found = dict(_read_heads(Protocol(read, _no_write)))
    return {branch: found[branch] for branch in branches if branch in found}


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
    refs, abilities = read_pkt_refs_v1(protocol.read_pkt_seq())
    heads = {
        name.decode("utf-8", "surrogateescape").removeprefix(HEADS): sha.decode()
        for name, sha in refs.items()
        if name.startswith(HEADS.encode())
    }
    return Advertisement(0, frozenset(abilities), base, heads)


def _read_heads(protocol: Protocol) -> Iterator[tuple[str, CommitId]]:
    for packet in _packets(protocol):
        parts = packet.rstrip(b"\n").split(b" ")
        if len(parts) < 2 or not _ID.fullmatch(parts[0]):  # noqa: PLR2004  # an id and a name
            raise GitProtocolError("a reference cannot be read")
        name = parts[1].decode("utf-8", "surrogateescape")
        if name.startswith(HEADS):
            yield name.removeprefix(HEADS), parts[0].decode()


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
