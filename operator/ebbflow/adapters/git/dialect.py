"""dulwich's HTTP client over our own connections: pushes, and fetches from version 0 servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from dulwich.client import AbstractHttpGitClient
from dulwich.objects import ObjectID
from typing_extensions import override

from ebbflow.adapters.git import errors
from ebbflow.adapters.git.transport import Answer, Connection
from ebbflow.adapters.git.wire import Advertisement, Want, WritePack
from ebbflow.domain.git import CommitGone, CommitId

_BY_ID: Final = frozenset({b"allow-reachable-sha1-in-want", b"allow-any-sha1-in-want"})


class Client(AbstractHttpGitClient):
    """dulwich's client; only how a request is sent is ours."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.remote.url, quiet=True, thin_packs=False)
        self._connection = connection

    @override
    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        if data is None:
            answer = self._connection.get(url, headers or {})
            if not (answer.content_type or "").startswith("application/x-git-"):
                answer.close()
                raise errors.not_git(self._connection.remote, answer.content_type)
        else:
            # A push may have been taken although no answer came: it is never sent twice.
            answer = self._connection.post(url, headers or {}, data, again=False)
        return _Response(answer, url), answer.read


class _Response:
    """What dulwich asks of a response beside its bytes."""

    def __init__(self, answer: Answer, url: str) -> None:
        self._answer = answer
        self.content_type = answer.content_type
        self.redirect_location = answer.url if answer.url != url else ""

    def close(self) -> None:
        self._answer.close()


class _NothingHere:
    """A graph walker of a client that has nothing."""

    shallow: frozenset[ObjectID] = frozenset()

    def __next__(self) -> None:
        return None

    def ack(self, sha: ObjectID) -> None:
        del sha

    def nak(self) -> None:
        return


def fetch_version0(
    connection: Connection, server: Advertisement, want: Want, write: WritePack
) -> None:
    """Fetch a commit from a server that only hands out what it lists (two requests).

    Raises:
        CommitGone: the commit is no branch's head any more, and the server allows nothing else.
    """
    abilities = {capability.partition(b"=")[0] for capability in server.capabilities}
    if want.commit not in server.heads.values() and not (abilities & _BY_ID):
        raise gone(want.commit)
    wanted = [ObjectID(want.commit.encode())]
    Client(connection).fetch_pack(
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
