"""Who made an edit: names for commits, and what of a record's edits a commit has to name.

The admission webhook leaves a record of the edits on the object (see `domain.edit_record`). It
lists every edit since the two sides were last the same, with the hash of the document that each
edit made. So whoever commits later can tell the edits that are in the commit from those that an
earlier commit has already carried, even where the status was a moment late.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from ebbflow.domain.git import Signature

UNRESOLVED: Final = Signature("unresolved", "unresolved@ebbflow.dev")

OPERATOR: Final = ""
"""The user of the operator's own writes: they merge or take over, and are nobody's edit."""

MAX_USER: Final = 256
"""Characters of a user name. A longer one would have to be cut, and could then be another's."""

MAX_PERSON: Final = 512
"""Characters of the author of a commit that a Run names."""

_DOMAIN: Final = "users.ebbflow.dev"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: by whom (None: nobody knows), and the hash of the document that it made."""

    user: str | None
    document_hash: str


@dataclass(frozen=True, slots=True)
class Record:
    """The edits of an object since `base`, the hash of what both sides held then (None: nothing).

    `made` is when the object was created, in seconds since 1970, for a record that was signed
    before the object had a uid.
    """

    base: str | None
    edits: tuple[Edit, ...]
    made: int | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """Whom a commit names: its author, and the others who edited what is in it."""

    author: Signature = UNRESOLVED
    co_authors: tuple[Signature, ...] = ()


def credit(record: Record | None, document: str, file: str | None, base: str | None) -> Credit:
    """Return whom to name for a commit that brings the file to `document`.

    `record` is the verified record of the object that holds the document, None if there is none.
    `file` is what the file holds (None: there is none), `base` what both sides last agreed on; all
    three are hashes of documents. The last user is the author. A part of unknown origin is
    credited to `unresolved`, never to somebody who may not have made it.
    """
    if record is None or document in (file, base):
        return Credit()
    users = _users(_uncommitted(record, file, base))
    if not users or users[-1] is None:
        return Credit()
    author, *others = (UNRESOLVED if user is None else author_of(user) for user in reversed(users))
    return Credit(author, tuple(reversed(others)))


def _uncommitted(record: Record, file: str | None, base: str | None) -> tuple[Edit, ...]:
    """Return the edits that the file does not hold.

    Those up to the one that made what the file holds are in it, whatever the status says. Where
    the record leads to nothing that is known, only its last edit is certain.
    """
    hashes = [edit.document_hash for edit in record.edits]
    for known in (file, base):
        if known in hashes:
            return record.edits[len(hashes) - hashes[::-1].index(known) :]
    if base is None or base == record.base:
        return record.edits
    last = [edit for edit in record.edits if edit.user != OPERATOR][-1:]
    return (Edit(None, record.edits[0].document_hash), *last)


def _users(edits: tuple[Edit, ...]) -> list[str | None]:
    """Return who made the edits, each once, in the order of their last edits."""
    users = [edit.user for edit in edits if edit.user != OPERATOR]
    return list(dict.fromkeys(reversed(users)))[::-1]


def last_editor(record: Record | None, document: str) -> str | None:
    """Return who made the document (a hash) what it is, as commits name them; None: nobody knows."""
    author = credit(record, document, None, None).author
    return None if author == UNRESOLVED else author.name


def author_of(user: str) -> Signature:
    """Return the name and address of a Kubernetes user for a commit.

    A ServiceAccount is called `namespace/name`. The address is the name itself if it has an `@`.
    What would end a name or a line in a commit (`<`, `>`, line breaks) and what cannot be seen is
    left out; a name of which nothing is left is unresolved.
    """
    name = _shown(user)
    if name.startswith(_SERVICE_ACCOUNT):
        name = name.removeprefix(_SERVICE_ACCOUNT).replace(":", "/")
    if not name or len(name) > MAX_USER:
        return UNRESOLVED
    return Signature(name, name if "@" in name else f"{name}@{_DOMAIN}")


def person_text(person: Signature) -> str | None:
    """Return the author of somebody's commit as `name <address>`; None if that says nothing.

    What cannot be seen is left out. One that is too long is left out whole: cut, it could be
    another's. The brackets keep it apart from the users of the cluster, whom nobody can forge.
    """
    name, email = _shown(person.name), _shown(person.email)
    text = f"{name} <{email}>".strip()
    return text if (name or email) and len(text) <= MAX_PERSON else None


def _shown(text: str) -> str:
    return " ".join("".join(c for c in text if _is_shown(c)).split())


def _is_shown(character: str) -> bool:
    # C*: control and format characters (those turn text around), surrogates, unassigned ones.
    # Line breaks are Cc, Zl and Zp.
    category = unicodedata.category(character)
    return character not in "<>" and category[0] != "C" and category not in ("Zl", "Zp")


def with_co_authors(message: str, credit: Credit, limit: int) -> str:
    """Add a trailer for each co-author to a message that ends in its trailers.

    Those who would make the message longer than `limit` characters are left out.
    """
    for person in credit.co_authors:
        line = f"Co-authored-by: {person}\n"
        if len(message) + len(line) <= limit:
            message += line
    return message
