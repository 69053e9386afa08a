"""Pushing one commit: own pack, compare-and-swap, and the server's verdict read with care.

dulwich sends as old value of the branch what the server listed in the same push, and never checks
that the new commit descends from it. So the check is here, before anything is sent; a move between
the listing and the update is then caught by the server, which compares the old value itself.
A refusal is no exception in dulwich but an entry in `ref_status`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dulwich.errors import SendPackError
from dulwich.objects import ObjectID, ShaFile
from dulwich.pack import UnpackedObject, pack_objects_to_data
from dulwich.refs import Ref

from ebbflow.adapters.git.link import Link
from ebbflow.domain.git import HEADS, BranchMoved, CommitId, PreparedCommit, Pushed

MAX_PROGRESS_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server refused; whether the branch moved is to be looked up. `words` are uncleaned."""

    words: str


class _Elsewhere(Exception):
    """The branch is not where the commit was made."""

    def __init__(self, head: CommitId | None) -> None:
        super().__init__("the branch moved")
        self.head = head


def push_commit(
    link: Link, branch: str, commit: PreparedCommit, *, new: bool = False
) -> Pushed | BranchMoved | NotTaken:
    """Move the branch from the commit's parent to the commit (two requests).

    `new`: there is no such branch, and it is made.

    Raises:
        GitError, ServerSaid, urllib3 and dulwich errors: whether the commit was taken is unknown
            once its pack was sent.
    """
    ref = Ref(f"{HEADS}{branch}".encode())
    target = ObjectID(commit.commit.encode())
    expected = None if new else commit.parent

    def update(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
        head = refs[ref].decode() if ref in refs else None
        if head not in {expected, commit.commit}:
            raise _Elsewhere(head)
        return {ref: target}

    def pack(have: Any, want: Any, **options: Any) -> tuple[int, Iterator[UnpackedObject]]:
        del have, want, options  # just these objects: the server has all others
        whole = [ShaFile.from_raw_string(kind, data) for kind, data in commit.objects]
        return pack_objects_to_data(whole)

    said = bytearray()

    def listen(words: bytes) -> None:
        said.extend(words[: MAX_PROGRESS_BYTES - len(said)])

    try:
        result = link.client().send_pack("", update, pack, progress=listen)
    except _Elsewhere as elsewhere:
        return BranchMoved(elsewhere.head)
    except SendPackError as error:
        return NotTaken(_verdict(str(error.args[0] if error.args else error), said))
    status = (result.ref_status or {}).get(ref)
    return Pushed() if status is None else NotTaken(_verdict(status, said))


def _verdict(status: str, said: bytearray) -> str:
    words = said.decode("utf-8", "replace").strip()
    return f"{status}: {words}" if words else status
