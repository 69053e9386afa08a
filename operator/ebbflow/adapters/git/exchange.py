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
from ebbflow.adapters.git.trees import LookUp
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


def list_refs(link: Link, memory: ServerMemory, prefixes: Collection[str]) -> dict[str, CommitId]:
    """Return where references are: one request where the server is known, else two.

    Those whose names begin with one of the prefixes, and perhaps others.
    """

    def ask(server: Advertisement) -> dict[str, CommitId]:
        return server.refs if server.version == 0 else wire.list_refs(link, server, prefixes)

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


def with_history(
    link: Link,
    memory: ServerMemory,
    cache: ObjectCache,
    tips: Collection[CommitId],
    depth: int,
    limits: Limits,
    work: Callable[[LookUp], V],
) -> V:
    """Return what `work` makes of the last `depth` commits that each tip is made of."""
    with closing(cache.scratch()) as packs:
        for tip in tips:
            with cache.spool() as file:
                pack = PackFile(file, limits)
                # Commits without their trees, where the server can.
                fetch_pack(link, memory, Want(tip, depth, "tree:0"), pack)
                apart = unpack_if_large(
                    link, pack, packs.directory, limits, beside_large=packs.has_large
                )
                if apart is not None:
                    packs.took(apart)
                elif pack.size:
                    packs.take(pack)
        return work(packs.get)


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
