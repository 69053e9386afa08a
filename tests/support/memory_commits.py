"""Commits as the fake of the Git port makes and reads them, from Git's formats alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ebbflow.adapters.git.signing import sign
from ebbflow.devcluster.gitrepository import Content, Entry, LoggedCommit
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.git import (
    BlobId,
    Changes,
    CommitHeader,
    CommitId,
    CommitNote,
    InvalidRequest,
    NotACommit,
    NotAFile,
    PreparedCommit,
    Signature,
)
from ebbflow.domain.source_archive import FileKind, TreeFile
from tests.support.memory_objects import BLOB, COMMIT, DIRECTORY, Objects, TreeEntry

KINDS_OF_FILES: dict[str, FileKind] = {"100644": "file", "100755": "executable", "120000": "link"}


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


def note(objects: Objects, sha: CommitId) -> CommitNote:
    """Return what a commit says of itself."""
    told = logged(objects, sha)
    return CommitNote(sha, told.message, Signature.parse(told.author))


def merged(objects: Objects, ours: CommitId, other: CommitId, stamp: str) -> CommitId:
    """Make the commit that merges `other` into `ours`, with the tree of `other`; its id."""
    lines = [
        f"tree {objects.tree_of(other)}",
        *(f"parent {parent}" for parent in (ours, other)),
        *(f"author {stamp}", f"committer {stamp}", "", "Merge\n"),
    ]
    return objects.add(COMMIT, "\n".join(lines).encode())


def changes_between(objects: Objects, before: CommitId | None, after: CommitId) -> Changes:
    """Return what lies between two commits; raises NotACommit."""
    if objects.found[after][0] != COMMIT:
        raise NotACommit(f"{after} is no commit")
    head = note(objects, after)
    if before is None or before not in objects.found:
        return Changes(head, None, (head,))
    old, new = (objects.files(objects.tree_of(sha)) for sha in (before, after))
    paths = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    known = set(objects.ancestry(before))
    added = [sha for sha in objects.ancestry(after) if sha not in known]
    return Changes(head, frozenset(paths), tuple(note(objects, sha) for sha in added))


def common(objects: Objects, one: CommitId, other: CommitId) -> CommitId | None:
    """Return the newest commit that both are made of; None if there is none, or one is gone."""
    if one not in objects.found or other not in objects.found:
        return None
    known = set(objects.ancestry(one))
    return next((sha for sha in objects.ancestry(other) if sha in known), None)


def entry_of(objects: Objects, content: Content) -> TreeEntry | None:
    match content:
        case None:
            return None
        case Entry(mode="160000", data=commit):
            return "160000", commit.decode()
        case Entry(mode=mode, data=data):
            return mode, objects.add(BLOB, data)
        case bytes():
            return "100644", objects.add(BLOB, content)


def files_below(objects: Objects, tree: str, prefix: str) -> Iterator[TreeFile]:
    for name, (mode, sha) in objects.tree(tree).items():
        if mode == DIRECTORY:
            yield from files_below(objects, sha, f"{prefix}{name}/")
        elif mode in KINDS_OF_FILES:
            yield TreeFile(prefix + name, KINDS_OF_FILES[mode], objects.found[sha][1])


def checked(check: Callable[[str], object], text: str) -> None:
    try:
        check(text)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
