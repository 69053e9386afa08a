"""Operations on one remote over one link: what a thread does from begin to end."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from ebbflow.adapters.git import wire
from ebbflow.adapters.git.cache import ObjectCache
from ebbflow.adapters.git.dialect import fetch_version0, gone
from ebbflow.adapters.git.errors import ServerSaid
from ebbflow.adapters.git.limits import Limits
from ebbflow.adapters.git.link import Link
from ebbflow.adapters.git.trees import LookUp, is_ancestor, with_line
from ebbflow.adapters.git.unpacking import PackFile, is_small, unpack_apart
from ebbflow.adapters.git.wire import Advertisement, Want
from ebbflow.adapters.unpack.order import Unpacked
from ebbflow.domain.git import AddressNotAllowed, CommitId, RepositoryNotFound

V = TypeVar("V")

_FILTER_REFUSED: Final = re.compile(r"filter", re.IGNORECASE)
_NOT_HANDED_OUT: Final = re.compile(r"not our ref|not valid|unadvertised|bad object", re.IGNORECASE)


@dataclass(slots=True)
class ServerMemory:
    """What was learnt of the server of one remote. Replaced as a whole, so any thread may read."""

    advertisement: Advertisement | None = None
    filters: dict[str, bool] = field(default_factory=dict)

    def allows(self, filter_spec: str) -> bool:
        """Tell whether a filter may be sent: the server has them, and did not refuse this one."""
        return (
            self.advertisement is not None
            and self.advertisement.offers(b"fetch", b"filter")
            and self.filters.get(filter_spec, True)
        )


def list_heads(link: Link, memory: ServerMemory, branches: Collection[str]) -> dict[str, CommitId]:
    """Return where branches are: one request where the server is known, else two."""

    def ask(server: Advertisement) -> dict[str, CommitId]:
        if server.version == 0:
            return {name: server.heads[name] for name in branches if name in server.heads}
        return wire.list_heads(link, server, branches)

    return _with_server(link, memory, ask)


def fetch_pack(link: Link, memory: ServerMemory, want: Want, pack: PackFile) -> None:
    """Fetch a commit's pack into a file: one request where the server is known, else two.

    Raises:
        CommitGone: the server does not hand the commit out.
        TooLarge: the pack says to have more objects than it may.
    """

    def ask(server: Advertisement) -> None:
        pack.restart()
        if server.version == 0:
            fetch_version0(link, server, want, pack.write)
            return
        spec = want.filter_spec
        allowed = spec if spec is not None and memory.allows(spec) else None
        wire.fetch(link, server, replace(want, filter_spec=allowed), pack.write)

    try:
        _with_server(link, memory, ask)
    except ServerSaid as said:
        if want.filter_spec is not None and _FILTER_REFUSED.search(said.words):
            memory.filters[want.filter_spec] = False
            return fetch_pack(link, memory, replace(want, filter_spec=None), pack)
        if _NOT_HANDED_OUT.search(said.words):
            raise gone(want.commit) from said
        raise
    return None


def unpack_if_large(
    link: Link, pack: PackFile, directory: Path, limits: Limits, *, beside_large: bool
) -> Unpacked | None:
    """Unpack a large pack in a process of its own, while the operation lasts; None: it is small.

    `beside_large`: large objects lie in the directory already. A pack may hold differences to
    them, so no size that it tells of itself can be believed before it is unpacked.

    Raises:
        BrokenPack: it cannot be unpacked.
        TooLarge: it would become more than it may.
    """
    if not pack.size or (not beside_large and is_small(pack, limits)):
        return None
    return unpack_apart(pack, directory, limits, link.operation)


def descends(
    link: Link,
    memory: ServerMemory,
    cache: ObjectCache,
    head: CommitId,
    commit: CommitId,
    limits: Limits,
) -> bool:
    """Tell whether `commit` is among the last `limits.history` commits that `head` is made of."""

    def look(look_up: LookUp) -> bool:
        return is_ancestor(look_up, commit, head, limits.history)

    return _in_history(link, memory, cache, head, limits, look)


def find_commit(
    link: Link,
    memory: ServerMemory,
    cache: ObjectCache,
    head: CommitId,
    line: str,
    limits: Limits,
) -> CommitId | None:
    """Return the newest of the last `limits.history` commits with this line in its message."""

    def look(look_up: LookUp) -> CommitId | None:
        return with_line(look_up, head, line, limits.history)

    return _in_history(link, memory, cache, head, limits, look)


def _in_history(
    link: Link,
    memory: ServerMemory,
    cache: ObjectCache,
    head: CommitId,
    limits: Limits,
    look: Callable[[LookUp], V],
) -> V:
    """Fetch the last commits that `head` is made of, and look at them."""
    with cache.spool() as file, closing(cache.scratch()) as packs:
        pack = PackFile(file, limits)
        # Commits without their trees, where the server can.
        fetch_pack(link, memory, Want(head, limits.history, "tree:0"), pack)
        apart = unpack_if_large(link, pack, packs.directory, limits, beside_large=False)
        if apart is not None:
            packs.took(apart)
        elif pack.size:
            packs.take(pack)
        return look(packs.get)


def _with_server(link: Link, memory: ServerMemory, ask: Callable[[Advertisement], V]) -> V:
    known = memory.advertisement
    if link.spares_discovery and known is not None and known.version != 0:
        try:
            return ask(known)
        except (RepositoryNotFound, AddressNotAllowed):
            # It may be another server by now, or lie elsewhere: what it says today counts.
            memory.advertisement = None
    memory.advertisement = wire.discover(link)
    return ask(memory.advertisement)
