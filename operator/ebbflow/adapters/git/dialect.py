"""Fetches from servers that speak version 0 of the protocol only, by dulwich's client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from dulwich.objects import ObjectID

from ebbflow.adapters.git.link import Link
from ebbflow.adapters.git.wire import Advertisement, Want, WritePack
from ebbflow.domain.git import CommitGone, CommitId

_BY_ID: Final = frozenset({b"allow-reachable-sha1-in-want", b"allow-any-sha1-in-want"})


class _NothingHere:
    """A graph walker of a client that has nothing."""

    shallow: frozenset[ObjectID] = frozenset()

    def __next__(self) -> None:
        return None

    def ack(self, sha: ObjectID) -> None:
        del sha

    def nak(self) -> None:
        return


def fetch_version0(link: Link, server: Advertisement, want: Want, write: WritePack) -> None:
    """Fetch a commit from a server that only hands out what it lists (asked anew for it).

    Raises:
        CommitGone: the commit is no branch's head any more, and the server allows nothing else.
    """
    abilities = {capability.partition(b"=")[0] for capability in server.capabilities}
    if want.commit not in server.refs.values() and not (abilities & _BY_ID):
        raise gone(want.commit)
    wanted = [ObjectID(want.commit.encode())]
    link.client().fetch_pack(
        "",
        lambda refs, depth=None: wanted,  # noqa: ARG005  # the shape that dulwich calls
        cast("Any", _NothingHere()),
        cast("Callable[[bytes], int]", write),
        depth=want.depth,
        protocol_version=0,
    )


def gone(commit: CommitId) -> CommitGone:
    """Return the error for a commit that the server does not hand out (any more)."""
    return CommitGone(
        f"The Git server no longer hands out commit {commit[:12]}: the branch has moved or its"
        " history was rewritten. The operator looks again."
    )
