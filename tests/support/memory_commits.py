"""Commits as the fake of the Git port makes and reads them, from Git's formats alone."""

from __future__ import annotations

from ebbflow.adapters.git.signing import sign
from ebbflow.devcluster.gitrepository import LoggedCommit
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.git import (
    BlobId,
    CommitHeader,
    CommitId,
    NotAFile,
    PreparedCommit,
    Signature,
)
from tests.support.memory_objects import COMMIT, DIRECTORY, Objects, TreeEntry


def prepared(
    known: Objects,
    made: Objects,
    parent: CommitId,
    tree: str,
    header: CommitHeader,
    blob: BlobId,
) -> PreparedCommit:
    """Return the commit of a tree, with all that is not `known`."""
    message = header.message if header.message.endswith("\n") else f"{header.message}\n"
    text = (
        f"tree {tree}\nparent {parent}\n"
        f"author {person(header.author)} {header.time} +0000\n"
        f"committer {person(header.committer)} {header.time} +0000\n"
    )
    signature = ""
    if header.signing_key is not None:
        signed = sign(f"{text}\n{message}".encode(), header.signing_key).decode()
        signature = "gpgsig " + signed.replace("\n", "\n ") + "\n"
    commit = made.add(COMMIT, f"{text}{signature}\n{message}".encode())
    new = tuple(value for sha, value in made.found.items() if sha not in known.found)
    return PreparedCommit(commit, parent, tree, blob, new)


def look_up(objects: Objects, tree: str, path: str) -> TreeEntry | None:
    """Return what lies at a path; raises NotAFile where a file is on the way."""
    *directories, name = normalise_path(path).split("/")
    for directory in directories:
        entry = objects.tree(tree).get(directory)
        if entry is None:
            return None
        if entry[0] != DIRECTORY:
            raise NotAFile(f"{directory} on the way to {path} is no directory")
        tree = entry[1]
    return objects.tree(tree).get(name)


def person(signature: Signature) -> str:
    name, email = (
        "".join(" " if c in "<>\n\r\0" else c for c in text).strip()
        for text in (signature.name, signature.email)
    )
    return f"{' '.join(name.split())} <{''.join(email.split())}>"


def logged(objects: Objects, sha: CommitId) -> LoggedCommit:
    header, _, message = objects.found[sha][1].decode().partition("\n\n")
    people = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in header.split("\n")}
    author, time, _ = people["author"].rsplit(" ", 2)
    committer = people["committer"].rsplit(" ", 2)[0]
    return LoggedCommit(sha, objects.parents_of(sha), author, committer, int(time), message)
