"""A commit in memory: one blob, the trees on the way to it, and the commit itself."""

from __future__ import annotations

from typing import Final, cast

from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree

from ebbflow.adapters.git.signing import sign
from ebbflow.adapters.git.trees import DIRECTORY, REGULAR_FILE, TreeReader
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.git import CommitHeader, CommitId, PreparedCommit, Signature

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
    there = reader.find(path)
    blob = Blob.from_string(data)
    trees = _changed_trees(
        reader, normalise_path(path), there.mode if there else REGULAR_FILE, blob.id
    )
    commit = _commit(trees[-1].id, parent, header)
    new: list[ShaFile] = [blob, *trees, commit]
    return PreparedCommit(
        commit=commit.id.decode(),
        parent=parent,
        tree=trees[-1].id.decode(),
        blob=blob.id.decode(),
        objects=tuple((item.type_num, item.as_raw_string()) for item in new),
    )


def person_line(signature: Signature) -> str:
    """Return `Name <email>` as a commit may hold it: without <, > and line breaks inside.

    git fsck wants something before the address, so a name that is empty becomes the address.
    """
    email = "".join(signature.email.translate(_STRIPPED).split())
    name = " ".join(signature.name.translate(_STRIPPED).split()) or email or "unknown"
    return f"{name} <{email}>"


def _changed_trees(reader: TreeReader, path: str, mode: int, sha: ObjectID) -> list[Tree]:
    """Return the new trees on the way to a file, the innermost first, the root last."""
    *directories, name = [part.encode() for part in path.split("/")]
    chain = [_copy(reader.tree(reader.root))]
    for directory in directories:
        above = chain[-1]
        known = directory in above
        chain.append(_copy(reader.tree(above[directory][1].decode())) if known else Tree())
    chain.reverse()
    for tree, entry in zip(chain, [name, *reversed(directories)], strict=True):
        tree[entry] = (mode, sha)
        mode, sha = DIRECTORY, tree.id
    return chain


def _copy(tree: Tree) -> Tree:
    return cast("Tree", tree.copy())


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
