"""A commit in memory: the files that it changes, the trees on the way to them, and itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dulwich.objects import Commit, ObjectID, ShaFile

from ebbflow.adapters.git.changed_trees import ChangedTrees
from ebbflow.adapters.git.signing import sign
from ebbflow.adapters.git.trees import TreeReader
from ebbflow.domain.git import BlobId, CommitHeader, CommitId, PreparedCommit, Signature

_STRIPPED: Final = str.maketrans(dict.fromkeys("<>\n\r\0", " "))


def build_commit(
    reader: TreeReader, parent: CommitId, path: str, data: bytes, header: CommitHeader
) -> PreparedCommit:
    """Return the commit that puts `data` at `path` on top of `parent`, whose trees `reader` reads.

    A file that is there keeps its mode. The same arguments make the same bytes.

    Raises:
        NotAFile: something else than a file is at the path, or a file on the way to it.
        ValueError: the path cannot name a file.
        InvalidRequest: the key to sign with cannot be used.
    """
    trees = ChangedTrees(reader)
    blob = trees.put(path, data)
    return _prepared(trees, parent, header, blob.id.decode())


def build_commit_of_files(
    reader: TreeReader,
    parent: CommitId,
    files: Mapping[str, bytes | None],
    header: CommitHeader,
) -> PreparedCommit | None:
    """Return the commit that puts (None: removes) all these files; None if they are so already.

    Raises as `build_commit`.
    """
    trees = ChangedTrees(reader)
    for path, data in sorted(files.items()):
        if data is None:
            trees.remove(path)
        else:
            trees.put(path, data)
    if trees.root.id.decode() == reader.root:
        return None
    return _prepared(trees, parent, header, "")


def _prepared(
    trees: ChangedTrees, parent: CommitId, header: CommitHeader, blob: BlobId
) -> PreparedCommit:
    root = trees.root
    commit = _commit(root.id, parent, header)
    new: list[ShaFile] = [*trees.new_objects(), commit]
    return PreparedCommit(
        commit=commit.id.decode(),
        parent=parent,
        tree=root.id.decode(),
        blob=blob,
        objects=tuple((item.type_num, item.as_raw_string()) for item in new),
    )


def person_line(signature: Signature) -> str:
    """Return `Name <email>` as a commit may hold it: without <, > and line breaks inside.

    git fsck wants something before the address, so a name that is empty becomes the address.
    """
    email = "".join(signature.email.translate(_STRIPPED).split())
    name = " ".join(signature.name.translate(_STRIPPED).split()) or email or "unknown"
    return f"{name} <{email}>"


def _commit(tree: ObjectID, parent: CommitId, header: CommitHeader) -> Commit:
    commit = Commit()
    commit.tree = tree
    commit.parents = [ObjectID(parent.encode())]
    commit.author = person_line(header.author).encode()
    commit.committer = person_line(header.committer).encode()
    commit.author_time = commit.commit_time = header.time
    commit.author_timezone = commit.commit_timezone = 0
    message = header.message.replace("\0", "")
    commit.message = (message if message.endswith("\n") else f"{message}\n").encode()
    if header.signing_key is not None:
        commit.gpgsig = sign(commit.as_raw_string(), header.signing_key)
    return commit
