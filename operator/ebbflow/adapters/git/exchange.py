"""Operations on one remote over one link: what a thread does from begin to end."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import IO, Final, TypeVar

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import ObjectID

from ebbflow.adapters.git import wire
from ebbflow.adapters.git.cache import GitObject, ObjectCache
from ebbflow.adapters.git.dialect import fetch_version0, gone
from ebbflow.adapters.git.errors import ServerSaid
from ebbflow.adapters.git.link import Link
from ebbflow.adapters.git.trees import is_ancestor
from ebbflow.adapters.git.wire import Advertisement, Want
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


def fetch_pack(link: Link, memory: ServerMemory, want: Want, file: IO[bytes]) -> None:
    """Fetch a commit's pack into a file: one request where the server is known, else two.

    Raises:
        CommitGone: the server does not hand the commit out.
    """

    def ask(server: Advertisement) -> None:
        file.seek(0)
        file.truncate()
        if server.version == 0:
            fetch_version0(link, server, want, file.write)
            return
        spec = want.filter_spec
        allowed = spec if spec is not None and memory.allows(spec) else None
        wire.fetch(link, server, replace(want, filter_spec=allowed), file.write)

    try:
        _with_server(link, memory, ask)
    except ServerSaid as said:
        if want.filter_spec is not None and _FILTER_REFUSED.search(said.words):
            memory.filters[want.filter_spec] = False
            return fetch_pack(link, memory, replace(want, filter_spec=None), file)
        if _NOT_HANDED_OUT.search(said.words):
            raise gone(want.commit) from said
        raise
    return None


def fetch_history(
    link: Link, memory: ServerMemory, head: CommitId, depth: int, cache: ObjectCache
) -> Callable[[str], GitObject]:
    """Fetch commits without their trees, into memory, and return how to look them up."""
    store = MemoryObjectStore()
    with cache.spool() as file:
        fetch_pack(link, memory, Want(head, depth, "tree:0"), file)
        size = file.tell()
        file.seek(0)
        if size:
            store.add_thin_pack(file.read, None)
    return lambda sha: store.get_raw(ObjectID(sha.encode()))


def descends(
    link: Link,
    memory: ServerMemory,
    cache: ObjectCache,
    head: CommitId,
    commit: CommitId,
    limit: int,
) -> bool:
    """Tell whether `commit` is among the last `limit` commits that `head` is made of."""
    look_up = fetch_history(link, memory, head, limit, cache)
    return is_ancestor(look_up, commit, head, limit)


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
